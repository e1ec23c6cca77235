"""`POST /v1/chat/completions` for requests that come through aiohttp's server."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.api.exchange import Asked, exchange
from gateway.api.middleware import ARRIVED, REQUEST_ID, TENANT, netted, read_body
from gateway.api.outlet import AiohttpOutlet
from gateway.api.services import SERVICES

IN_FLIGHT = web.AppKey("in_flight", set[asyncio.Task[object]])
"""Chat completions that are being answered here: draining ends them, so that their clients are told."""


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a chat completion, whole or streamed, with the decision in the headers."""
    task, in_flight = asyncio.current_task(), request.app[IN_FLIGHT]
    assert task is not None
    in_flight.add(task)
    try:
        asked = Asked(
            raw=await read_body(request),
            headers=request.headers,
            tenant=request[TENANT],
            request_id=request[REQUEST_ID],
            arrived_s=request[ARRIVED],
        )
        outlet = AiohttpOutlet(request)
        await netted(exchange(request.app[SERVICES], asked, outlet), outlet, asked.request_id)
    finally:
        in_flight.discard(task)
    return outlet.response


async def finish(in_flight: set[asyncio.Task[object]], seconds: float) -> None:
    """Give them this long, then end them, and their clients a second to hear of it."""
    if in_flight:
        _, late = await asyncio.wait(in_flight, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
