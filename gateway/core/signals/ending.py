"""Whether there is an answer at all, and whether it came to its own end."""

from __future__ import annotations

import re

_WHOLE = frozenset({"stop", "tool_calls", "function_call", "end_turn", "stop_sequence", "eos", "complete", "tool_use"})
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_FILTERED = frozenset({"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "refusal"})
_FAILED = frozenset({"error", "malformed_function_call"})
# White space, and what is just as invisible.
_BLANK = re.compile("[\\s\u200b\u200c\u200d\u2060\ufeff\x00]*\\Z")
_DANGLING = (",", ";", "(", "[", "{")


def visible(text: str) -> str:
    """The part of the answer that is meant for the reader: without a leading `<think>` block.

    A block that was never closed leaves nothing: the model thought until it was cut and did not answer.
    """
    start = text[:64].lstrip()
    if not start.startswith("<think>"):
        return text
    _, closed, rest = text.partition("</think>")
    return rest if closed else ""


def is_blank(text: str) -> bool:
    """Whether a reader would see nothing."""
    # Most of it is white space, which lstrip passes over faster.
    return _BLANK.match(text.lstrip()) is not None


def is_filtered(reason: str | None) -> bool:
    """Whether the provider held the answer back."""
    return reason is not None and reason.lower() in _FILTERED


def finish(reason: str | None) -> float | None:
    """1 for an answer that ended by itself, 0.5 for one cut by a token limit, 0 for a filter or an error.

    None for a reason that is missing or unknown. OpenAI's words and those of other providers are understood.
    """
    if reason is None:
        return None
    word = reason.lower()
    if word in _WHOLE:
        return 1.0
    if word in _CUT:
        return 0.5
    return 0.0 if word in _FILTERED or word in _FAILED else None


def truncation(text: str, reason: str | None) -> float:
    """1 for an answer that looks whole, 0 if a token limit cut it.

    0.5 if only the text itself suggests a cut: a code fence that is never closed, or an end in the middle of a list.
    """
    if reason is not None and reason.lower() in _CUT:
        return 0.0
    # One character is found ten times faster than three are counted.
    unclosed = "`" in text and text.count("```") % 2 == 1
    return 0.5 if unclosed or text[-64:].rstrip().endswith(_DANGLING) else 1.0
