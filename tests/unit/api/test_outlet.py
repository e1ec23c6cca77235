"""The outlet through aiohttp's server: phases, and who is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.api.outlet import AiohttpOutlet, ClientGoneError


async def _answered(handle: Callable[[AiohttpOutlet], Awaitable[None]]) -> tuple[int, str, str]:
    async def handler(request: web.Request) -> web.StreamResponse:
        outlet = AiohttpOutlet(request)
        await handle(outlet)
        return outlet.response

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestServer(app) as server, aiohttp.ClientSession() as session, session.get(server.make_url("/")) as got:
        return got.status, got.headers["Content-Type"], await got.text()


async def test_an_answer_is_whole_or_streamed() -> None:
    """Status, type and bytes as they were given; the phase says how far it is."""
    phases = []

    async def whole(outlet: AiohttpOutlet) -> None:
        phases.append(outlet.phase)
        await outlet.whole(418, {"a": "b"}, b"{}")
        phases.append(outlet.phase)

    async def stream(outlet: AiohttpOutlet) -> None:
        await outlet.begin({"Content-Type": "text/event-stream"})
        phases.append(outlet.phase)
        for data in (b"one", b"", b"two"):
            await outlet.write(data)
        await outlet.end(b"three")
        phases.append(outlet.phase)

    assert await _answered(whole) == (418, "application/json; charset=utf-8", "{}")
    assert await _answered(stream) == (200, "text/event-stream", "onetwothree")
    assert phases == ["unbegun", "over", "streaming", "over"]


@pytest.mark.parametrize("verb", ["whole", "write", "end"])
async def test_a_client_that_is_gone_is_told_from_other_errors(verb: str) -> None:
    """An upstream's ConnectionError must not look like the client's leaving: this one has a name of its own."""
    raised: list[BaseException] = []

    async def handle(outlet: AiohttpOutlet) -> None:
        if verb != "whole":
            await outlet.begin({})
        transport = outlet._request.transport
        assert transport is not None
        transport.close()
        try:
            await (outlet.whole(200, {}, b"{}") if verb == "whole" else getattr(outlet, verb)(b"data"))
        except ClientGoneError as error:
            raised.append(error)

    with pytest.raises(aiohttp.ClientError):
        await _answered(handle)
    assert len(raised) >= 1
