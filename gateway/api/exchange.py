"""One chat completion, from its request's bytes to its answer's, whichever server carries them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from gateway.api.outlet import ClientGoneError, Outlet
from gateway.api.services import Services
from gateway.api.sse import error_frame, send_stream
from gateway.api.wire import chat_request
from gateway.errors import GatewayError
from gateway.flows.ports import Reply
from gateway.flows.serve import Answer, ServingError


class Asked(NamedTuple):
    """A request that was let in."""

    raw: bytes
    headers: Mapping[str, str]
    """By lower-case name."""
    tenant: str
    request_id: str
    arrived_s: float
    """The monotonic second in which it came."""


async def exchange(services: Services, asked: Asked, outlet: Outlet) -> None:
    """Answer, whole or streamed, with the decision in the headers.

    GatewayError for what was refused before one, ClientGoneError if there is nobody to tell of a failure.
    """
    request = chat_request(asked.raw, asked.headers, tenant=asked.tenant, request_id=asked.request_id)
    try:
        answer = await services.serve.chat(request, asked.arrived_s)
    except ServingError as error:
        headers = _headers(error, asked) | waiting(error.cause)
        if error.attempts > 1:
            # OpenAI's clients obey it: their own retries would multiply with ours.
            headers["x-should-retry"] = "false"
        await outlet.whole(error.cause.status, headers, orjson.dumps(error.cause.body()))
        return
    if isinstance(answer.result, Reply):
        await _send_whole(outlet, answer, answer.result, _headers(answer, asked))
    else:
        await send_stream(outlet, answer, _headers(answer, asked))


async def tell(error: GatewayError, request_id: str, outlet: Outlet) -> None:
    """Send an error in OpenAI's shape as the answer, or as the last frame of a stream that has begun."""
    if outlet.phase == "unbegun":
        await outlet.whole(error.status, {"x-request-id": request_id, **waiting(error)}, orjson.dumps(error.body()))
    elif outlet.phase == "streaming":
        await outlet.end(error_frame(error))


def waiting(error: GatewayError) -> dict[str, str]:
    """Retry-After, where another try may help."""
    wait_s = error.retry_after_s
    return {"Retry-After": str(max(1, round(wait_s)))} if wait_s is not None and error.status in (429, 503) else {}


async def _send_whole(outlet: Outlet, answer: Answer, reply: Reply, headers: dict[str, str]) -> None:
    try:
        await outlet.whole(200, headers, orjson.dumps(reply.body))
    except ClientGoneError:
        answer.finished(aborted=True)  # There is nobody to tell.
    except BaseException:
        answer.finished(aborted=True)
        raise
    else:
        answer.finished_soon()


def _headers(served: Answer | ServingError, asked: Asked) -> dict[str, str]:
    return {
        "x-request-id": asked.request_id,
        "x-gateway-decision-id": served.decision.id,
        "x-gateway-model": served.arm_id,
        "x-gateway-policy": served.decision.policy,
        "x-gateway-mode": served.mode,
        "x-gateway-attempts": str(served.attempts),
        "x-gateway-overhead-ms": f"{served.overhead_s * 1000:.3f}",
    }
