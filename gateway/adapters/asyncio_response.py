"""A response as it arrives on one of the lean client's connections."""

from __future__ import annotations

import asyncio
import math
from typing import Final, Protocol

from gateway.adapters.http1_parser import ResponseParser
from gateway.adapters.http_transport import RELEASED_BYTES, RELEASED_S, TransportError, TransportTimeoutError

HIGH_WATER: Final = 256 * 1024
"""Unread bytes of a body beyond which the peer is made to wait."""


class Carrier(Protocol):
    """What a response needs of its connection."""

    def arm(self, moment_s: float) -> None:
        """Look at the limits at this moment at the latest."""
        ...

    def resume(self) -> None:
        """The body's bytes were taken: the peer may go on."""
        ...

    def end(self) -> None:
        """The response is of no interest any longer."""
        ...


class AsyncioResponse:
    """A response; see http_transport.Response. `head` is awaited before it is handed out."""

    __slots__ = (
        "_error", "_idle_s", "_loop", "_released", "_since_s", "_until_s", "_waiter", "_wanted", "connection", "parser",
    )  # fmt: skip

    def __init__(self, connection: Carrier, loop: asyncio.AbstractEventLoop, until_s: float) -> None:
        self.parser = ResponseParser()
        self.connection: Carrier | None = connection
        """None once the response is whole, failed or closed."""
        self._loop = loop
        self._until_s = until_s
        self._idle_s = math.inf
        self._since_s = 0.0
        """When waiting for the next piece began."""
        self._wanted = 0
        """Bytes of the body for which the waiter is woken, besides the end."""
        self._released: int | None = None
        """Bytes that may still come of a response that nobody reads any longer."""
        self._waiter: asyncio.Future[None] | None = None
        self._error: TransportError | TransportTimeoutError | None = None

    @property
    def status(self) -> int:
        """The final status."""
        head = self.parser.head
        assert head is not None
        return head.status

    def header(self, name: str) -> str | None:
        """A header's value by its lower-case name."""
        head = self.parser.head
        assert head is not None
        return head.header(name)

    def limit(self, *, idle_s: float, until_s: float) -> None:
        """From now on these limits hold instead of `send`'s `until_s`."""
        self._idle_s = idle_s
        self._until_s = until_s
        if self.connection is not None:
            self._since_s = self._loop.time()
            self.connection.arm(min(until_s, self._since_s + idle_s))

    async def head(self) -> None:
        """Wait for the head; TransportError or TransportTimeoutError if there is none in time."""
        while self.parser.head is None:
            await self._more(0)

    async def chunk(self) -> bytes:
        """All bytes of the body that are here, at least one; b"" at its end."""
        parser = self.parser
        while True:
            data = parser.take()
            if data:
                if self.connection is not None:
                    self.connection.resume()
                return data
            if parser.complete:
                return b""
            await self._more(1)

    async def read(self, limit: int) -> bytes:
        """The rest of the body, of at most `limit` bytes."""
        parser = self.parser
        pieces: list[bytes] = []
        left = limit
        while True:
            if parser.waiting + parser.missing > left:
                self.close()
                raise TransportError("too_large", "the response's body is too large", begun=True)
            left -= parser.waiting
            data = parser.take()
            if parser.complete:
                return data if not pieces else b"".join([*pieces, data])
            pieces.append(data)
            if self.connection is not None:
                self.connection.resume()
            await self._more(min(HIGH_WATER, left + 1))

    def release(self) -> None:
        """Done with it: the connection is kept if the response ends within a moment."""
        if self.connection is not None and self._released is None:
            self._released = RELEASED_BYTES
            self.limit(idle_s=math.inf, until_s=self._loop.time() + RELEASED_S)
            self.progress()

    def close(self) -> None:
        """Done with it: the connection is closed unless the response was whole."""
        connection, self.connection = self.connection, None
        if connection is not None:
            self.fail(TransportError("cut", "the response was closed", begun=self.parser.begun))
            connection.end()

    # What the connection calls.

    def progress(self) -> None:
        """Something came: wake who waits for it."""
        waiter = self._waiter
        parser = self.parser
        if parser.head is None:
            return
        if self._released is not None:
            self._released -= len(parser.take())
            if self._released < 0:
                self.close()
            elif self.connection is not None:
                self.connection.resume()
            return
        if not (parser.complete or parser.waiting >= self._wanted):
            self._since_s = self._loop.time()
        elif waiter is not None and not waiter.done():
            waiter.set_result(None)

    def fail(self, error: TransportError | TransportTimeoutError) -> None:
        """Nothing more comes."""
        self._error = error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def due(self, now_s: float) -> tuple[float, TransportTimeoutError]:
        """The next moment at which a limit runs out unless something comes, and the error it then is."""
        idle_s = (self._since_s if self._waiter is not None else now_s) + self._idle_s
        if idle_s < self._until_s:
            return idle_s, TransportTimeoutError("idle")
        return self._until_s, TransportTimeoutError("until")

    async def _more(self, wanted: int) -> None:
        """Wait until so many bytes of the body wait to be taken, or the response ends; raises if it ended in error."""
        if self._error is not None:
            raise self._error
        if self._waiter is not None:
            raise RuntimeError("two readers of one response")
        connection, loop = self.connection, self._loop
        assert connection is not None
        self._wanted = wanted
        self._since_s = now_s = loop.time()
        connection.arm(min(self._until_s, now_s + self._idle_s))
        waiter = self._waiter = loop.create_future()
        try:
            await waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None
