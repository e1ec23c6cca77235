"""The front: it knows its connections, looks after them every few seconds, and ends them in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from gateway.api.front import Front
from gateway.api.front_connection import FrontConnection
from gateway.app import Gateway
from gateway.settings.load import parse
from tests.fakes import FakeUpstream
from tests.neighbours.fake_transport import FakeTransport
from tests.neighbours.raw_client import asked, request
from tests.serving import configuration


class Transport(FakeTransport):
    """Tells its protocol that it is closed, soon, as the event loop does."""

    made: FrontConnection | None = None

    def close(self) -> None:
        if not self.closing and self.waiting == 0:
            self._lose()
        super().close()

    def abort(self) -> None:
        self._lose()
        super().abort()

    def _lose(self) -> None:
        assert self.made is not None
        asyncio.get_running_loop().call_soon(self.made.connection_lost, None)


@pytest.fixture
async def upstream() -> FakeUpstream:
    """Answers when its gate opens."""
    upstream = FakeUpstream()
    upstream.gate = asyncio.Event()
    return upstream


@pytest.fixture
async def front(tmp_path: Path, upstream: FakeUpstream) -> Front:
    """A front with nothing in front of it."""
    settings = parse("test.yaml", yaml.safe_dump(configuration(tmp_path)), {})
    return Front(Gateway(settings, upstream=upstream).services, asyncio.Protocol)


def _connect(front: Front) -> tuple[FrontConnection, Transport]:
    connection, transport = front(), Transport()
    transport.made = connection
    connection.connection_made(transport)
    return connection, transport


async def _steps() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def test_the_sweep_looks_after_every_connection(front: Front) -> None:
    """Each is checked with the loop's time, and the next sweep is set."""
    connections = [_connect(front) for _ in range(3)]
    connections[1][0]._since_s -= 1000.0
    timer = front._timer
    front._sweep()
    assert [transport.closing for _, transport in connections] == [False, True, False]
    assert front._timer is not timer
    await _steps()
    assert len(front.connections) == 2
    await front.drain(0.0)
    assert front._timer.cancelled()


async def test_draining_nothing_takes_no_time(front: Front) -> None:
    """Neither without connections nor with idle ones."""
    await front.drain(3600.0)
    connections = [_connect(front) for _ in range(3)]
    await front.drain(3600.0)
    assert all(transport.closing for _, transport in connections)
    assert not front.connections


async def test_draining_waits_for_what_is_in_flight(front: Front, upstream: FakeUpstream) -> None:
    """And for nothing else; the answer says that the connection closes."""
    connection, transport = _connect(front)
    connection.data_received(request(asked()))
    await _steps()
    drained = asyncio.get_running_loop().create_task(front.drain(3600.0))
    await _steps()
    assert not drained.done()
    assert upstream.gate is not None
    upstream.gate.set()
    await drained
    assert transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in transport.written


async def test_draining_ends_what_is_out_of_time(front: Front) -> None:
    """Its client is told."""
    connection, transport = _connect(front)
    connection.data_received(request(asked()))
    await _steps()
    await front.drain(0.0)
    assert transport.written.startswith(b"HTTP/1.1 503 ")
    assert not front.connections


async def test_a_client_that_takes_nothing_is_cut_in_the_end(front: Front) -> None:
    """What could not be sent is thrown away."""
    _, transport = _connect(front)
    transport.waiting = 100
    await front.drain(0.0)
    assert transport.aborted
    assert not front.connections
