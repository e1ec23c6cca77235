"""The direct lane: a provider that speaks OpenAI's wire is reached over our own connections, without a translator."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

import orjson

from gateway.adapters.direct_stream import DirectStream
from gateway.adapters.http_transport import Endpoint, Response, Transport, TransportError, TransportTimeoutError
from gateway.adapters.openai_body import upstream_body
from gateway.adapters.openai_errors import broken, refusal, reported
from gateway.adapters.openai_reply import read_reply
from gateway.adapters.openai_usage import usage_body
from gateway.adapters.upstream_limits import LIMIT_NAMES, LimitName, timed_out
from gateway.core.providers import Dialect, dialect_of, provider_of
from gateway.errors import UpstreamError, UpstreamInvalidError
from gateway.flows.ports import Call, Reply, ReplyStream

_REPLY_CAP: Final = 64 * 1024 * 1024
_ERROR_CAP: Final = 256 * 1024
_HEADERS: Final = ("retry-after", "retry-after-ms")
_AGENT: Final = "llm-auto-optimizer-gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRoute:
    """How to reach one arm."""

    endpoint: Endpoint
    model: str
    """Its name there."""
    dialect: Dialect = field(default_factory=Dialect)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, model: str, *, api_key: str | None, api_base: str | None) -> Self:
        """The route to a configured `provider/model`. ValueError where its address is not known."""
        provider = provider_of(model)
        base = api_base or (provider.api_base if provider is not None else None)
        if base is None:
            raise ValueError(f"the address of the model '{model}' is not known; give it an api_base")
        name = model.partition("/")[2] if provider is not None else model
        suffix = provider.suffix if provider is not None else ""
        if provider is not None and provider.prefix and "/" not in name:
            name = provider.prefix + name
        return cls(
            endpoint=_endpoint(base, suffix, api_key),
            model=name,
            dialect=dialect_of(model),
            secrets=(api_key,) if api_key else (),
        )


class DirectUpstream:
    """Implements ports.Upstream over a transport."""

    def __init__(self, routes: Mapping[str, DirectRoute], transport: Transport) -> None:
        self._routes = dict(routes)
        self._transport = transport

    async def complete(self, call: Call) -> Reply:
        """One whole answer within the limits."""
        route = self._route(call)
        now = asyncio.get_running_loop().time
        started_s = now()
        until_s = started_s + call.limits.total_s
        try:
            response = await self._send(call, route, until_s, stream=False)
            try:
                if response.status != 200:
                    raise await _refusal(call, route, response)
                data = await response.read(_REPLY_CAP)
            finally:
                response.close()
        except TransportTimeoutError as error:
            raise timed_out(call, LIMIT_NAMES[error.limit]) from None
        except TransportError as error:
            raise broken(call.arm.id, error) from None
        latency_s = now() - started_s
        answer = _answer(data, call, route)
        completion = read_reply(answer, call.body, arm_id=call.arm.id, latency_s=latency_s)
        answer["model"] = call.arm.id
        answer["object"] = "chat.completion"
        answer["usage"] = usage_body(answer.get("usage"), completion)
        return Reply(body=answer, completion=completion)

    async def open(self, call: Call) -> ReplyStream:
        """Start a stream; returns once its first event has arrived."""
        route = self._route(call)
        started_s = asyncio.get_running_loop().time()
        deadline_s = started_s + call.limits.total_s
        first_s = started_s + call.limits.first_token_s
        name: LimitName = "first_token_s" if first_s < deadline_s else "total_s"
        until_s = min(first_s, deadline_s)
        try:
            response = await self._send(call, route, until_s, stream=True)
        except TransportTimeoutError as error:
            raise timed_out(call, "connect_s" if error.limit == "connect" else name) from None
        except TransportError as error:
            raise broken(call.arm.id, error) from None
        try:
            if response.status != 200 or _is_json(response):
                response.limit(idle_s=call.limits.idle_s, until_s=until_s)
                raise await _refusal(call, route, response)  # noqa: TRY301
            stream = DirectStream(
                call,
                response,
                started_s=started_s,
                deadline_s=deadline_s,
                secrets=route.secrets,
            )
            await stream.start(until_s=until_s, name=name)
        except BaseException:
            response.close()
            raise
        return stream

    async def close(self) -> None:
        """Release connections."""
        await self._transport.close()

    async def _send(self, call: Call, route: DirectRoute, until_s: float, *, stream: bool) -> Response:
        body = upstream_body(call.body, model=route.model, stream=stream, dialect=route.dialect)
        return await self._transport.send(route.endpoint, body, connect_s=call.limits.connect_s, until_s=until_s)

    def _route(self, call: Call) -> DirectRoute:
        route = self._routes.get(call.arm.id)
        if route is None:
            text = f"Arm '{call.arm.id}' has no route to a provider."
            raise UpstreamError(text, arm_id=call.arm.id, code="upstream_misconfigured")
        return route


async def _refusal(call: Call, route: DirectRoute, response: Response) -> UpstreamError:
    """What a response that is no answer says; its status counts even where its body does not come."""
    try:
        body = await response.read(_ERROR_CAP)
    except (TransportError, TransportTimeoutError):
        body = b""
    if response.status == 200:
        _answer(body, call, route)  # raises what an error object says
        text = f"Arm '{call.arm.id}' was asked for a stream and sent none."
        return UpstreamInvalidError(text, arm_id=call.arm.id)
    headers = {name: value for name in _HEADERS if (value := response.header(name)) is not None}
    return refusal(call.arm.id, response.status, headers, body, secrets=route.secrets)


def _is_json(response: Response) -> bool:
    """Whether a 200 to a request for a stream is none: an error, as a rule."""
    return (response.header("content-type") or "").lower().startswith("application/json")


def _answer(data: bytes, call: Call, route: DirectRoute) -> dict[str, object]:
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        text = f"The reply of arm '{call.arm.id}' could not be read as an answer."
        raise UpstreamInvalidError(text, arm_id=call.arm.id)
    if answer.get("error") and not answer.get("choices"):
        raise reported(call.arm.id, answer, secrets=route.secrets)
    return answer


def _endpoint(base: str, suffix: str, api_key: str | None) -> Endpoint:
    parts = urlsplit(base)
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    if suffix and not path.endswith(suffix):
        path += suffix
    secure = parts.scheme == "https"
    headers = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")]
    headers.append(("user-agent", _AGENT))
    if api_key:
        headers.append(("authorization", f"Bearer {api_key}"))
    return Endpoint(
        scheme="https" if secure else "http",
        host=parts.hostname or "",
        port=parts.port or (443 if secure else 80),
        target=f"{path}/chat/completions" + (f"?{parts.query}" if parts.query else ""),
        headers=tuple(headers),
    )
