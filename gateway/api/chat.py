"""`POST /v1/chat/completions` for requests that come through aiohttp's server."""

from __future__ import annotations

from aiohttp import web

from gateway.api.exchange import Asked, exchange
from gateway.api.middleware import ARRIVED, REQUEST_ID, TENANT, netted, read_body
from gateway.api.outlet import AiohttpOutlet
from gateway.api.services import SERVICES


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a chat completion, whole or streamed, with the decision in the headers."""
    asked = Asked(
        raw=await read_body(request),
        headers=request.headers,
        tenant=request[TENANT],
        request_id=request[REQUEST_ID],
        arrived_s=request[ARRIVED],
    )
    outlet = AiohttpOutlet(request)
    await netted(exchange(request.app[SERVICES], asked, outlet), outlet, asked.request_id)
    return outlet.response
