"""`POST /v1/chat/completions`: the main door."""

from __future__ import annotations

from aiohttp import web

from gateway.api.middleware import ARRIVED, REQUEST_ID, TENANT, error_response, json_response
from gateway.api.services import SERVICES
from gateway.api.sse import send_stream
from gateway.api.wire import chat_request
from gateway.core.values import Decision
from gateway.flows.ports import Reply
from gateway.flows.serve import Answer, ServingError


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a chat completion, whole or streamed, with the decision in the headers."""
    services = request.app[SERVICES]
    asked = chat_request(await request.read(), request.headers, tenant=request[TENANT], request_id=request[REQUEST_ID])
    try:
        answer = await services.serve.chat(asked, request[ARRIVED])
    except ServingError as error:
        headers = _headers(error.decision, error.decision.order[0], error.decision.mode, error.attempts, None)
        if error.attempts > 1:
            # OpenAI's clients obey it: their own retries would multiply with ours.
            headers["x-should-retry"] = "false"
        return error_response(error.cause, headers)
    headers = _headers(answer.decision, answer.arm_id, answer.mode, answer.attempts, answer.overhead_s)
    if isinstance(answer.result, Reply):
        return await _send_whole(request, answer, answer.result, headers)
    return await send_stream(request, answer, {**headers, "x-request-id": request[REQUEST_ID]})


async def _send_whole(
    request: web.Request, answer: Answer, reply: Reply, headers: dict[str, str]
) -> web.StreamResponse:
    whole = False
    response = json_response(reply.body, headers=headers)
    response.headers["x-request-id"] = request[REQUEST_ID]
    try:
        # Sent from here, so that scoring and learning come after the answer has left.
        await response.prepare(request)
        await response.write_eof()
        whole = True
    except ConnectionError:
        pass
    finally:
        answer.finished(aborted=not whole)
    return response


def _headers(decision: Decision, arm_id: str, mode: str, attempts: int, overhead_s: float | None) -> dict[str, str]:
    headers = {
        "x-gateway-decision-id": decision.id,
        "x-gateway-model": arm_id,
        "x-gateway-policy": decision.policy,
        "x-gateway-mode": mode,
        "x-gateway-attempts": str(attempts),
    }
    if overhead_s is not None:
        headers["x-gateway-overhead-ms"] = f"{overhead_s * 1000:.3f}"
    return headers
