"""Keeps connections to providers open between requests, by origin, the last used first."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.adapters.asyncio_connection import Connection

IDLE_S: Final = 50.0
"""Less than the 60 s after which usual load balancers close an idle connection: we seldom race with them."""
MAX_IDLE: Final = 512
_CLOSING_S: Final = 1.0


@dataclass(slots=True, eq=False)
class Origin:
    """One scheme, host and port, and the connections to it that carry no request."""

    pool: Pool
    scheme: Literal["http", "https"]
    host: str
    port: int
    idle_s: float
    """How long a connection is kept that carries no request."""
    idle: list[Connection] = field(default_factory=list)

    def take(self) -> Connection | None:
        """The connection used last, for one request; None if there is none."""
        while self.idle:
            connection = self.idle.pop()
            self.pool.resting -= 1
            if connection.usable:
                return connection
        return None

    def opened(self, connection: Connection) -> None:
        """It is connected."""
        self.pool.open.add(connection)

    def rested(self, connection: Connection) -> None:
        """Its response is read; it may carry another request."""
        pool = self.pool
        if pool.closed or pool.resting >= pool.max_idle:
            connection.abort()
        else:
            self.idle.append(connection)
            pool.resting += 1

    def lost(self, connection: Connection) -> None:
        """No request may be given to it."""
        if connection in self.idle:
            self.idle.remove(connection)
            self.pool.resting -= 1

    def gone(self, connection: Connection) -> None:
        """It is closed."""
        self.pool.gone(connection)


class Pool:
    """The connections to all origins."""

    def __init__(self, *, idle_s: float = IDLE_S, max_idle: int = MAX_IDLE) -> None:
        self._idle_s = idle_s
        self.max_idle = max_idle
        self.resting = 0
        self.open: set[Connection] = set()
        self.closed = False
        self._origins: dict[tuple[str, str, int], Origin] = {}
        self._emptied: asyncio.Event | None = None

    def origin(self, scheme: Literal["http", "https"], host: str, port: int) -> Origin:
        """The one origin of this name."""
        key = (scheme, host, port)
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = Origin(self, scheme, host, port, self._idle_s)
        return origin

    def gone(self, connection: Connection) -> None:
        """It is closed."""
        self.open.discard(connection)
        if self._emptied is not None and not self.open:
            self._emptied.set()

    async def close(self) -> None:
        """Close all connections, those in use as well, and wait until they are, for a moment at most."""
        self.closed = True
        if not self.open:
            return
        self._emptied = asyncio.Event()
        for connection in list(self.open):
            connection.cut()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                await self._emptied.wait()
