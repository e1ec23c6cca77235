"""The door of every route: request id, key, drain, and the net under everything."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import orjson
import structlog
from aiohttp import web

from gateway.api.exchange import tell, waiting
from gateway.api.keys import ANYONE, Role, presented
from gateway.api.outlet import ClientGoneError, Outlet
from gateway.api.services import SERVICES
from gateway.errors import GatewayError, NotFoundError, OverloadedError, RequestError, TooLargeError
from gateway.flows.tokens import token

_log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID = web.RequestKey("request_id", str)
TENANT = web.RequestKey("tenant", str)
ARRIVED = web.RequestKey("arrived_s", float)
ROLES = web.AppKey("roles", dict[str, Role])
"""Which role a route's path needs; a route that is not listed is nobody's."""
_BODY_S = 300.0
"""How long a body may take to arrive, of whatever size is allowed."""
_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")


def json_response(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer, encoded by orjson."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def error_response(error: GatewayError, headers: Mapping[str, str] | None = None) -> web.Response:
    """The error in OpenAI's shape, with Retry-After where another try may help."""
    return json_response(error.body(), status=error.status, headers={**(headers or {}), **waiting(error)})


async def read_body(request: web.Request, *, within_s: float = _BODY_S) -> bytes:
    """The request's body; RequestError where it takes too long to come, or is not encoded as its headers say."""
    try:
        async with asyncio.timeout(within_s):
            return await request.read()
    except TimeoutError as error:
        late = RequestError(f"The body did not arrive within {within_s:g} seconds.", code="request_timeout")
        late.status = 408
        raise late from error
    except (zlib.error, web.RequestPayloadError) as error:
        given = request.headers.get("Content-Encoding", "identity")
        raise RequestError(
            f"The body could not be read as Content-Encoding '{given[:40]}'.", code="invalid_body"
        ) from error


async def unnamed(_request: web.Request, response: web.StreamResponse) -> None:
    """Before any answer leaves: it does not tell which software, in which version, made it."""
    response.headers["Server"] = "gateway"


@web.middleware
async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who may come in; whatever goes wrong inside leaves as a well-formed error."""
    services = request.app[SERVICES]
    request[REQUEST_ID] = request_id_of(request.headers)
    request[ARRIVED] = services.clock.monotonic()
    try:
        _admit(request)
        response = await handler(request)
    except GatewayError as error:
        response = error_response(error)
    except web.HTTPException as error:
        response = error_response(_translated(request, error), _allowed(error))
    except Exception:
        response = error_response(_unforeseen(request[REQUEST_ID], request.path))
    if not response.prepared:
        response.headers.setdefault("x-request-id", request[REQUEST_ID])
    return response


async def netted(work: Awaitable[None], outlet: Outlet, request_id: str) -> None:
    """Do `work`, which answers through `outlet`; whatever goes wrong leaves as a well-formed error."""
    error: GatewayError | None = None
    try:
        await work
    except ClientGoneError:
        pass
    except GatewayError as known:
        error = known
    except asyncio.CancelledError:
        # Out of time while draining, if the client is still there: what stops here must not look whole.
        with suppress(ClientGoneError):
            await tell(OverloadedError("The gateway is shutting down."), request_id, outlet)
        raise
    except Exception:
        error = _unforeseen(request_id, "/v1/chat/completions")
    if error is not None:
        with suppress(ClientGoneError):
            await tell(error, request_id, outlet)


def request_id_of(headers: Mapping[str, str]) -> str:
    """The client's own id if it is harmless in a log and a header, else a new one."""
    given = headers.get("x-request-id", "")
    return given if given and _SAFE_ID.match(given) else f"req_{token(12)}"


def _unforeseen(request_id: str, path: str) -> GatewayError:
    """To be called while the error is being handled."""
    _log.exception("request_failed", request_id=request_id, path=path)
    return GatewayError("The gateway failed on this request; the log knows why.")


def _admit(request: web.Request) -> None:
    services = request.app[SERVICES]
    resource = request.match_info.route.resource
    role = request.app[ROLES].get(resource.canonical) if resource is not None else None
    if role == "public":
        request[TENANT] = ANYONE
        return
    key = presented(request.headers, request.headers.getall("Authorization", []))
    if role == "admin":
        services.keys.administer(key)
        request[TENANT] = ANYONE
        return
    # Unknown paths need a client's key as well, so that strangers learn nothing of what exists.
    request[TENANT] = services.keys.tenant(key)
    if role == "client" and services.draining():
        raise OverloadedError("The gateway is shutting down; try again.")
    if resource is not None and role is None:
        raise NotFoundError(f"Unknown request URL: {request.method} {request.path}.", code="unknown_url")


def _translated(request: web.Request, error: web.HTTPException) -> GatewayError:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        limit = request.client_max_size
        return TooLargeError(f"The body is larger than the limit of {limit} bytes (server.max_body_bytes).")
    where = f"{request.method} {request.path}"
    if isinstance(error, web.HTTPNotFound):
        return NotFoundError(f"Unknown request URL: {where}.", code="unknown_url")
    problem = RequestError(f"{error.reason}: {where}.", code="method_not_allowed" if error.status == 405 else None)
    problem.status = error.status
    return problem


def _allowed(error: web.HTTPException) -> dict[str, str]:
    return {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
