"""One client's connection at the front: a request at a time, or over to aiohttp's server for good."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Protocol, cast

from gateway.api.exchange import Asked, exchange
from gateway.api.front_head import Head, read_head
from gateway.api.front_outlet import FrontOutlet, Surroundings
from gateway.api.keys import presented
from gateway.api.middleware import netted, request_id_of
from gateway.errors import OverloadedError

_PIPELINED: Final = 64 * 1024
"""Bytes that a client may send ahead of its answer before nothing more is read."""
_IDLE_S: Final = 620.0
"""A little longer than clients and proxies keep a connection, so that it is seldom closed under a request."""
_ARRIVING_S: Final = 30.0
"""How long a request may take to arrive, and a second more for each of its KiB that has."""


class Home(Surroundings, Protocol):
    """What a connection knows of the front that it belongs to."""

    connections: set[FrontConnection]
    longest: int
    """Bytes of a body that is gathered here."""
    fallback: Callable[[], asyncio.Protocol]

    def left(self, connection: FrontConnection) -> None:
        """Forget a connection that is lost or handed over."""
        ...


class FrontConnection(FrontOutlet):
    """Gathers the bytes of a request, answers it, and goes on to the next."""

    __slots__ = ("_head", "_held", "_paused", "_since_s", "_task")
    _front: Home

    def __init__(self, front: Home) -> None:
        super().__init__(front)
        self._held: bytes | bytearray = b""
        """What has come and belongs to no request yet; a bytearray if it came in pieces, so that it grows in place."""
        self._head: Head | None = None
        """The head of a request whose body is still coming."""
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        self._since_s = front.loop.time()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._front.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._front.left(self)
        self._held = b""
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        if not self._held:
            self._held, self._since_s = data, self._front.loop.time()
        elif isinstance(self._held, bytearray):
            self._held += data
        else:
            self._held = bytearray(self._held)
            self._held += data
        if self._task is None:
            self._look()
        elif len(self._held) > _PIPELINED and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    # What the front calls.

    def check(self, now_s: float) -> None:
        """Close a connection that has been silent for too long, in the midst of its request or of its answer."""
        if self.stalled(now_s):
            self._transport.abort()
        elif self._task is None:
            longest_s = _ARRIVING_S + len(self._held) / 1024 if self._held else _IDLE_S
            if now_s - self._since_s > longest_s:
                self._transport.close()

    def retire(self, *, arriving: bool) -> None:
        """Close now if nothing is in flight, else after the answer. `arriving`: even if a request has begun to come."""
        if self._task is None and (arriving or not self._held):
            self._transport.close()

    def expire(self) -> None:
        """End the request in flight; its client is told."""
        if self._task is None:
            self._transport.close()
        else:
            self._task.cancel()

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._transport.abort()

    # Requests, one after the other.

    def _look(self) -> None:
        """Begin the next request, if all of it is here."""
        held, head = self._held, self._head
        if head is None:
            found = read_head(held, self._front.longest)
            if not isinstance(found, Head):
                if found == "unusual":
                    self._hand_over()
                return
            head = found
        size, end = head.size, head.size + head.length
        if len(held) < end:
            self._head = head
            return
        body = bytes(held[size:end])
        if len(held) == end:
            self._held = b""
        else:
            self._held = bytearray(held) if isinstance(held, bytes) else held
            del self._held[:end]
        self._head = None
        self.phase = "unbegun"
        # It is kept in `_task` and lets no error out: what spawns tasks elsewhere would do no more.
        self._task = self._front.loop.create_task(self._serve(head, body))

    def _hand_over(self) -> None:
        """From here on aiohttp's server has the connection, and what has come of the request."""
        self._front.left(self)
        held, self._held = bytes(self._held), b""
        protocol = self._front.fallback()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(held)

    async def _serve(self, head: Head, body: bytes) -> None:
        request_id = request_id_of(head.headers)
        try:
            await netted(self._answer(head, body, request_id), self, request_id)
        finally:
            self._task = None
            if self.phase != "over" or self._front.draining:
                self._transport.close()
            else:
                self._go_on()

    async def _answer(self, head: Head, body: bytes, request_id: str) -> None:
        services = self._front.services
        arrived_s = services.clock.monotonic()
        authorization = head.headers.get("authorization")
        key = presented(head.headers, () if authorization is None else (authorization,))
        tenant = services.keys.tenant(key)
        if services.draining():
            raise OverloadedError("The gateway is shutting down; try again.")
        asked = Asked(raw=body, headers=head.headers, tenant=tenant, request_id=request_id, arrived_s=arrived_s)
        await exchange(services, asked, self)

    def _go_on(self) -> None:
        """After an answer: to what the client has sent meanwhile."""
        self._since_s = self._front.loop.time()
        if self._transport.is_closing():
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        if self._held:
            self._front.loop.call_soon(self._resume)

    def _resume(self) -> None:
        if self._task is None and self._held and not self._transport.is_closing():
            self._look()
