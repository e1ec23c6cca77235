"""Rules of the simulated provider's wire: what it refuses, and the shapes of what it sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.provider_wire import Answer, Json, RefusedCallError, chunks, completion, model_list, read_call

USER = {"role": "user", "content": "Hi there"}
BODY = {"model": "swift", "messages": [USER]}


def answer(text: str) -> Answer:
    """A finished answer with this text."""
    return Answer(
        id="chatcmpl-1", created_s=1, model="swift", text=text, finish_reason="stop", tokens_in=7, tokens_out=3
    )


def deltas(parts: list[Json]) -> list[dict[str, object]]:
    """The deltas of all chunks that have a choice."""
    found: list[dict[str, object]] = []
    for part in parts:
        choices = part["choices"]
        assert isinstance(choices, list)
        found += [choice["delta"] for choice in choices]
    return found


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({"messages": [USER]}, "model"),
        ({"model": 3, "messages": [USER]}, "model"),
        ({"model": "swift"}, "messages"),
        ({**BODY, "messages": []}, "messages"),
        ({**BODY, "messages": ["Hi"]}, "messages[0]"),
        ({**BODY, "messages": [USER, {"content": "Hi"}]}, "messages[1]"),
        ({**BODY, "messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({**BODY, "n": 2}, "n"),
        ({**BODY, "max_tokens": 0}, "max_tokens"),
        ({**BODY, "max_tokens": True}, "max_tokens"),
        ({**BODY, "max_completion_tokens": "9"}, "max_completion_tokens"),
        ({**BODY, "stream_options": "usage"}, "stream_options"),
        ({**BODY, "response_format": "json"}, "response_format"),
    ],
)
def test_a_bad_body_is_refused_with_the_field_that_is_wrong(body: object, param: str | None) -> None:
    """A refusal is a 400 in OpenAI's error shape: exactly message, type, param and code."""
    with pytest.raises(RefusedCallError) as refusal:
        read_call(body)
    assert refusal.value.status == 400
    error = refusal.value.body["error"]
    assert isinstance(error, dict)
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


def test_the_last_user_message_is_the_prompt_and_all_messages_count() -> None:
    """Other turns cost tokens (a quarter per character and 4 per message), but do not hide the question."""
    turns = [{"role": "system", "content": "12345678"}, {"role": "user", "content": "old"}, USER]
    call = read_call({"model": "swift", "messages": [*turns, {"role": "assistant", "content": None}]})
    assert call.prompt == "Hi there"
    assert call.tokens_in == (2 + 4) + (1 + 4) + (2 + 4) + (0 + 4)


def test_text_parts_are_read_as_one_text() -> None:
    """A content array with text parts equals the text; parts of other kinds have none."""
    parts = [{"type": "text", "text": "Hi "}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "there"}]
    assert read_call({**BODY, "messages": [{"role": "user", "content": parts}]}).prompt == "Hi there"


def test_the_newer_name_of_the_token_limit_wins() -> None:
    """OpenAI replaced `max_tokens` by `max_completion_tokens`; both are heard."""
    assert read_call({**BODY, "max_tokens": 5}).max_tokens == 5
    assert read_call({**BODY, "max_tokens": 5, "max_completion_tokens": 3}).max_tokens == 3
    assert read_call({**BODY, "max_tokens": None}).max_tokens is None


def test_a_completion_has_openai_s_shape() -> None:
    """One choice with the assistant's message, and usage that adds up."""
    body = completion(answer("Hello"))
    assert body["object"] == "chat.completion"
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@given(text=st.text(max_size=200), include_usage=st.booleans())
def test_chunks_add_up_to_the_answer(text: str, include_usage: bool) -> None:
    """Role first, content in order, an empty delta with the finish reason, then usage only where it was asked for."""
    shares, parts = zip(*chunks(answer(text), include_usage), strict=True)
    said = deltas(list(parts))
    assert said[0]["role"] == "assistant"
    assert "".join(str(delta.get("content", "")) for delta in said) == text
    assert said[-1] == {}
    assert (parts[-1].get("usage") == answer(text).usage) is include_usage
    assert all(part.get("usage") is None for part in parts[:-1])
    assert list(shares) == sorted(shares)
    assert 0.0 <= shares[0] <= shares[-1] == 1.0
    assert {(part["id"], part["object"], part["model"]) for part in parts} == {
        ("chatcmpl-1", "chat.completion.chunk", "swift")
    }


def test_the_model_list_names_the_one_model() -> None:
    """`GET /v1/models` has OpenAI's list shape."""
    body = model_list("swift")
    assert body["object"] == "list"
    data = body["data"]
    assert isinstance(data, list)
    assert [(entry["id"], entry["object"]) for entry in data] == [("swift", "model")]
