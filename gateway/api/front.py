"""The front of the server: answers usual chat completions itself, and hands all other connections to aiohttp's.

aiohttp's server costs some 40 microseconds a request, of which a chat completion as every client sends it needs few.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gateway.api.front_connection import FrontConnection
from gateway.api.services import Services

_SWEEP_S: Final = 5.0
_LONGEST: Final = 256 * 1024
"""Bytes of a body that is gathered here; a larger one is left to aiohttp's server."""
_ARRIVING_S: Final = 2.0
"""While draining: how long a request that has begun to arrive is waited for."""
_LAST_S: Final = 1.0
"""While draining: how long clients may take to read that their time is over."""


class Front:
    """A protocol factory for the event loop's server. `fallback` makes aiohttp's protocols, which know all limits."""

    def __init__(
        self, services: Services, fallback: Callable[[], asyncio.Protocol], *, max_body_bytes: int = _LONGEST
    ) -> None:
        self.services = services
        self.fallback = fallback
        self.longest = min(_LONGEST, max_body_bytes)
        self.loop = asyncio.get_running_loop()
        self.connections: set[FrontConnection] = set()
        self.draining = False
        self._empty = asyncio.Event()
        self._timer = self.loop.call_later(_SWEEP_S, self._sweep)

    def __call__(self) -> FrontConnection:
        """The protocol of a new connection."""
        return FrontConnection(self)

    def left(self, connection: FrontConnection) -> None:
        """Forget a connection that is lost or handed over."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Close what is idle, give requests in flight this long, then end them."""
        self._timer.cancel()
        self.draining = True
        arriving_s = min(seconds, _ARRIVING_S)
        await self._finish(arriving_s, lambda connection: connection.retire(arriving=False))
        await self._finish(seconds - arriving_s, lambda connection: connection.retire(arriving=True))
        await self._finish(_LAST_S, FrontConnection.expire)
        await self._finish(_LAST_S, FrontConnection.abort)

    async def _finish(self, seconds: float, tell: Callable[[FrontConnection], None]) -> None:
        """Tell every connection, and wait until all are gone, but no longer than this."""
        for connection in list(self.connections):
            tell(connection)
        if self.connections:
            self._empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), seconds)

    def _sweep(self) -> None:
        now_s = self.loop.time()
        for connection in list(self.connections):
            connection.check(now_s)
        self._timer = self.loop.call_later(_SWEEP_S, self._sweep)
