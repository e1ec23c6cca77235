"""`POST /v1/feedback`: a rating for an earlier answer."""

from __future__ import annotations

from aiohttp import web

from gateway.api.middleware import TENANT, json_response, read_body
from gateway.api.services import SERVICES
from gateway.api.wire import parse_object
from gateway.core.feedback import parse


async def feedback(request: web.Request) -> web.StreamResponse:
    """202 with the resulting reward once it is durable."""
    id, given, revise = parse(parse_object(await read_body(request)))
    rated = await request.app[SERVICES].rate.rate(id, request[TENANT], given, revise=revise)
    reward = rated.reward
    body = {
        "object": "feedback",
        "id": rated.decision_id,
        "reward": None if reward is None else reward.value,
        "parts": None if reward is None else dict(reward.parts),
    }
    return json_response(body, status=202)
