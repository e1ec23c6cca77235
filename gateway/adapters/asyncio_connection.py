"""One connection to a provider, which carries one request at a time."""

from __future__ import annotations

import asyncio
import math
import socket
from typing import Final, Protocol, cast

from gateway.adapters.asyncio_response import HIGH_WATER, AsyncioResponse
from gateway.adapters.http_transport import TransportError, TransportTimeoutError
from gateway.adapters.tls_context import ended_by_peer

_TICK_S: Final = 0.001
"""A loop's clock may be this coarse: a timer is not set again for less."""


class Home(Protocol):
    """Where a connection belongs between requests."""

    idle_s: float
    """How long a connection is kept that carries no request."""

    def opened(self, connection: Connection) -> None:
        """It is connected."""
        ...

    def rested(self, connection: Connection) -> None:
        """Its response is read; it may carry another request."""
        ...

    def lost(self, connection: Connection) -> None:
        """It is about to be closed: no request may be given to it."""
        ...

    def gone(self, connection: Connection) -> None:
        """It is closed."""
        ...


class Connection(asyncio.Protocol):
    """A connection. All its limits share one timer, which is set anew when it fires and seldom before."""

    __slots__ = ("_armed_s", "_loop", "_paused", "_response", "_rested_s", "_timer", "_transport", "home")

    def __init__(self, home: Home, loop: asyncio.AbstractEventLoop) -> None:
        self.home = home
        self._loop = loop
        self._transport: asyncio.Transport
        self._response: AsyncioResponse | None = None
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_s = math.inf
        self._rested_s = 0.0

    @property
    def usable(self) -> bool:
        """Whether a request may be given to it: the loop may know of its end before it tells us."""
        return not self._transport.is_closing()

    def begin(self, data: tuple[bytes, bytes] | bytes, until_s: float) -> AsyncioResponse:
        """Send a request, whole or as head and body; the response is to be read or closed."""
        response = AsyncioResponse(self, self._loop, until_s)
        self._response = response
        if isinstance(data, bytes):
            self._transport.write(data)
        else:
            self._transport.writelines(data)
        return response

    def end(self) -> None:
        """The response is of no interest any longer."""
        self._response = None
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self.home.lost(self)
        self._transport.abort()

    def cut(self) -> None:
        """Close at once; whoever waits for a response is told that it is cut."""
        if self._response is not None:
            self._fail(TransportError("cut", "the client was closed", begun=self._response.parser.begun))
        self.abort()

    def arm(self, moment_s: float) -> None:
        """Look at the limits at this moment at the latest."""
        if moment_s < self._armed_s:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_s = moment_s
            self._timer = self._loop.call_at(moment_s, self._check)

    def resume(self) -> None:
        """The body's bytes were taken: the peer may go on."""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.home.opened(self)

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:  # nobody asked for it
            self.abort()
            return
        parser = response.parser
        try:
            parser.feed(data)
        except TransportError as error:
            self._fail(error)
            return
        if parser.complete:
            self._finish(response)
        elif parser.waiting >= HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        response.progress()

    def eof_received(self) -> None:
        response = self._response
        if response is None:
            self.abort()
            return
        tls = self._transport.get_extra_info("ssl_object")
        if tls is not None and not ended_by_peer(tls):
            self._fail(TransportError("cut", "the connection broke off", begun=response.parser.begun))
            return
        try:
            response.parser.feed_end()
        except TransportError as error:
            self._fail(error)
            return
        self._finish(response)
        response.progress()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._response is not None:
            begun = self._response.parser.begun
            self._fail(TransportError("cut", "the connection broke before the response was whole", begun=begun))
        self.home.lost(self)
        self.home.gone(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _finish(self, response: AsyncioResponse) -> None:
        self._response = None
        response.connection = None
        # A response that came before the request was read whole leaves a rest that must not precede the next request.
        if response.parser.reusable and not self._transport.get_write_buffer_size():
            if self._paused:
                self.resume()
            home = self.home
            self._rested_s = self._loop.time()
            self.arm(self._rested_s + home.idle_s)
            home.rested(self)
        else:
            self.abort()

    def _fail(self, error: TransportError | TransportTimeoutError) -> None:
        response, self._response = self._response, None
        self.abort()
        if response is not None:
            response.connection = None
            response.fail(error)

    def _check(self) -> None:
        self._timer = None
        self._armed_s = math.inf
        response = self._response
        now_s = self._loop.time()
        if response is not None:
            due_s, error = response.due(now_s)
        else:
            due_s, error = self._rested_s + self.home.idle_s, None
        if now_s < due_s - _TICK_S:
            self.arm(due_s)
        elif error is not None:
            self._fail(error)
        else:
            self.abort()
