"""Whole answers, the usual ones by a short way and all others by a long one that must say the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.openai_reply import read_reply
from gateway.adapters.openai_wire import Reading
from gateway.core.values import Json, ToolCall
from gateway.errors import UpstreamInvalidError

BODY: Json = {"messages": [{"role": "user", "content": "12345678"}]}


def answer(**message: object) -> Json:
    return {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


@pytest.mark.parametrize("choices", [None, [], "x", [None], [{}], [{"message": None}], [{"message": "x"}]])
def test_a_reply_that_is_no_answer(choices: object) -> None:
    """Without a message there is nothing to deliver."""
    with pytest.raises(UpstreamInvalidError, match="arm"):
        read_reply({"choices": choices}, BODY, arm_id="arm", latency_s=1.0)


def test_a_reply_is_read() -> None:
    """Everything that is judged or charged; without usage an estimate; the first token comes with the last."""
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    other = {"id": "u", "type": "function", "function": {"name": "g", "arguments": ""}}
    read = read_reply(answer(content="1234", tool_calls=[call, other]), BODY, arm_id="arm", latency_s=1.5)
    assert (read.text, read.finish_reason, read.id) == ("1234", "stop", "c")
    assert read.tool_calls == (ToolCall(id="t", name="f", arguments="{}"), ToolCall(id="u", name="g", arguments=""))
    assert (read.tokens_in, read.tokens_out, read.usage_estimated) == (2, 2, True)
    assert read.latency_s == read.first_token_s == 1.5


def test_the_old_function_call() -> None:
    """Before there were tools there was one function."""
    call = {"name": "f", "arguments": "{}"}
    read = read_reply(answer(content=None, function_call=call), BODY, arm_id="arm", latency_s=1.0)
    assert read.tool_calls == (ToolCall(id="", name="f", arguments="{}"),)


NULL = st.none()
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "content": st.one_of(NULL, st.text(max_size=8), st.integers()),
    "refusal": st.one_of(NULL, st.text(max_size=4)),
    "role": st.sampled_from([None, "assistant"]),
    "reasoning_content": st.one_of(NULL, st.text(max_size=4)),
    "tool_calls": st.one_of(NULL, st.just([]), st.just([{"id": "t", "function": {"name": "f", "arguments": "{}"}}])),
    "annotations": st.just([]),
    "unheard_of": st.just(1),
}
USAGES = st.one_of(
    NULL,
    st.fixed_dictionaries(
        {"prompt_tokens": st.integers(-1, 9), "completion_tokens": st.integers(0, 9)},
        optional={"cost": st.sampled_from([0.5, -1, True])},
    ),
)
REASONS = st.sampled_from([None, "", "stop", "length", "tool_calls", "content_filter", "novel", 7])


@given(
    message=st.fixed_dictionaries({}, optional=FIELDS),
    usage=USAGES,
    reason=REASONS,
    index=st.sampled_from([0, 0, 0, 1, None]),
)
def test_the_short_way_says_what_the_long_one_does(
    message: dict[str, Any], usage: object, reason: object, index: int | None
) -> None:
    """For every answer, usual or not: the long way is the one that streams are read by."""
    choice = {"message": message, "finish_reason": reason} | ({} if index is None else {"index": index})
    answer: Json = {"id": "c", "choices": [choice], "usage": usage}
    reading = Reading(body=BODY, arm_id="arm", started_s=0.0)
    reading.take({**answer, "choices": [{**choice, "delta": message}]}, 1.5)
    expected = reading.completion(1.5)
    assert read_reply(answer, BODY, arm_id="arm", latency_s=1.5) == replace(expected, first_token_s=1.5)
