"""Pieces of plain text that are read beside litellm."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.adapters.litellm_transform_text import Aside, Piece, anthropic_piece, gemini_piece


def claude(**delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def gemini(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0}], **fields}


def text(said: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]}


def test_a_piece_of_text_is_a_chunk() -> None:
    """Of one choice, with nothing but its content, whatever that is."""
    for said in ("Hello", " ", "世界\u2028", '{"finishReason": "STOP"}'):
        assert anthropic_piece(claude(type="text_delta", text=said)) == text(said)
        assert gemini_piece(gemini({"text": said})) == text(said)


@pytest.mark.parametrize(
    "event",
    [
        {}, {"type": "ping"}, {"type": "content_block_delta"}, {"type": "content_block_delta", "delta": None},
        claude(type="input_json_delta", partial_json="{"), claude(type="thinking_delta", thinking="x"),
        claude(type="text_delta", text=""), claude(type="text_delta", text=1), claude(type="text_delta"),
        claude(type="text_delta", text="x", citation={}), {"type": "error", "error": {"message": "x"}},
    ],
)  # fmt: skip
def test_all_else_of_claudes_is_litellms(event: dict[str, Any]) -> None:
    """Tools, thoughts, marks, errors and what nobody has seen yet."""
    assert anthropic_piece(event) is None


@pytest.mark.parametrize(
    "event",
    [
        {}, {"candidates": []}, {"candidates": None}, {"error": {"code": 429}}, {"candidates": [None]},
        gemini(), gemini({"text": "a"}, {"text": "b"}), gemini({"text": ""}), gemini({"text": "a", "thought": True}),
        gemini({"functionCall": {"name": "x"}}), gemini({"text": "a"}, promptFeedback={"blockReason": "SAFETY"}),
        {"candidates": [{"content": {"parts": [{"text": "a"}]}, "index": 0, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": [{"text": "a"}]}, "index": 1}]},
        {"candidates": [{"content": {"parts": [{"text": "a"}]}, "safetyRatings": []}]},
        {"candidates": [{"content": {"parts": [{"text": "a"}]}}] * 2},
    ],
)  # fmt: skip
def test_all_else_of_geminis_is_litellms(event: dict[str, Any]) -> None:
    """Ends, thoughts, tools, several parts or candidates, ratings and errors."""
    assert gemini_piece(event) is None


@pytest.mark.parametrize(("total", "answer"), [(15, 5), (13, 3)])
def test_geminis_counts_come_along(total: int, answer: int) -> None:
    """Thoughts are an answer's tokens; where prompt and answer already make the total, they are among the answer's."""
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": total}
    chunk = gemini_piece(gemini({"text": "a"}, usageMetadata=usage, modelVersion="m", responseId="r"))
    assert chunk == {**text("a"), "usage": {"prompt_tokens": 10, "completion_tokens": answer}}


@pytest.mark.parametrize(
    ("piece", "said", "last"),
    [
        (anthropic_piece, claude(type="text_delta", text="a"), {"type": "message_delta", "delta": {}}),
        (gemini_piece, gemini({"text": "a"}), {"candidates": [{"finishReason": "CONTINUATION", "index": 0}]}),
    ],
)
def test_beginning_and_end_are_litellms(piece: Piece, said: dict[str, Any], last: dict[str, Any]) -> None:
    """It reads the first event, in which an answer begins, and all that follow the first finish reason."""
    aside = Aside(piece)
    taken = [aside.takes(orjson.dumps(event)) for event in (said, said, said, last, said)]
    assert taken == [False, True, True, False, False]
    assert list(aside.chunks) == [text("a"), text("a")]


def test_what_is_no_json_is_litellms() -> None:
    """It may be half of something, or [DONE]."""
    aside = Aside(anthropic_piece)
    assert not any(aside.takes(data) for data in (b"[DONE]", b"{", b"[]", b"1", b""))


def test_without_a_reader_everything_is_litellms() -> None:
    """For families whose events nobody here can read."""
    aside = Aside(None)
    event = orjson.dumps(claude(type="text_delta", text="a"))
    assert not aside.takes(event)
    assert not aside.takes(event)
