"""Providers with a wire of their own, through litellm: what is translated, and that a cut is a cut there too."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from gateway.adapters.litellm_upstream import LitellmUpstream, Route
from gateway.core.values import ToolCall
from gateway.errors import UpstreamCutError, UpstreamError, UpstreamRateLimitError
from tests.contract.upstream_fixtures import CANARY, Streamed, parse, request

# pydantic says so once for each of litellm's own types, whenever it happens to be built.
pytestmark = pytest.mark.filterwarnings("ignore:.* on TypedDict class .* using the `ReadOnly` qualifier:UserWarning")
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


@dataclass(slots=True)
class Canned:
    """A server that answers every request with the same events or the same body, and remembers what came."""

    url: str = ""
    events: Sequence[dict[str, Any]] = ()
    body: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    received: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append((request.path_qs, headers, await request.json()))
        if not self.events:
            return web.json_response(self.body, status=self.status)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in self.events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            await response.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        await response.write_eof()
        return response


@pytest.fixture
async def canned() -> AsyncIterator[Canned]:
    server = Canned()
    app = web.Application()
    app.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield server
    await runner.cleanup()


async def upstream(model: str, canned: Canned) -> LitellmUpstream:
    made = LitellmUpstream({"arm": Route(model=model, api_key=CANARY, api_base=canned.url)})
    await made.warm()
    return made


async def stream(model: str, canned: Canned, **fields: Any) -> Streamed:
    lane = await upstream(model, canned)
    opened = await lane.open(request(**fields))
    try:
        blocks = [block async for block in opened]
        return Streamed(blocks=blocks, completion=opened.completion())
    finally:
        await opened.aclose()
        await lane.close()


CLAUDE = "anthropic/claude-sonnet-4-5"
CLAUDE_EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [],
                    "stop_reason": None, "usage": {"input_tokens": 25, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Let me "}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "look: [DONE]\u2028"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1,
     "content_block": {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"city": '}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '"Bern"}'}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 15}},
    {"type": "message_stop"},
]  # fmt: skip


async def test_a_claude_stream_reads_as_openais(canned: Canned) -> None:
    """Text, tool call, finish reason and both halves of the usage, sent in OpenAI's shape under one id."""
    canned.events = CLAUDE_EVENTS
    read = await stream(CLAUDE, canned, tools=TOOLS, stream_options={"include_usage": True})
    assert read.text == "Let me look: [DONE]\u2028"
    assert read.completion.text == read.text
    assert read.completion.tool_calls == (ToolCall(id="toolu_1", name="weather", arguments='{"city": "Bern"}'),)
    assert read.completion.finish_reason == "tool_calls"
    assert (read.completion.tokens_in, read.completion.tokens_out) == (25, 15)
    assert len({chunk["id"] for chunk in read.chunks}) == 1
    assert [chunk["usage"]["total_tokens"] for chunk in read.chunks if not chunk["choices"]] == [40]
    assert read.deltas()[0]["role"] == "assistant"
    fragments = [call for delta in read.deltas() for call in delta.get("tool_calls") or ()]
    assert "".join(call["function"].get("arguments") or "" for call in fragments) == '{"city": "Bern"}'


@pytest.mark.parametrize("count", [1, 3, 5, 9])
async def test_a_cut_claude_stream_is_an_error(canned: Canned, count: int) -> None:
    """Without its message_delta the answer is not whole, whatever litellm's own stream says."""
    canned.events = CLAUDE_EVENTS[:count]
    with pytest.raises(UpstreamCutError):
        await stream(CLAUDE, canned, tools=TOOLS)


async def test_claude_overloaded_midway(canned: Canned) -> None:
    """Its error event is an error."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    canned.events = [*CLAUDE_EVENTS[:3], error]
    with pytest.raises(UpstreamError) as caught:
        await stream(CLAUDE, canned)
    assert (caught.value.status, caught.value.infrastructure) == (502, True)


async def test_a_claude_request(canned: Canned) -> None:
    """What the wire cannot carry is left out rather than refused; the key goes in its own header; one request."""
    canned.body = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "max_tokens",
        "content": [{"type": "text", "text": "4"}], "usage": {"input_tokens": 9, "output_tokens": 2},
    }  # fmt: skip
    lane = await upstream(CLAUDE, canned)
    fields: dict[str, Any] = {"seed": 3, "logit_bias": {"1": 2}, "presence_penalty": 1, "unknown_field": 1, "user": "u"}
    reply = await lane.complete(request(max_tokens=17, temperature=0.5, **fields, api_base="http://canary.invalid"))
    await lane.close()
    ((path, headers, sent),) = canned.received
    assert (path, headers["x-api-key"]) == ("/v1/messages", CANARY)
    assert (sent["max_tokens"], sent["temperature"]) == (17, 0.5)
    assert not (fields.keys() - {"user"}) & sent.keys()
    assert (reply.completion.text, reply.completion.finish_reason) == ("4", "length")
    assert (reply.completion.tokens_in, reply.completion.tokens_out) == (9, 2)
    body: Any = reply.body
    assert body["choices"][0]["message"]["content"] == "4"
    assert body["model"] == "arm"


GEMINI = "gemini/gemini-2.5-flash"


def gemini(text: str, finish: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    usage = {"promptTokenCount": 8, "candidatesTokenCount": 3, "totalTokenCount": 11}
    return {"candidates": [{**candidate, **({"finishReason": finish} if finish else {})}], "usageMetadata": usage}


async def test_a_gemini_stream_reads_as_openais(canned: Canned) -> None:
    """litellm sends this request only when the stream is first read; the finish reason shares a chunk with text."""
    canned.events = [gemini("Hello"), gemini(", world"), gemini("!", "STOP")]
    read = await stream(GEMINI, canned)
    assert (read.text, read.completion.finish_reason) == ("Hello, world!", "stop")
    assert (read.completion.tokens_in, read.completion.tokens_out) == (8, 3)
    assert len(canned.received) == 1


async def test_a_cut_gemini_stream_is_an_error(canned: Canned) -> None:
    """Without a finish reason it has not ended."""
    canned.events = [gemini("Hello"), gemini(", world")]
    with pytest.raises(UpstreamCutError):
        await stream(GEMINI, canned)


async def test_gemini_asks_to_slow_down(canned: Canned) -> None:
    """Its errors come late, too, and its key is part of the address: neither shows."""
    canned.status, canned.body = 429, {"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}
    with pytest.raises(UpstreamRateLimitError) as caught:
        await stream(GEMINI, canned)
    assert CANARY not in str(caught.value)
    assert len(canned.received) == 1


async def test_blocks_are_single_events(canned: Canned) -> None:
    """Whatever a translated chunk holds, a block is one line of JSON."""
    canned.events = CLAUDE_EVENTS
    read = await stream(CLAUDE, canned, tools=TOOLS)
    assert all(parse(block)["model"] == "arm" for block in read.blocks)
