"""The writing half of the front: heads and chunks to the byte, and waiting for slow clients."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import h11
import pytest
import yaml

from gateway.api.front import Front
from gateway.api.front_outlet import STALLED_S, FrontOutlet
from gateway.api.outlet import ClientGoneError
from gateway.app import Gateway
from gateway.settings.load import parse
from tests.fakes import FakeUpstream
from tests.neighbours.fake_transport import FakeTransport
from tests.serving import configuration


@pytest.fixture
async def outlet(tmp_path: Path) -> tuple[FrontOutlet, FakeTransport]:
    """An outlet over a connection that takes everything."""
    settings = parse("test.yaml", yaml.safe_dump(configuration(tmp_path)), {})
    front = Front(Gateway(settings, upstream=FakeUpstream()).services, asyncio.Protocol)
    found, transport = FrontOutlet(front), FakeTransport()
    found._transport = transport
    return found, transport


def _heard(written: bytes) -> tuple[int, bytes, dict[str, str], bytes]:
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="POST", target="/", headers=[("Host", "x")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(written)
    head, body = parser.next_event(), b""
    assert isinstance(head, h11.Response)
    while isinstance(event := parser.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert parser.trailing_data[0] == b""
    headers = {name.decode(): value.decode() for name, value in head.headers}
    assert len(headers) == len(list(head.headers))
    return head.status_code, bytes(head.reason), headers, body


async def _step(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Begin it, and see how far it comes."""
    task = asyncio.get_running_loop().create_task(work)
    for _ in range(3):
        await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("status", "reason"), [(200, b"OK"), (404, b"Not Found"), (429, b"Too Many Requests"), (529, b"")]
)
async def test_a_whole_answer(outlet: tuple[FrontOutlet, FakeTransport], status: int, reason: bytes) -> None:
    """One write: status with its phrase, the headers given, type, length, date and a server without a version."""
    out, transport = outlet
    await out.whole(status, {"x-a": "b", "Retry-After": "1"}, b'{"a": 1}')
    found = _heard(transport.written)
    assert (found[0], found[1], found[3]) == (status, reason, b'{"a": 1}')
    assert found[2].pop("date").endswith(" GMT")
    assert found[2] == {
        "x-a": "b",
        "retry-after": "1",
        "server": "gateway",
        "content-length": "8",
        "content-type": "application/json; charset=utf-8",
    }
    assert (transport.writes, out.phase) == (1, "over")


@pytest.mark.parametrize("pieces", [[b"one", b"two"], [b""], [b"", b"one", b""], []])
@pytest.mark.parametrize("last", [b"end", b""])
async def test_a_stream(outlet: tuple[FrontOutlet, FakeTransport], pieces: list[bytes], last: bytes) -> None:
    """The head leaves with the first bytes, each piece is a chunk, and an empty piece does not end the stream."""
    out, transport = outlet
    await out.begin({"Content-Type": "text/event-stream"})
    assert (out.phase, transport.writes) == ("streaming", 0)
    for piece in pieces:
        await out.write(piece)
    await out.end(last)
    status, _, headers, body = _heard(transport.written)
    assert (status, body) == (200, b"".join(pieces) + last)
    assert (headers["transfer-encoding"], headers["content-type"]) == ("chunked", "text/event-stream")
    assert "content-length" not in headers
    assert (out.phase, transport.writes) == ("over", 1 + sum(map(bool, pieces)))


@pytest.mark.parametrize("verb", ["whole", "write", "end"])
async def test_what_is_written_waits_while_the_client_is_slow(
    outlet: tuple[FrontOutlet, FakeTransport], verb: str
) -> None:
    """It goes on when the client has caught up, and raises if the client leaves instead."""
    out, _ = outlet
    await out.begin({})
    out.pause_writing()
    task = await _step(out.whole(200, {}, b"{}") if verb == "whole" else getattr(out, verb)(b"a"))
    assert not task.done()
    out.resume_writing()
    await task
    out.pause_writing()
    task = await _step(out.write(b"b"))
    out.connection_lost(None)
    with pytest.raises(ClientGoneError):
        await task


async def test_nobody_waiting_nobody_is_told(outlet: tuple[FrontOutlet, FakeTransport]) -> None:
    """A client that leaves while the upstream works leaves no error that nobody hears; twice slow is no harm."""
    out, _ = outlet
    for _ in range(2):
        out.pause_writing()
        task = await _step(out.write(b"a"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        out.resume_writing()
    out.pause_writing()
    out.connection_lost(ConnectionResetError())
    assert out._waiter is None or out._waiter.cancelled()


@pytest.mark.parametrize("verb", ["whole", "write", "end"])
async def test_nothing_is_written_to_one_who_is_gone(outlet: tuple[FrontOutlet, FakeTransport], verb: str) -> None:
    """ClientGoneError, before a byte."""
    out, transport = outlet
    await out.begin({})
    transport.close()
    with pytest.raises(ClientGoneError):
        await (out.whole(200, {}, b"{}") if verb == "whole" else getattr(out, verb)(b""))
    assert not transport.written


async def test_a_client_stalls_if_it_takes_nothing(outlet: tuple[FrontOutlet, FakeTransport]) -> None:
    """For a minute, of something; any byte taken counts, and with nothing to take nobody stalls."""
    out, transport = outlet
    now_s = 1000.0
    assert not out.stalled(now_s)
    assert not out.stalled(now_s + 10 * STALLED_S)
    transport.waiting = 500
    assert not out.stalled(now_s := now_s + 20 * STALLED_S)
    assert not out.stalled(now_s + STALLED_S)
    transport.waiting = 499
    assert not out.stalled(now_s + STALLED_S + 1)
    assert not out.stalled(now_s + 2 * STALLED_S)
    assert out.stalled(now_s + 2 * STALLED_S + 2)
