"""`/healthz`, `/readyz`, `/metrics`: for machines that watch the gateway."""

from __future__ import annotations

from aiohttp import web

from gateway.api.middleware import json_response
from gateway.api.services import SERVICES


async def healthz(_request: web.Request) -> web.StreamResponse:
    """The process is alive."""
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.StreamResponse:
    """200 when it can serve, and what is degraded; 503 while a lane is loading or the process is draining."""
    services = request.app[SERVICES]
    ready = services.upstream_ready() and not services.draining()
    store = "ok" if services.sync.healthy else "degraded"
    status = "draining" if services.draining() else "loading" if not ready else store
    body = {
        "status": status,
        "upstream": "ok" if services.upstream_ready() else "loading",
        "store": store,
        "backlog": services.sync.backlog,
    }
    return json_response(body, status=200 if ready else 503)


async def metrics(request: web.Request) -> web.StreamResponse:
    """Prometheus' text format."""
    return web.Response(
        body=request.app[SERVICES].metrics(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )
