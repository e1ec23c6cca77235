"""The lean HTTP/1.1 client: pooled connections straight on the event loop, without proxies and redirects."""

from __future__ import annotations

import asyncio
import math
import ssl
from dataclasses import dataclass
from typing import Final

from gateway.adapters.asyncio_connection import Connection
from gateway.adapters.asyncio_pool import IDLE_S, MAX_IDLE, Origin, Pool
from gateway.adapters.asyncio_resolver import Resolver
from gateway.adapters.decoded_response import decoded
from gateway.adapters.http1_head import request_head
from gateway.adapters.http_transport import Endpoint, Response, TransportError, TransportTimeoutError
from gateway.adapters.tls_context import client_tls

MAX_ENDPOINTS: Final = 1024
_LARGE: Final = 64 * 1024
"""A body from this size on is not copied behind its head."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    endpoint: Endpoint
    """Held, so that its identity stays its own."""
    head: bytes
    origin: Origin


class AsyncioTransport:
    """A transport over asyncio's own connections; it belongs to the event loop on which it is used first.

    `tls` replaces the system's trust store.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, resolver: Resolver | None = None, idle_s: float = IDLE_S
    ) -> None:
        self._pool = Pool(idle_s=idle_s, max_idle=MAX_IDLE)
        self._resolver = resolver or Resolver()
        self._tls = tls
        self._prepared: dict[int, _Prepared] = {}
        self._connecting: set[asyncio.Timeout] = set()

    async def send(self, endpoint: Endpoint, body: bytes, *, connect_s: float, until_s: float) -> Response:
        """POST the body; returns once the response's head is there. ValueError if the endpoint cannot be asked."""
        prepared = self._prepared.get(id(endpoint)) or self._prepare(endpoint)
        data: bytes | tuple[bytes, bytes]
        if len(body) < _LARGE:
            data = b"%b%d\r\n\r\n%b" % (prepared.head, len(body), body)
        else:
            data = (b"%b%d\r\n\r\n" % (prepared.head, len(body)), body)
        origin = prepared.origin
        connection = origin.take()
        if connection is not None:
            response = connection.begin(data, until_s)
            try:
                await response.head()
            except TransportError as error:
                # The peer had closed it before the request could arrive.
                if error.fault != "cut" or error.begun or self._pool.closed:
                    raise
            else:
                return decoded(response)
        connection = await self._connect(origin, connect_s, until_s)
        response = connection.begin(data, until_s)
        await response.head()
        return decoded(response)

    async def close(self) -> None:
        """Close all connections, those in use as well."""
        self._pool.closed = True
        for limit in self._connecting:
            if not limit.expired():
                limit.reschedule(-math.inf)
        await self._pool.close()
        await self._resolver.close()

    def _prepare(self, endpoint: Endpoint) -> _Prepared:
        if len(self._prepared) >= MAX_ENDPOINTS:
            self._prepared.clear()
        origin = self._pool.origin(endpoint.scheme, endpoint.host, endpoint.port)
        prepared = _Prepared(endpoint, request_head(endpoint), origin)
        self._prepared[id(endpoint)] = prepared
        return prepared

    async def _connect(self, origin: Origin, connect_s: float, until_s: float) -> Connection:
        """A new connection to one of the origin's addresses, within the limits."""
        loop = asyncio.get_running_loop()
        connect_at_s = loop.time() + connect_s
        if self._pool.closed:
            raise TransportError("cut", "the client was closed")
        limit = asyncio.timeout_at(min(connect_at_s, until_s))
        self._connecting.add(limit)
        try:
            async with limit:
                connection = await self._connect_any(origin, connect_at_s)
        except TimeoutError as error:
            if self._pool.closed:
                raise TransportError("cut", "the client was closed") from error
            raise TransportTimeoutError("connect" if connect_at_s < until_s else "until") from error
        finally:
            self._connecting.discard(limit)
        if not connection.usable:
            raise TransportError("cut", "the connection ended as soon as it had come about")
        return connection

    async def _connect_any(self, origin: Origin, deadline_s: float) -> Connection:
        now_s = asyncio.get_running_loop().time
        tls = await self._tls_context() if origin.scheme == "https" else None
        addresses = await self._resolver.addresses(origin.host, origin.port)
        failure: OSError | None = None
        while addresses:
            address = addresses.pop(0)
            # Each has an equal share of the time left, so that a silent first one does not use it all.
            share_s = (deadline_s - now_s()) / (len(addresses) + 1)
            try:
                async with asyncio.timeout(share_s if addresses else None):
                    return await _dial(origin, address, tls)
            except ssl.SSLError as error:
                raise TransportError("tls", "the TLS handshake failed") from error
            except OSError as error:  # a TimeoutError is one
                self._resolver.failed(origin.host, origin.port, address)
                failure = error
        raise TransportError("unreachable", "no connection came about") from failure

    async def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.get_running_loop().run_in_executor(None, client_tls)
        return self._tls


async def _dial(origin: Origin, address: str, tls: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    connection = Connection(origin, loop)
    try:
        await loop.create_connection(
            lambda: connection,
            address,
            origin.port,
            ssl=tls,
            server_hostname=origin.host if tls is not None else None,
        )
    except BaseException:
        # Cancelled between the connection's being made and our being told: uvloop closes it without a word.
        origin.gone(connection)
        raise
    return connection
