"""`POST /v1/chat/completions`: the main door."""

from __future__ import annotations

from aiohttp import web

from gateway.api.middleware import ARRIVED, REQUEST_ID, TENANT, error_response, json_response, read_body
from gateway.api.services import SERVICES
from gateway.api.sse import send_stream
from gateway.api.wire import chat_request
from gateway.flows.ports import Reply
from gateway.flows.serve import Answer, ServingError


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer a chat completion, whole or streamed, with the decision in the headers."""
    services = request.app[SERVICES]
    asked = chat_request(
        await read_body(request), request.headers, tenant=request[TENANT], request_id=request[REQUEST_ID]
    )
    try:
        answer = await services.serve.chat(asked, request[ARRIVED])
    except ServingError as error:
        headers = _headers(error)
        if error.attempts > 1:
            # OpenAI's clients obey it: their own retries would multiply with ours.
            headers["x-should-retry"] = "false"
        return error_response(error.cause, headers)
    headers = _headers(answer)
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


def _headers(served: Answer | ServingError) -> dict[str, str]:
    return {
        "x-gateway-decision-id": served.decision.id,
        "x-gateway-model": served.arm_id,
        "x-gateway-policy": served.decision.policy,
        "x-gateway-mode": served.mode,
        "x-gateway-attempts": str(served.attempts),
        "x-gateway-overhead-ms": f"{served.overhead_s * 1000:.3f}",
    }
