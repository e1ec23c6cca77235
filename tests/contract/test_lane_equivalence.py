"""A request means the same in the direct lane and through litellm: what goes up, what comes back, what it costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.adapters.asyncio_transport import AsyncioTransport
from gateway.adapters.direct_upstream import DirectRoute, DirectUpstream
from gateway.adapters.litellm_upstream import LitellmUpstream, Route
from gateway.core.values import Completion
from gateway.errors import UpstreamError
from gateway.flows.ports import Upstream
from tests.contract.upstream_answers import TEXTS, TIME, TOOLS, WEATHER
from tests.contract.upstream_fixtures import CANARY, MESSAGES, Lane, Streamed
from tests.neighbours.scripted_provider import ScriptedProvider, error_body

SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "a", "strict": True, "schema": {"type": "object", "properties": {"x": {"type": "number"}}}},
}
REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sampling": {"temperature": 0.25, "top_p": 0.5, "seed": 3, "presence_penalty": 0.5, "frequency_penalty": 0.25},
    "limits": {"max_tokens": 17, "stop": ["END", "."]},
    "completion limit": {"max_completion_tokens": 17},
    "tools": {"tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": False},
    "a chosen tool": {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "time"}}},
    "a schema": {"response_format": SCHEMA},
    "json": {"response_format": {"type": "json_object"}},
    "log probabilities": {"logprobs": True, "top_logprobs": 2, "logit_bias": {"5": 1}},
    "our own fields": {"metadata": {"task_type": "code_generation"}, "user": "u-1"},
    "unknown fields": {"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}},
    "nulls": {"stop": None, "temperature": None, "tools": None},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is on it?"},
                            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]},
    "a tool's answer": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            *MESSAGES,
            {"role": "assistant", "content": None,
             "tool_calls": [{"id": "c", "type": "function", "function": {"name": "time", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "noon"},
        ],
        "tools": TOOLS,
    },
}  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    **{f"text: {name}": {"pieces": (text,)} for name, text in TEXTS.items()},
    "pieces": {"pieces": tuple("Grüße, 世界!")},
    "tools": {"pieces": (), "tools": (WEATHER, TIME), "finish_reason": "tool_calls", "interleaved": True},
    "text and tools": {"tools": (WEATHER,), "finish_reason": "tool_calls"},
    "cut by a limit": {"finish_reason": "length"},
    "a refusal": {"pieces": (), "refusal": "No."},
    "reasoning": {"reasoning": "Hm."},
    "no usage": {"usage": None},
    "usage in parts": {"usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
                                 "prompt_tokens_details": {"cached_tokens": 4}, "cost": 0.25}},
}  # fmt: skip
STATUSES = (400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 529)


class Pair:
    """The same model behind one provider, by both lanes."""

    def __init__(self, provider: ScriptedProvider, direct: Upstream, litellm: Upstream) -> None:
        self.lanes = (Lane(provider, direct), Lane(provider, litellm))

    def script(self, **behaviour: Any) -> None:
        self.lanes[0].script(**behaviour)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with ScriptedProvider() as provider:
        route = DirectRoute.of("openai/arm", api_key=CANARY, api_base=provider.url)
        direct = DirectUpstream({"arm": route}, AsyncioTransport())
        litellm = LitellmUpstream({"arm": Route(model="openai/arm", api_key=CANARY, api_base=provider.url)})
        await litellm.warm()
        yield Pair(provider, direct, litellm)
        await direct.close()
        await litellm.close()


def timeless(completion: Completion) -> Completion:
    return replace(completion, latency_s=0.0, first_token_s=0.0)


def said(streamed: Streamed) -> dict[str, Any]:
    """What a client makes of a stream, piece by piece."""
    return {
        "deltas": [{k: v for k, v in delta.items() if v not in (None, "")} for delta in streamed.deltas()],
        "finish": [choice["finish_reason"] for chunk in streamed.chunks for choice in chunk["choices"]],
        "usage": [chunk["usage"] for chunk in streamed.chunks if chunk.get("usage")],
        "heads": {(chunk["id"], chunk["model"], chunk["created"]) for chunk in streamed.chunks},
    }


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fields", REQUESTS.values(), ids=REQUESTS.keys())
async def test_the_same_goes_up(pair: Pair, fields: dict[str, Any], streamed: bool) -> None:
    """Body and key, up to the order of the fields and to what is null."""
    sent = []
    for lane in pair.lanes:
        await lane.either(streamed=streamed, **fields)
        sent.append(
            (_said(lane.sent), lane.provider.requests[-1].path, lane.provider.requests[-1].headers["authorization"])
        )
    assert sent[0] == sent[1]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_the_same_comes_back(pair: Pair, answer: dict[str, Any]) -> None:
    """The client's message and what is scored, charged and learned from."""
    pair.script(**answer)
    one, two = [await lane.complete(tools=TOOLS) for lane in pair.lanes]
    assert timeless(one.completion) == timeless(two.completion)
    for field in ("id", "object", "created", "model"):
        assert one.body[field] == two.body[field]
    ours, theirs = _choices(one.body), _choices(two.body)
    assert ours == theirs
    assert _used(one.body).items() <= _used(two.body).items()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_the_same_is_streamed(pair: Pair, answer: dict[str, Any]) -> None:
    """Deltas, finish reasons, usage and heads, in the same order."""
    pair.script(**answer)
    asked: dict[str, Any] = {"stream_options": {"include_usage": True}, "tools": TOOLS}
    one, two = [await lane.stream(**asked) for lane in pair.lanes]
    assert said(one) == said(two)
    assert timeless(one.completion) == timeless(two.completion)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", STATUSES)
async def test_the_same_failure(pair: Pair, status: int, streamed: bool) -> None:
    """Kind, status, code, parameter, message and time to wait."""
    raw = error_body("It went wrong.", kind="some_error", code="some_code", param="messages")
    pair.script(status=status, raw=raw, headers={"retry-after": "7"})
    told = []
    for lane in pair.lanes:
        with pytest.raises(UpstreamError) as caught:
            await lane.either(streamed=streamed)
        error = caught.value
        told.append((type(error), error.status, error.code, error.param, error.message, error.retry_after_s))
    assert told[0] == told[1]


def _said(value: Any) -> Any:
    """The JSON without its nulls."""
    if isinstance(value, dict):
        return {name: _said(inner) for name, inner in value.items() if inner is not None}
    return [_said(inner) for inner in value] if isinstance(value, list) else value


def _choices(body: Any) -> list[dict[str, Any]]:
    """The choices without what is empty: litellm fills in fields that the provider did not send."""
    return [
        {
            "message": {name: value for name, value in choice["message"].items() if value is not None},
            "rest": {name: value for name, value in choice.items() if name != "message" and value is not None},
        }
        for choice in body["choices"]
    ]


def _used(body: Any) -> dict[str, Any]:
    return {name: value for name, value in body["usage"].items() if isinstance(value, int | float)}
