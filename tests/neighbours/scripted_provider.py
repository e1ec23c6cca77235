"""A real HTTP server on the loopback that speaks OpenAI's wire and does, model by model, what a test scripts."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType

from aiohttp import web

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedTool:
    """One tool call; streamed as the name first and then each fragment of the arguments."""

    id: str
    name: str
    fragments: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What one model does when it is asked."""

    pieces: Sequence[str] = ("Hello", ", ", "world", "!")
    echo: bool = False
    """Answer with the text of the last message."""
    tools: Sequence[ScriptedTool] = ()
    interleaved: bool = False
    """Stream the fragments of parallel tool calls in turns instead of one call after the other."""
    reasoning: str | None = None
    refusal: str | None = None
    finish_reason: str | None = "stop"
    usage: Mapping[str, object] | None = field(default_factory=lambda: dict(USAGE))
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """The whole reply's body, instead of anything built here; also the body of an error status."""
    content_type: str = "application/json"
    events: Sequence[Mapping[str, object]] | None = None
    """The stream's events, instead of those built here."""
    delay_s: float = 0.0
    """Wait before the headers."""
    escaped: bool = True
    """Write a stream's letters beyond ASCII as escapes; else as they are."""
    event_delay_s: float = 0.0
    """Wait before each event of a stream."""
    hang: bool = False
    """Never send even the headers."""
    reset: bool = False
    """Break the connection off (RST) in place of any reply."""
    stall_after: int | None = None
    """Fall silent for ever after so many events of a stream; the connection stays open."""
    cut_after: int | None = None
    """Drop the connection after so many events of a stream, or half-way through a whole answer."""
    hold_after: int | None = None
    """Wait for `ScriptedProvider.release()` after so many events of a stream."""
    done: bool = True
    """Close a stream with [DONE]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    """With lower-case names."""
    body: Mapping[str, object]

    @property
    def model(self) -> object:
        """The model that was asked for."""
        return self.body.get("model")


class ScriptedProvider:
    """Use as an async context manager; `url` is the base that an OpenAI client is pointed at."""

    def __init__(self, scripts: Mapping[str, Script] | None = None) -> None:
        self.scripts: dict[str, Script] = dict(scripts or {})
        self.requests: list[Received] = []
        self.url = ""
        self.finished_streams = 0
        """Streams whose last event has been written."""
        self._released = asyncio.Event()
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/{prefix:.*}chat/completions", self._answer)
        app.router.add_route("*", "/{other:.*}", self._unexpected)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)

    async def __aenter__(self) -> ScriptedProvider:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = "http://{}:{}/v1".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        await self._runner.cleanup()

    def hits(self, model: str) -> int:
        """How many requests asked for this model."""
        return sum(received.model == model for received in self.requests)

    @property
    def busy_connections(self) -> int:
        """Connections on which a request is being answered, idle keep-alive ones left out."""
        server = self._runner.server
        assert server is not None
        return sum(1 for handler in server.connections if handler._current_request is not None)

    @property
    def open_connections(self) -> int:
        """All connections that clients hold open."""
        server = self._runner.server
        assert server is not None
        return len(server.connections)

    async def idle(self, within_s: float = 3.0) -> bool:
        """Whether every request under way was ended, by its answer or by the client's close, within this time."""
        return await self._becomes_zero("busy_connections", within_s)

    async def asked(self, within_s: float = 10.0) -> bool:
        """Whether a request has arrived, or arrives within this time."""
        for _ in range(int(within_s / 0.01)):
            if self.requests:
                return True
            await asyncio.sleep(0.01)
        return False

    async def deserted(self, within_s: float = 3.0) -> bool:
        """Whether the clients closed every connection within this time."""
        return await self._becomes_zero("open_connections", within_s)

    def release(self) -> None:
        """Let held streams go on."""
        self._released.set()

    async def _becomes_zero(self, count: str, within_s: float) -> bool:
        for _ in range(int(within_s / 0.01)):
            if getattr(self, count) == 0:
                return True
            await asyncio.sleep(0.01)
        return False

    async def _unexpected(self, request: web.Request) -> web.Response:
        self.requests.append(Received(path=request.path, headers=_headers(request), body={}))
        return web.json_response({"error": {"message": f"Unknown path {request.path}"}}, status=404)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text())
        self.requests.append(Received(path=request.path, headers=_headers(request), body=body))
        script = self.scripts.get(str(body.get("model")), Script())
        if script.echo:
            script = replace(script, pieces=body["messages"][-1]["content"].splitlines(keepends=True))
        if script.hang:
            await asyncio.Event().wait()
        if script.reset:
            _reset(request)
            return web.Response()
        await asyncio.sleep(script.delay_s)
        if script.raw is not None or script.status != 200:
            return web.Response(
                body=error_body("scripted") if script.raw is None else script.raw,
                status=script.status,
                headers=script.headers,
                content_type=script.content_type,
            )
        if body.get("stream"):
            return await self._stream(request, script, body)
        if script.cut_after is not None:
            return await self._cut_whole(request, script, body)
        return web.json_response(whole(script, body), status=script.status, headers=script.headers)

    async def _stream(self, request: web.Request, script: Script, body: Mapping[str, object]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **script.headers})
        await response.prepare(request)
        events = script.events if script.events is not None else chunks(script, body)
        for sent, event in enumerate(events):
            if sent == script.cut_after:
                _drop(request)
                return response
            if sent == script.stall_after:
                await asyncio.Event().wait()
            if sent == script.hold_after:
                await self._released.wait()
            await asyncio.sleep(script.event_delay_s)
            text = json.dumps(event, ensure_ascii=script.escaped)
            await response.write(f"data: {text}\n\n".encode())
        self.finished_streams += 1
        if script.done:
            await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _cut_whole(self, request: web.Request, script: Script, body: Mapping[str, object]) -> web.StreamResponse:
        text = json.dumps(whole(script, body)).encode()
        response = web.StreamResponse(headers={"content-type": "application/json"})
        response.content_length = len(text)
        await response.prepare(request)
        await response.write(text[: len(text) // 2])
        _drop(request)
        return response


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _drop(request: web.Request) -> None:
    """Close the socket without the end that the framing promised; what was written before is still delivered."""
    assert request.transport is not None
    request.transport.close()


def _reset(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


def error_body(message: str, *, kind: str = "api_error", code: str | None = None, param: str | None = None) -> bytes:
    """OpenAI's error object."""
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


def whole(script: Script, body: Mapping[str, object]) -> dict[str, object]:
    """The answer to a request that does not stream."""
    message: dict[str, object] = {"role": "assistant", "content": "".join(script.pieces) or None}
    if script.tools:
        message["tool_calls"] = [
            {"id": tool.id, "type": "function", "function": {"name": tool.name, "arguments": "".join(tool.fragments)}}
            for tool in script.tools
        ]
    if script.reasoning is not None:
        message["reasoning_content"] = script.reasoning
    if script.refusal is not None:
        message["refusal"] = script.refusal
    answer: dict[str, object] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": f"{body.get('model')}-2026-01-01",
        "choices": [{"index": 0, "message": message, "finish_reason": script.finish_reason}],
    }
    if script.usage is not None:
        answer["usage"] = script.usage
    return answer


def chunks(script: Script, body: Mapping[str, object]) -> list[dict[str, object]]:
    """The events of a streamed answer: role, reasoning, text, tool calls, finish, and usage if it was asked for."""
    head: dict[str, object] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": f"{body.get('model')}-2026-01-01",
    }
    deltas: list[dict[str, object]] = [{"role": "assistant", "content": ""}]
    if script.reasoning is not None:
        deltas.append({"reasoning_content": script.reasoning})
    if script.refusal is not None:
        deltas.append({"refusal": script.refusal})
    deltas += [{"content": piece} for piece in script.pieces]
    deltas += [{"tool_calls": [part]} for part in _tool_parts(script)]
    events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    if script.finish_reason is not None:
        events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": script.finish_reason}]})
    options = body.get("stream_options")
    if script.usage is not None and isinstance(options, dict) and options.get("include_usage"):
        events.append({**head, "choices": [], "usage": script.usage})
    return events


def _tool_parts(script: Script) -> list[dict[str, object]]:
    """Name first, then each fragment; fragments of several calls in turns where `interleaved`."""
    names: list[dict[str, object]] = []
    parts: list[tuple[int, int, dict[str, object]]] = []
    for index, tool in enumerate(script.tools):
        function = {"name": tool.name, "arguments": ""}
        names.append({"index": index, "id": tool.id, "type": "function", "function": function})
        parts += [
            (turn, index, {"index": index, "function": {"arguments": text}}) for turn, text in enumerate(tool.fragments)
        ]
    if script.interleaved:
        return names + [part for _, _, part in sorted(parts, key=lambda found: found[:2])]
    grouped: list[dict[str, object]] = []
    for index, name in enumerate(names):
        grouped += [name, *(part for _, owner, part in parts if owner == index)]
    return grouped
