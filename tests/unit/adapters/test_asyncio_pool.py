"""Which connection carries the next request, and which are kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.adapters.asyncio_connection import Connection
from gateway.adapters.asyncio_pool import Origin, Pool


class FakeTransport(asyncio.Transport):
    """A connection's other end that only remembers whether it is open."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)


@pytest.fixture
def pool() -> Pool:
    return Pool(idle_s=60.0, max_idle=2)


@pytest.fixture
def origin(pool: Pool) -> Origin:
    return pool.origin("http", "a", 80)


def connect(origin: Origin) -> FakeTransport:
    """A new connection of the origin."""
    connection = Connection(origin, asyncio.get_running_loop())
    transport = FakeTransport(connection)
    connection.connection_made(transport)
    return transport


async def test_origins_are_told_apart_by_scheme_host_and_port(pool: Pool, origin: Origin) -> None:
    """A connection of one is never used for another."""
    origin.rested(connect(origin).connection)
    assert pool.origin("http", "a", 80) is origin
    for other in (pool.origin("https", "a", 80), pool.origin("http", "b", 80), pool.origin("http", "a", 81)):
        assert other.take() is None


async def test_the_last_used_is_taken_first(origin: Origin) -> None:
    """So that those beyond the need grow old and are closed."""
    first, second = connect(origin), connect(origin)
    origin.rested(first.connection)
    origin.rested(second.connection)
    assert [origin.take(), origin.take(), origin.take()] == [second.connection, first.connection, None]


async def test_so_many_are_kept_and_no_more(pool: Pool, origin: Origin) -> None:
    """Over all origins; whoever comes back too many is closed."""
    other = pool.origin("http", "b", 80)
    transports = [connect(origin), connect(other), connect(origin)]
    for transport in transports:
        transport.connection.home.rested(transport.connection)
    assert [transport.closing for transport in transports] == [False, False, True]
    assert origin.take() is transports[0].connection
    origin.rested(transports[0].connection)
    assert not transports[0].closing


async def test_what_is_ending_is_not_taken(origin: Origin) -> None:
    """Whether its end was told, or only the loop knows of it."""
    told, untold, good = connect(origin), connect(origin), connect(origin)
    origin.rested(good.connection)
    origin.rested(untold.connection)
    untold.closing = True
    assert origin.take() is good.connection
    origin.rested(told.connection)
    told.connection.eof_received()
    assert told.closing
    assert origin.take() is None


async def test_closing_closes_all_and_keeps_none(pool: Pool, origin: Origin) -> None:
    """Idle ones and others; who comes back later is closed as well."""
    idle, used = connect(origin), connect(origin)
    origin.rested(idle.connection)
    await pool.close()
    assert idle.closing
    assert used.closing
    assert pool.open == set()
    late = connect(origin)
    origin.rested(late.connection)
    assert late.closing
    await pool.close()
