"""The writing half of a connection at the front: heads, chunks, and waiting while the client is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final, Protocol

from gateway.api.outlet import ClientGoneError, Phase
from gateway.api.services import Services

STALLED_S: Final = 60.0
"""How long a client may take nothing of what is waiting for it."""


class Surroundings(Protocol):
    """What an outlet knows of the front that it belongs to."""

    services: Services
    loop: asyncio.AbstractEventLoop
    draining: bool


class FrontOutlet(asyncio.Protocol):
    """Implements api.outlet.Outlet for one answer after the other."""

    __slots__ = ("_begun", "_blocked", "_front", "_stalled_s", "_transport", "_unsent", "_waiter", "phase")

    def __init__(self, front: Surroundings) -> None:
        self._front = front
        self._transport: asyncio.Transport
        self.phase: Phase = "unbegun"
        self._begun = b""
        """The head of a streamed answer, until it leaves together with the first bytes."""
        self._blocked = False
        """Whether so much waits to be sent that no more should be written."""
        self._waiter: asyncio.Future[None] | None = None
        self._unsent = 0
        self._stalled_s = 0.0
        """Since when exactly `_unsent` bytes wait."""

    # What the event loop calls.

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ClientGoneError())

    # The outlet.

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send an answer of JSON."""
        if self._transport.is_closing():
            raise ClientGoneError
        self.phase = "over"
        self._transport.write(
            f"HTTP/1.1 {status} {_reason(status)}\r\n{self._lines(headers)}"
            f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        if self._blocked:
            await self._drained()

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Start a streamed answer."""
        self.phase = "streaming"
        self._begun = f"HTTP/1.1 200 OK\r\n{self._lines(headers)}Transfer-Encoding: chunked\r\n\r\n".encode()

    async def write(self, data: bytes) -> None:
        """Send what there is."""
        if self._transport.is_closing():
            raise ClientGoneError
        # An empty chunk would be the last.
        if data:
            self._transport.write(b"%b%x\r\n%b\r\n" % (self._begun, len(data), data))
            self._begun = b""
            if self._blocked:
                await self._drained()

    async def end(self, data: bytes) -> None:
        """Send the last bytes and close the answer."""
        if self._transport.is_closing():
            raise ClientGoneError
        self.phase = "over"
        last = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
        self._transport.write(self._begun + last)
        self._begun = b""
        if self._blocked:
            await self._drained()

    def stalled(self, now_s: float) -> bool:
        """Whether the client has taken nothing for too long of what waits for it; to be asked every few seconds."""
        unsent = self._transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._stalled_s = unsent, now_s
        return now_s - self._stalled_s > STALLED_S

    async def _drained(self) -> None:
        self._waiter = self._front.loop.create_future()
        await self._waiter

    def _lines(self, headers: Mapping[str, str]) -> str:
        given = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        closing = "Connection: close\r\n" if self._front.draining else ""
        return f"{given}{_date(int(self._front.services.clock.now()))}{closing}"


@lru_cache(maxsize=64)
def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\nServer: gateway\r\n"
