"""What one connection costs the event loop, and when it ends of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.adapters.asyncio_connection import Connection
from gateway.adapters.asyncio_pool import Pool
from gateway.adapters.asyncio_response import HIGH_WATER
from gateway.adapters.asyncio_transport import AsyncioTransport
from gateway.adapters.http_transport import Endpoint, TransportError
from gateway.adapters.tls_context import client_tls
from tests.neighbours.certificates import server_context
from tests.neighbours.raw_server import Peer, RawServer, head, whole

ANSWER = whole(b"hello")


class Loop(asyncio.SelectorEventLoop):
    """Counts the timers that are set."""

    timers = 0

    def call_at(self, when: Any, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override] # one that forwards
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


class FakeTransport(asyncio.Transport):
    """Remembers what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.written: list[bytes] = []
        self.buffered = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return "abort" in self.told

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def write(self, data: Any) -> None:
        self.written.append(data)

    def writelines(self, list_of_data: Any) -> None:
        self.written.append(b"".join(list_of_data))

    def pause_reading(self) -> None:
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.told.append("resume")

    def abort(self) -> None:
        self.told.append("abort")


def connect() -> tuple[Connection, FakeTransport, Pool]:
    pool = Pool(idle_s=50.0)
    connection = Connection(pool.origin("http", "a", 80), asyncio.get_running_loop())
    transport = FakeTransport()
    connection.connection_made(transport)
    return connection, transport, pool


def test_many_requests_set_one_timer() -> None:
    """Each with limits of its own, all later than the moment for which the timer is set."""
    loop = Loop()

    async def requests() -> None:
        connection, transport, pool = connect()
        origin = pool.origin("http", "a", 80)
        for _ in range(1000):
            response = connection.begin(b"request", loop.time() + 60.0)
            waiting = loop.create_task(response.head())
            await asyncio.sleep(0)
            connection.data_received(ANSWER[:-1])
            await waiting
            response.limit(idle_s=30.0, until_s=loop.time() + 60.0)
            reading = loop.create_task(response.read(5))
            await asyncio.sleep(0)
            connection.data_received(ANSWER[-1:])
            assert await reading == b"hello"
            assert origin.take() is connection
        assert len(transport.written) == 1000
        connection.connection_lost(None)

    try:
        loop.run_until_complete(requests())
    finally:
        loop.close()
    assert loop.timers <= 3


async def test_a_request_is_one_write() -> None:
    """Given whole, or as head and body."""
    connection, transport, _ = connect()
    connection.begin(b"whole", 1e9)
    connection.begin((b"head", b"body"), 1e9)
    assert transport.written == [b"whole", b"headbody"]
    connection.connection_lost(None)


async def test_the_peer_waits_while_much_is_unread() -> None:
    """Once, and goes on once it is taken; the connection is kept afterwards."""
    connection, transport, pool = connect()
    response = connection.begin(b"request", 1e9)
    connection.data_received(head(f"content-length: {2 * HIGH_WATER}"))
    for _ in range(4):
        connection.data_received(b"x" * (HIGH_WATER // 4))
    assert transport.told == ["pause"]
    assert len(await response.chunk()) == HIGH_WATER
    assert transport.told == ["pause", "resume"]
    connection.data_received(b"x" * HIGH_WATER)
    assert len(await response.chunk()) == HIGH_WATER
    assert pool.resting == 1
    connection.connection_lost(None)


async def test_a_connection_that_still_sends_is_not_kept() -> None:
    """The rest of the request would precede the next one."""
    connection, transport, pool = connect()
    response = connection.begin(b"request", 1e9)
    transport.buffered = 1
    connection.data_received(ANSWER)
    assert await response.read(5) == b"hello"
    assert (transport.told, pool.resting) == (["abort"], 0)


async def test_an_idle_connection_is_closed_in_time() -> None:
    """Without anybody's asking for it."""
    async with RawServer() as server:
        transport = AsyncioTransport(idle_s=0.05)
        endpoint = Endpoint(scheme="http", host="127.0.0.1", port=server.port, target="/")
        for _ in range(2):
            response = await transport.send(endpoint, b"", connect_s=9, until_s=asyncio.get_running_loop().time() + 9)
            assert await response.read(5) == b"hello"
        assert server.open == 1
        assert await server.deserted()
        assert len(server.peers) == 1
        await transport.close()


@pytest.mark.parametrize("own_word", [True, False])
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_end_that_tls_does_not_vouch_for_is_a_cut(
    tmp_path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop], own_word: bool
) -> None:
    """Anybody on the way can break a connection: a body until close is whole only by the peer's own word."""

    async def answer(peer: Peer) -> None:
        await peer.send(head(), b"half of ", pause_s=0.05)
        peer.close() if own_word else peer.writer.transport.abort()

    async def ask() -> bytes:
        async with RawServer(answer, tls=server_context(tmp_path)) as server:
            transport = AsyncioTransport(tls=client_tls(str(tmp_path / "authority.pem")))
            endpoint = Endpoint(scheme="https", host="localhost", port=server.port, target="/")
            until_s = asyncio.get_running_loop().time() + 9.0
            try:
                response = await transport.send(endpoint, b"", connect_s=9.0, until_s=until_s)
                return await response.read(100)
            finally:
                await transport.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        if own_word:
            assert runner.run(ask()) == b"half of "
            return
        with pytest.raises(TransportError) as caught:
            runner.run(ask())
        assert (caught.value.fault, caught.value.begun) == ("cut", True)
