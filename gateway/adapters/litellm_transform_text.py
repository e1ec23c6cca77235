"""Pieces of plain text out of a provider's stream, read without litellm: nearly all events are one of these."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from gateway.core.values import Json

Piece = Callable[[Mapping[str, Any]], Json | None]
"""Reads one family's event as a chunk of OpenAI's shape; None where it is anything but a piece of plain text."""

_LAST: Final = (b'"finishReason"', b'"message_delta"')
"""In the events that say how an answer ends."""
_GEMINI_EVENT: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId"})
_GEMINI_CANDIDATE: Final = frozenset({"content", "index"})


class Aside:
    """What was read beside litellm's reader, which is given an empty line in its place and returns from it.

    It reads what comes first, where the answer begins, and everything from the first finish reason on.
    """

    def __init__(self, piece: Piece | None) -> None:
        self.chunks: deque[Json] = deque()
        self._piece = piece
        self._begun = False

    def takes(self, data: bytes) -> bool:
        """Whether this event is a piece of plain text, which is now among the chunks."""
        if self._piece is None:
            return False
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            event = None
        chunk = self._piece(event) if self._begun and isinstance(event, dict) else None
        if chunk is None:
            self._begun = True
            if any(mark in data for mark in _LAST):
                self._piece = None
            return False
        self.chunks.append(chunk)
        return True


def anthropic_piece(event: Mapping[str, Any]) -> Json | None:
    """Anthropic's `text_delta`."""
    if event.get("type") != "content_block_delta":
        return None
    delta = event.get("delta")
    if not isinstance(delta, dict) or len(delta) != 2 or delta.get("type") != "text_delta":
        return None
    return _chunk(delta.get("text"))


def gemini_piece(event: Mapping[str, Any]) -> Json | None:
    """Gemini's single part of a single candidate, with the tokens counted so far."""
    candidates = event.get("candidates")
    if not event.keys() <= _GEMINI_EVENT or not isinstance(candidates, list) or len(candidates) != 1:
        return None
    candidate = candidates[0]
    if not isinstance(candidate, dict) or not candidate.keys() <= _GEMINI_CANDIDATE or candidate.get("index"):
        return None
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list) or len(parts) != 1 or not isinstance(parts[0], dict) or len(parts[0]) != 1:
        return None
    chunk = _chunk(parts[0].get("text"))
    usage = event.get("usageMetadata")
    if chunk is None or not isinstance(usage, dict):
        return chunk
    return {**chunk, "usage": _gemini_usage(usage)}


def _gemini_usage(usage: Mapping[str, Any]) -> Json:
    told = [usage.get(name) for name in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")]
    prompt, answer, thoughts = (count if isinstance(count, int) else 0 for count in told)
    if prompt + answer != usage.get("totalTokenCount"):  # else the thoughts are counted in the answer
        answer += thoughts
    return {"prompt_tokens": prompt, "completion_tokens": answer}


def _chunk(text: object) -> Json | None:
    if not isinstance(text, str) or not text:
        return None
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
