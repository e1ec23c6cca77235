"""The length of an answer against what the client hinted."""

from __future__ import annotations

from gateway.core.values import OutputLength

_SHORT_TOKENS = 100
_LONG_TOKENS = 500


def length(text: str, tokens_out: int, hint: OutputLength | None) -> float | None:
    """1 inside the hinted band, else the ratio of the band's edge to the length, in (0, 1); None without a hint.

    Short is under 100 tokens, long over 500, medium from 100 to 500. The count is the provider's, but never more than
    the characters of the text: hidden reasoning is billed as output and is no part of the answer's length.
    """
    if hint is None:
        return None
    tokens = min(tokens_out, len(text)) if tokens_out > 0 else -(-len(text) // 4)
    if hint != "long" and tokens > (_SHORT_TOKENS if hint == "short" else _LONG_TOKENS):
        return (_SHORT_TOKENS if hint == "short" else _LONG_TOKENS) / tokens
    if hint != "short" and tokens < (_LONG_TOKENS if hint == "long" else _SHORT_TOKENS):
        return tokens / (_LONG_TOKENS if hint == "long" else _SHORT_TOKENS)
    return 1.0
