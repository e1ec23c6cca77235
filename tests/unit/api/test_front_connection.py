"""One connection at the front, without a socket: gathering, order, limits of time and bytes, and handing over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
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


class Fallback(asyncio.Protocol):
    """What aiohttp's server would be given."""

    def __init__(self) -> None:
        self.transport: asyncio.BaseTransport | None = None
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.data += data


class Setting:
    """A connection with everything behind it, and nothing in front but a test."""

    def __init__(self, folder: Path) -> None:
        self.upstream = FakeUpstream()
        settings = parse("test.yaml", yaml.safe_dump(configuration(folder)), {})
        self.gateway = Gateway(settings, upstream=self.upstream, seed=1)
        self.fallbacks: list[Fallback] = []
        self.front = Front(self.gateway.services, self._fallback, max_body_bytes=100_000)
        self.connection, self.transport = FrontConnection(self.front), FakeTransport()
        self.connection.connection_made(self.transport)

    def _fallback(self) -> Fallback:
        self.fallbacks.append(Fallback())
        return self.fallbacks[-1]

    def receive(self, data: bytes) -> None:
        """From the client, to whoever has the connection now."""
        (self.transport.protocol or self.connection).data_received(data)

    async def rest(self) -> bytes:
        """Let everything happen; what has been written since."""
        before = len(self.transport.written)
        for _ in range(200):
            await asyncio.sleep(0)
        return self.transport.written[before:]

    def lose(self) -> None:
        """The client leaves."""
        self.transport.close()
        self.connection.connection_lost(None)


@pytest.fixture
async def setting(tmp_path: Path) -> Setting:
    """A new connection."""
    return Setting(tmp_path)


async def test_a_request_in_any_two_pieces_is_answered_once(setting: Setting) -> None:
    """Not before its last byte, and then at once."""
    data = request(asked())
    for cut in range(1, len(data)):
        setting.connection.data_received(data[:cut])
        assert await setting.rest() == b""
        setting.connection.data_received(data[cut:])
        assert (await setting.rest()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(setting.upstream.calls) == len(data) - 1
    assert not setting.fallbacks


@pytest.mark.parametrize("size", [1, 3, 100, 10_000])
async def test_a_train_of_requests_in_pieces_is_answered_in_order(setting: Setting, size: int) -> None:
    """Pieces of any size; each request once."""
    data = b"".join(request(asked(str(i)), [("x-request-id", f"r{i}")]) for i in range(5))
    written = b""
    for at in range(0, len(data), size):
        setting.connection.data_received(data[at : at + size])
        if size > 3:
            written += await setting.rest()
    written += await setting.rest()
    assert [line for line in written.split(b"\r\n") if b"x-request-id" in line] == [
        f"x-request-id: r{i}".encode() for i in range(5)
    ]


async def test_one_request_at_a_time(setting: Setting) -> None:
    """The second waits for the first one's answer."""
    setting.upstream.gate = asyncio.Event()
    setting.connection.data_received(request(asked()) * 2)
    await setting.rest()
    assert len(setting.upstream.calls) == 1
    setting.upstream.gate.set()
    assert (await setting.rest()).count(b"HTTP/1.1 200 OK") == 2


async def test_nothing_is_read_far_ahead(setting: Setting) -> None:
    """Beyond 64 KiB the transport is told to pause, once, and to go on after the answer."""
    setting.upstream.gate = asyncio.Event()
    one = request(asked("x" * 50_000))
    setting.connection.data_received(one)
    await setting.rest()
    for _ in range(4):
        setting.connection.data_received(one)
    assert setting.transport.reading_paused
    setting.upstream.gate.set()
    assert (await setting.rest()).count(b"HTTP/1.1 200 OK") == 5
    assert not setting.transport.reading_paused


def _pieces(data: bytes) -> Iterator[bytes]:
    yield data[:10]
    yield data[10:]


@pytest.mark.parametrize(
    "odd",
    [
        request(b"", line="GET /healthz HTTP/1.1"),
        request(asked(), chunked=True),
        request(asked(), [("Expect", "100-continue")]),
        request(b"x" * 100_001),
        b"\r\n",
        b"\x16\x03\x01",
    ],
)
@pytest.mark.parametrize("before", [b"", request(asked())])
async def test_an_odd_request_is_handed_over_with_all_that_follows(setting: Setting, before: bytes, odd: bytes) -> None:
    """From its first byte on, after the answers before it; for good, and the front forgets the connection."""
    for piece in _pieces(before + odd + request(asked())):
        setting.receive(piece)
    written = await setting.rest()
    (fallback,) = setting.fallbacks
    assert fallback.data == odd + request(asked())
    assert setting.transport.protocol is fallback
    assert fallback.transport is setting.transport
    assert written.count(b"HTTP/1.1 200 OK") == bool(before)
    assert not setting.front.connections


async def test_a_body_as_large_as_allowed_is_gathered(setting: Setting) -> None:
    """To the byte."""
    body = asked()
    setting.connection.data_received(request(body + b" " * (100_000 - len(body))))
    assert (await setting.rest()).startswith(b"HTTP/1.1 200 OK")


async def test_a_request_must_arrive_in_time(setting: Setting) -> None:
    """Thirty seconds, and one more for each KiB that has come; pieces do not start the time anew."""
    now_s = setting.front.loop.time()
    data = request(asked("x" * 20_000))
    setting.connection.data_received(data[:10])
    setting.connection.data_received(data[10:10_240])
    setting.connection.check(now_s + 39.5)
    assert not setting.transport.is_closing()
    setting.connection.check(now_s + 42)
    assert setting.transport.is_closing()
    assert not setting.upstream.calls


async def test_an_idle_connection_closes_in_the_end(setting: Setting) -> None:
    """After ten minutes, counted from its last answer; never while one is in flight."""
    now_s = setting.front.loop.time()
    setting.upstream.gate = asyncio.Event()
    setting.connection.data_received(request(asked()))
    await setting.rest()
    setting.connection.check(now_s + 10_000)
    setting.upstream.gate.set()
    await setting.rest()
    setting.connection.check(now_s + 600)
    assert not setting.transport.is_closing()
    setting.connection.check(setting.front.loop.time() + 621)
    assert setting.transport.is_closing()


async def test_a_client_that_leaves_cancels_its_request(setting: Setting) -> None:
    """Nothing is written any more, and what it had sent ahead is dropped."""
    setting.upstream.gate = asyncio.Event()
    setting.connection.data_received(request(asked()) * 2)
    await setting.rest()
    setting.lose()
    assert await setting.rest() == b""
    setting.upstream.gate.set()
    await setting.rest()
    assert len(setting.upstream.calls) == 1
    assert not setting.front.connections


async def test_a_client_that_leaves_before_anything_began_is_forgotten(setting: Setting) -> None:
    """Its request arrived, but no step of it was taken."""
    setting.connection.data_received(request(asked()))
    setting.lose()
    assert await setting.rest() == b""
    assert not setting.upstream.calls


async def test_an_answer_cut_by_the_end_is_not_followed_by_anything(setting: Setting) -> None:
    """A slow reader's answer is whole as it was written: no error frame is appended to it."""
    setting.upstream.gate = asyncio.Event()
    setting.connection.data_received(request(asked()))
    await setting.rest()
    setting.connection.pause_writing()
    setting.upstream.gate.set()
    setting.front.draining = True
    written = await setting.rest()
    head, _, body = written.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    setting.connection.expire()
    assert await setting.rest() == b""
    assert setting.transport.is_closing()


async def test_a_stream_cut_by_the_end_says_so(setting: Setting) -> None:
    """An error frame and the last chunk; before the first byte a 503."""
    setting.upstream.gate = asyncio.Event()
    setting.connection.data_received(request(asked()))
    await setting.rest()
    setting.front.draining = True
    setting.connection.expire()
    written = await setting.rest()
    assert written.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"Retry-After: 1\r\n" in written
    assert setting.transport.is_closing()


@pytest.mark.parametrize(("arriving", "held", "closes"), [(False, 0, 1), (False, 9, 0), (True, 9, 1), (True, 0, 1)])
async def test_who_is_idle_retires_at_once(setting: Setting, arriving: bool, held: int, closes: int) -> None:
    """And one whose request has begun to arrive when it has had its time."""
    if held:
        setting.connection.data_received(request(asked())[:held])
    setting.connection.retire(arriving=arriving)
    assert setting.transport.is_closing() == bool(closes)
