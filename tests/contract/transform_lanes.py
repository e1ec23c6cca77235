"""The transform lane and `acompletion` on one server: what each of them sends, and what it makes of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.adapters.asyncio_transport import AsyncioTransport
from gateway.adapters.litellm_transform import TransformUpstream
from gateway.adapters.litellm_upstream import LitellmUpstream, Route
from gateway.errors import UpstreamError
from gateway.flows.ports import Upstream
from tests.contract.upstream_fixtures import CANARY, parse, request, rest


@dataclass(slots=True)
class Replayed:
    """A server that answers every request with the same bytes, and remembers what came."""

    url: str = ""
    status: int = 200
    content: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    received: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append((request.path_qs, headers, await request.json()))
        return web.Response(body=self.content, status=self.status, content_type=self.content_type, headers=self.headers)

    def stream(self, events: list[dict[str, Any]]) -> None:
        """Answer with these events."""
        self.content_type = "text/event-stream"
        self.content = b"".join(
            (f"event: {event['type']}\n" if "type" in event else "").encode()
            + b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
            for event in events
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """All that can be seen of one call from outside."""

    path: str
    headers: dict[str, str]
    body: Any
    answer: Any
    read: Any


class Lanes:
    """The two lanes on one server."""

    def __init__(self, model: str, server: Replayed, **extra: object) -> None:
        routes = {"arm": Route(model=model, api_key=CANARY, api_base=server.url, extra=extra)}
        self.server = server
        self.slow = LitellmUpstream(routes)
        self.fast = TransformUpstream(routes, AsyncioTransport(), _Unused(routes))

    async def both(self, *, stream: bool, **fields: Any) -> tuple[Said, Said]:
        """What each lane makes of a request: the transform lane's first."""
        return await self.said(self.fast, stream=stream, **fields), await self.said(self.slow, stream=stream, **fields)

    async def said(self, lane: Upstream, *, stream: bool, **fields: Any) -> Said:
        self.server.received.clear()
        answer: Any
        read: Any
        try:
            if stream:
                opened = await lane.open(request(**fields))
                try:
                    answer = [_timeless(parse(block)) for block in await rest(opened)]
                finally:
                    await opened.aclose()
                read = opened.completion()
            else:
                reply = await lane.complete(request(**fields))
                answer, read = _timeless(dict(reply.body)), reply.completion
            read = {name: getattr(read, name) for name in READ}
            read["tool_calls"] = [(call.name, call.arguments) for call in read["tool_calls"]]
        except UpstreamError as error:
            answer, read = None, {name: getattr(error, name) for name in TOLD} | {"kind": type(error)}
        if not self.server.received:
            return Said("", {}, None, answer, read)
        ((path, headers, body),) = self.server.received
        return Said(path, {n: v for n, v in headers.items() if n not in CONNECTION}, body, answer, read)

    async def close(self) -> None:
        await self.fast.close()
        await self.slow.close()


class _Unused(LitellmUpstream):
    """The lane behind the transform lane, which these requests must not need."""

    async def complete(self, call: Any) -> Any:
        raise AssertionError(call)

    async def open(self, call: Any) -> Any:
        raise AssertionError(call)


READ = ("text", "tool_calls", "finish_reason", "refusal", "tokens_in", "tokens_out", "usage_estimated", "cost_usd")
TOLD = ("message", "code", "param", "status", "retry_after_s", "infrastructure")
CONNECTION = frozenset(
    {"host", "user-agent", "accept-encoding", "connection", "accept", "content-length", "content-type"}
)
"""Headers that are the connection's, not the request's; `accept` is `*/*` where nobody sets it."""


def _timeless(answer: dict[str, Any]) -> dict[str, Any]:
    """Without what litellm makes up anew for each answer."""
    if str(answer.get("id", "")).startswith("chatcmpl-"):
        answer.pop("id")
    answer.pop("created", None)
    for choice in answer.get("choices", ()):
        for call in (choice.get("message") or choice.get("delta") or {}).get("tool_calls") or ():
            if str(call.get("id")).startswith("call_"):
                call["id"] = "call"
    return answer
