"""`GET /v1/models`: the configured models and the automatic ones, in OpenAI's shape."""

from __future__ import annotations

from aiohttp import web

from gateway.api.middleware import json_response
from gateway.api.services import SERVICES, Services
from gateway.errors import NotFoundError

_CREATED = 1_700_000_000
"""OpenAI's clients want a creation time; a model's own is unknown here, and a constant one keeps caches quiet."""


def _ids(services: Services) -> list[str]:
    automatic = [*(["auto"] if "default" in services.policies else []), *(f"auto:{name}" for name in services.policies)]
    return [*automatic, *services.serve.owners]


def _card(id: str) -> dict[str, object]:
    return {"id": id, "object": "model", "created": _CREATED, "owned_by": "gateway"}


async def listing(request: web.Request) -> web.StreamResponse:
    """All of them."""
    ids = _ids(request.app[SERVICES])
    return json_response({"object": "list", "data": [_card(id) for id in ids]})


async def one(request: web.Request) -> web.StreamResponse:
    """One of them; ids may hold slashes."""
    id = request.match_info["id"]
    if id not in _ids(request.app[SERVICES]):
        raise NotFoundError(f"The model '{id}' does not exist.", param="model", code="model_not_found")
    return json_response(_card(id))
