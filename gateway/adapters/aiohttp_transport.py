"""The client for what the lean one does not cover: origins that are reached through an HTTP proxy."""

from __future__ import annotations

import asyncio
import io
import math
import ssl
from base64 import b64encode
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp import http_exceptions
from yarl import URL

from gateway.adapters.decoded_response import decoded
from gateway.adapters.http1_head import MAX_HEAD_BYTES, MAX_HEADERS, request_head
from gateway.adapters.http_transport import (
    Endpoint,
    Fault,
    Response,
    TransportError,
    TransportTimeoutError,
    gathered,
)

_AUTOMATIC: Final = ("accept", "accept-encoding", "content-type", "user-agent")
"""Headers that aiohttp adds unless it is told not to."""
_ClientErrors: Final = (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError)


class AiohttpTransport:
    """A transport over aiohttp's client. `proxy` tells the proxy's URL for an endpoint, with its password if any.

    Each connection carries one request: aiohttp gives a kept connection's planted bytes to the next request, and does
    not tell whether anything of a response had arrived when one ends, so that none could be replaced safely.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, proxy: Callable[[Endpoint], str | None] | None = None
    ) -> None:
        self._tls = tls
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._responses: set[AiohttpResponse] = set()
        self._sending: set[asyncio.Timeout] = set()
        self._closed = False

    async def send(self, endpoint: Endpoint, body: bytes, *, connect_s: float, until_s: float) -> Response:
        """POST the body; returns once the response's head is there. ValueError if the endpoint cannot be asked."""
        request_head(endpoint)  # refuses what the lean client refuses
        if self._closed:
            raise TransportError("cut", "the client was closed")
        limit = asyncio.timeout_at(until_s)
        self._sending.add(limit)
        try:
            async with limit:
                found = await self._post(endpoint, body, connect_s)
        except aiohttp.ConnectionTimeoutError as error:
            raise TransportTimeoutError("connect") from error
        except TimeoutError as error:
            if self._closed:
                raise TransportError("cut", "the client was closed") from error
            raise TransportTimeoutError("until") from error
        except _ClientErrors as error:
            raise _head_fault(error) from error
        finally:
            self._sending.discard(limit)
        response = AiohttpResponse(found, until_s, self._responses.discard)
        self._responses.add(response)
        return decoded(response)

    async def close(self) -> None:
        """Close all connections, those in use as well."""
        self._closed = True
        for limit in self._sending:
            if not limit.expired():
                limit.reschedule(-math.inf)
        for response in list(self._responses):
            response.close()
        if self._session is not None:
            await self._session.close()

    async def _post(self, endpoint: Endpoint, body: bytes, connect_s: float) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = self._new_session()
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        proxy = URL((self._proxy(endpoint) if self._proxy is not None else None) or "")
        login = _login(proxy)
        # What goes through a tunnel is the origin's alone.
        own, proxys = ([], login) if endpoint.scheme == "https" else (login, [])
        return await self._session.post(
            URL(f"{endpoint.scheme}://{host}:{endpoint.port}{endpoint.target}", encoded=True),
            data=io.BytesIO(body),
            headers=[*endpoint.headers, ("content-length", str(len(body))), ("accept-encoding", "identity"), *own],
            skip_auto_headers=_AUTOMATIC,
            allow_redirects=False,
            proxy=proxy.with_user(None) if proxy.host else None,
            proxy_headers=dict(proxys),
            timeout=aiohttp.ClientTimeout(total=None, connect=connect_s, ceil_threshold=math.inf),
        )

    def _new_session(self) -> aiohttp.ClientSession:
        tls = True if self._tls is None else self._tls
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True, ssl=tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=MAX_HEAD_BYTES,
            max_field_size=MAX_HEAD_BYTES,
            max_headers=MAX_HEADERS,
        )


class AiohttpResponse:
    """A response of aiohttp's; see http_transport.Response."""

    def __init__(
        self, response: aiohttp.ClientResponse, until_s: float, ended: Callable[[AiohttpResponse], None]
    ) -> None:
        self._response = response
        self._ended = ended
        self._until_s = until_s
        self._idle_s = math.inf
        self._timeout: asyncio.Timeout | None = None
        """Of the reader that waits."""

    @property
    def status(self) -> int:
        """The final status."""
        return self._response.status

    def header(self, name: str) -> str | None:
        """A header's value by its lower-case name."""
        wanted = name.encode("latin-1")
        values = [value.strip(b" \t") for key, value in self._response.raw_headers if key.lower() == wanted]
        return b", ".join(values).decode("latin-1") if values else None

    def limit(self, *, idle_s: float, until_s: float) -> None:
        """From now on these limits hold instead of `send`'s `until_s`."""
        self._idle_s, self._until_s = idle_s, until_s
        if self._timeout is not None:
            self._timeout.reschedule(self._due_s())

    async def chunk(self) -> bytes:
        """All bytes of the body that are here, at least one; b"" at its end."""
        due_s = self._due_s()
        try:
            async with asyncio.timeout_at(due_s) as self._timeout:
                data = await self._response.content.readany()
        except TimeoutError as error:
            self.close()
            raise TransportTimeoutError("until" if self._due_s() == self._until_s else "idle") from error
        except _ClientErrors as error:
            self.close()
            raise _body_fault(error) from error
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._timeout = None
        if not data:
            self._ended(self)
        return data

    async def read(self, limit: int) -> bytes:
        """The rest of the body, of at most `limit` bytes."""
        return await gathered(self, limit)

    def release(self) -> None:
        """Done with it: no connection is kept here."""
        self.close()

    def close(self) -> None:
        """Done with it: the connection is closed unless the response was whole."""
        self._ended(self)
        self._response.close()

    def _due_s(self) -> float:
        return min(self._until_s, asyncio.get_running_loop().time() + self._idle_s)


def _login(proxy: URL) -> list[tuple[str, str]]:
    """The header in which a proxy's user and password go."""
    if not proxy.user and not proxy.password:
        return []
    word = b64encode(f"{proxy.user or ''}:{proxy.password or ''}".encode()).decode()
    return [("proxy-authorization", f"Basic {word}")]


def _begun(error: aiohttp.ServerDisconnectedError) -> bool:
    """Whether a part of the head had arrived: aiohttp puts it in place of the text."""
    return not isinstance(error.message, str)


def _head_fault(error: Exception) -> TransportError:
    match error:
        case aiohttp.ClientSSLError():
            return TransportError("tls", "the TLS handshake failed")
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError():
            return TransportError("unreachable", "no connection came about")
        case aiohttp.ClientResponseError() | http_exceptions.HttpProcessingError():
            large = isinstance(error.__cause__, http_exceptions.LineTooLong) or "Too many headers" in str(error)
            fault: Fault = "too_large" if large else "malformed"
            return TransportError(fault, "the response's head was refused", begun=True)
        case aiohttp.ServerDisconnectedError():
            return TransportError("cut", "the connection ended before the response was whole", begun=_begun(error))
    return TransportError("cut", "the connection broke before the response was whole")


def _body_fault(error: Exception) -> TransportError:
    cause = error.__cause__ or error
    lacking = (http_exceptions.TransferEncodingError, http_exceptions.ContentLengthError)
    if isinstance(cause, http_exceptions.HttpProcessingError) and not isinstance(cause, lacking):
        return TransportError("malformed", "the response's body is not well-formed", begun=True)
    return TransportError("cut", "the connection broke before the response was whole", begun=True)
