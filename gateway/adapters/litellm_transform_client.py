"""One call's way from litellm's provider code to our own connections, in the shape of litellm's HTTP client."""

from __future__ import annotations

import json as stdlib_json
import math
from collections.abc import AsyncIterator, Mapping
from functools import cache, lru_cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

import orjson

from gateway.adapters.http_transport import Endpoint, Response, Transport, TransportError, TransportTimeoutError
from gateway.adapters.litellm_errors import translate
from gateway.adapters.litellm_transform_text import Aside, Piece
from gateway.adapters.openai_errors import broken, refusal, reported
from gateway.adapters.sse_parser import EventParser, EventTooLargeError
from gateway.adapters.upstream_limits import LIMIT_NAMES, LimitName, timed_out
from gateway.errors import UpstreamError, UpstreamInvalidError
from gateway.flows.ports import Call

_REPLY_CAP: Final = 64 * 1024 * 1024
_ERROR_CAP: Final = 256 * 1024
_EVENT_CAP: Final = 16 * 1024 * 1024
_STREAM_CAP: Final = 256 * 1024 * 1024
_WAITING: Final = ("retry-after", "retry-after-ms")
_READ: Final = ("content-type", "x-gemini-service-tier")
"""Headers of an answer that provider code looks at."""
_TRANSPORTS_OWN: Final = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})
_AGENT: Final = "llm-auto-optimizer-gateway"


class Silent:
    """What provider code of litellm's takes for its logging object: it keeps nothing and says nothing."""

    def __init__(self, fields: dict[str, object]) -> None:
        """`fields`: the request's parameters, by which some readers tell the legacy function calls."""
        self.optional_params = fields
        self.litellm_params: dict[str, object] = {}
        self.model_call_details: dict[str, object] = {}
        self.stream_options: object = None
        self.messages: object = None
        self.dynamic_success_callbacks: tuple[object, ...] = ()

    def pre_call(self, *_: object, **__: object) -> None:
        """Nothing."""

    def post_call(self, *_: object, **__: object) -> None:
        """Nothing."""


class Exchange:
    """Sends what provider code posts, and keeps what went wrong: litellm wraps what its client raises, and guesses.

    litellm takes a client for one only if it is an instance of its own class: `exchange` makes one that is.
    """

    def __init__(
        self,
        transport: Transport,
        call: Call,
        *,
        until_s: float,
        name: LimitName,
        secrets: tuple[str, ...] = (),
        piece: Piece | None = None,
    ) -> None:
        """`until_s`: the moment (the loop's time) at which the limit of this name runs out."""
        self._transport = transport
        self._call = call
        self._until_s = until_s
        self._until: LimitName = name
        self.secrets = secrets
        self.aside = Aside(piece)
        self._response: Response | None = None
        self._failure: UpstreamError | None = None
        self._reply: bytes | None = None

    def __del__(self) -> None:
        """Instead of litellm's, which closes a connection of its own."""

    async def post(
        self,
        url: str,
        data: str | bytes | Mapping[str, object] | None = None,
        json: object = None,
        headers: Mapping[str, object] | None = None,
        stream: bool = False,
        **_: object,
    ) -> Answer | StreamedAnswer:
        """Send a request: a whole answer, or one whose body is still to come."""
        body = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else _dumped(json or data)
        try:
            to = _endpoint(url, tuple((str(name), str(value)) for name, value in (headers or {}).items()))
            connect_s = self._call.limits.connect_s
            response = await self._transport.send(to, body, connect_s=connect_s, until_s=self._until_s)
            self._response = response
            if not 200 <= response.status < 300:
                raise await self._refusal(response)
            told = {name: value for name in _READ if (value := response.header(name)) is not None}
            if stream:
                response.limit(idle_s=math.inf, until_s=self._until_s)
                return StreamedAnswer(self, response, told)
            try:
                self._reply = await response.read(_REPLY_CAP)
            finally:
                response.close()
            return Answer(self._reply, told)
        except (TransportError, TransportTimeoutError, UpstreamError) as error:
            raise self.failed(error) from None

    def failed(self, error: TransportError | TransportTimeoutError | UpstreamError) -> UpstreamError:
        """Our error for what happened on the way, kept for `explained`."""
        if isinstance(error, TransportTimeoutError):
            name = self._until if error.limit == "until" else LIMIT_NAMES[error.limit]
            self._failure = timed_out(self._call, name)
        elif isinstance(error, TransportError):
            self._failure = broken(self._call.arm.id, error)
        else:
            self._failure = error
        self.close()
        return self._failure

    def explained(self, error: BaseException) -> UpstreamError:
        """Our error for one that litellm's code raised: what really happened, where that is known."""
        if self._failure is not None:
            return self._failure
        if self._reply is None:
            return translate(error, self._call.arm.id, secrets=self.secrets)
        try:
            reply = orjson.loads(self._reply)
        except orjson.JSONDecodeError:
            reply = None
        if isinstance(reply, Mapping) and reply.get("error"):
            return reported(self._call.arm.id, reply, secrets=self.secrets)
        text = f"The reply of arm '{self._call.arm.id}' could not be read as an answer."
        return UpstreamInvalidError(text, arm_id=self._call.arm.id)

    def flow(self, idle_s: float, until_s: float) -> None:
        """From now on no piece of a stream may keep us waiting longer than `idle_s`, nor past `until_s`."""
        self._until, self._until_s = "total_s", until_s
        if self._response is not None:
            self._response.limit(idle_s=idle_s, until_s=until_s)

    def close(self) -> None:
        """Let the response go; safe at any time and twice."""
        if self._response is not None:
            self._response.close()

    async def _refusal(self, response: Response) -> UpstreamError:
        try:
            body = await response.read(_ERROR_CAP)
        except (TransportError, TransportTimeoutError):
            body = b""  # its status says enough
        finally:
            response.close()
        headers = {name: value for name in _WAITING if (value := response.header(name)) is not None}
        return refusal(self._call.arm.id, response.status, headers, body, secrets=self.secrets)


@cache
def _kind(base: type) -> type:
    return type("TransportClient", (Exchange, base), {})


def exchange(base: type, transport: Transport, call: Call, **limits: Any) -> Any:
    """An Exchange that is also an instance of litellm's own client class, `base`."""
    return _kind(base)(transport, call, **limits)


class Answer:
    """A whole answer, with as much of an httpx.Response as provider code reads."""

    status_code: Final = 200

    def __init__(self, content: bytes, headers: Mapping[str, str]) -> None:
        self.content = content
        self.headers = headers

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body's JSON. ValueError where it is none."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return stdlib_json.loads(self.content)  # halves of surrogate pairs, numbers beyond 64 bits

    def raise_for_status(self) -> Answer:
        """Nothing: an error's status never gets here."""
        return self


class StreamedAnswer:
    """An answer that is still coming, with as much of an httpx.Response as provider code reads."""

    status_code: Final = 200

    def __init__(self, source: Exchange, response: Response, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self._source = source
        self._response = response

    def raise_for_status(self) -> StreamedAnswer:
        """Nothing: an error's status never gets here."""
        return self

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body as it comes."""
        del chunk_size
        size = 0
        try:
            while data := await self._response.chunk():
                size += len(data)
                if size > _STREAM_CAP:
                    raise TransportError("too_large", "a stream beyond its cap", begun=True)  # noqa: TRY301
                yield data
        except (TransportError, TransportTimeoutError) as error:
            raise self._source.failed(error) from None

    async def aiter_lines(self) -> AsyncIterator[str]:
        """The data of each event, a line each, empty where it was read aside; all other lines say nothing here."""
        parser = EventParser(_EVENT_CAP)
        takes = self._source.aside.takes
        try:
            async for data in self.aiter_bytes():
                for found in parser.feed(data):
                    yield "" if takes(found) else _line(found)
            for found in parser.finish():
                yield "" if takes(found) else _line(found)
        except EventTooLargeError:
            raise self._source.failed(TransportError("too_large", "an event beyond its cap", begun=True)) from None

    async def aiter_text(self) -> AsyncIterator[str]:
        """The same lines as text, each with its end."""
        async for line in self.aiter_lines():
            yield f"{line}\n"

    async def aclose(self) -> None:
        """Let the response go."""
        self._response.close()


def _line(data: bytes) -> str:
    return "data: " + data.decode("utf-8", "replace").replace("\n", " ")


def _dumped(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return stdlib_json.dumps(value).encode()  # half of a surrogate pair, or a number beyond 64 bits


@lru_cache(maxsize=256)
def _endpoint(url: str, headers: tuple[tuple[str, str], ...]) -> Endpoint:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    sent = [(name, value) for name, value in headers if name.lower() not in _TRANSPORTS_OWN]
    names = {name.lower() for name, _ in sent}
    sent += [
        (name, value)
        for name, value in (("content-type", "application/json"), ("user-agent", _AGENT))
        if name not in names
    ]
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return Endpoint(
        scheme="https" if secure else "http",
        host=parts.hostname or "",
        port=parts.port or (443 if secure else 80),
        target=path + (f"?{quote(parts.query, safe='%/:@!$&()*+,;=~-._?')}" if parts.query else ""),
        headers=tuple(sent),
    )
