"""The part of the transport's contract that says how long it waits, how much it holds and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from gateway.adapters.http_transport import Endpoint, TransportError, TransportTimeoutError
from tests.contract.transport.fixtures import PATIENCE_S, TransportFixtures, Wire, is_fault, pieces, spawn, within
from tests.neighbours.dead_addresses import refusing, unconnectable
from tests.neighbours.raw_server import Peer, chunk, head, replies, whole

STALLED = head("transfer-encoding: chunked") + chunk(b"hello")


def endpoint_at(url: str) -> Endpoint:
    """The endpoint of a base URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return Endpoint(scheme="http", host=parts.hostname, port=parts.port, target="/")


async def silence(peer: Peer) -> None:
    """Answers nothing."""
    await peer.client_leaves()


class LimitContract(TransportFixtures):
    """Limits by their names, back-pressure, and cancellation at any moment."""

    async def test_a_refused_connection_is_unreachable(self, wire: Wire) -> None:
        """At once, not when a limit runs out."""
        with pytest.raises(TransportError) as caught:
            await wire.send(endpoint=endpoint_at(refusing()))
        assert is_fault(caught.value, "unreachable", begun=False)

    async def test_a_name_without_an_address_is_unreachable(self, wire: Wire) -> None:
        """As the name system says so."""
        with pytest.raises(TransportError) as caught:
            await wire.send(endpoint=replace(wire.endpoint(), host="nobody.invalid"))
        assert is_fault(caught.value, "unreachable", begun=False)

    async def test_a_connection_that_does_not_come_about_is_given_up(self, wire: Wire) -> None:
        """By `connect_s`, or by `until_s` where that is earlier."""
        with unconnectable() as url:
            for connect_s, within_s, limit in ((0.1, PATIENCE_S, "connect"), (PATIENCE_S, 0.1, "until")):
                with pytest.raises(TransportTimeoutError) as caught:
                    await wire.send(endpoint=endpoint_at(url), connect_s=connect_s, within_s=within_s)
                assert caught.value.limit == limit

    @pytest.mark.parametrize("kept", [False, True])
    @pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 O", head(status=100)])
    async def test_a_head_that_does_not_come_is_given_up(self, wire: Wire, kept: bool, sent: bytes) -> None:
        """Whatever came of it, on a new connection as on a kept one, which is not replaced then."""
        if kept:
            await wire.ask()
        wire.script(replies(sent))
        with pytest.raises(TransportTimeoutError) as caught:
            await wire.send(within_s=0.1)
        assert caught.value.limit == "until"
        assert await wire.server.deserted()
        assert self.shared(wire.server)

    async def test_a_moment_that_has_passed_is_a_limit(self, wire: Wire) -> None:
        """A request that comes too late is not answered, though the server would."""
        await wire.ask()
        with pytest.raises(TransportTimeoutError) as caught:
            await wire.send(within_s=-1.0)
        assert caught.value.limit == "until"

    @pytest.mark.parametrize("whole_body", [False, True])
    @pytest.mark.parametrize(("idle_s", "within_s", "limit"), [(0.1, 9.0, "idle"), (9.0, 0.1, "until")])
    async def test_a_body_that_stalls_is_given_up(
        self, wire: Wire, whole_body: bool, idle_s: float, within_s: float, limit: str
    ) -> None:
        """By whichever limit runs out first; what came before is delivered."""
        wire.script(replies(STALLED))
        response = within(await wire.send(), idle_s=idle_s, within_s=within_s)
        if not whole_body:
            assert await response.chunk() == b"hello"
        with pytest.raises(TransportTimeoutError) as caught:
            await (response.read(100) if whole_body else response.chunk())
        assert caught.value.limit == limit
        assert await wire.server.deserted()

    async def test_what_send_was_given_holds_until_new_limits(self, wire: Wire) -> None:
        """A response under no limits of its own does not wait for ever."""
        wire.script(replies(STALLED))
        response = await wire.send(within_s=0.2)
        with pytest.raises(TransportTimeoutError) as caught:
            await pieces(response)
        assert caught.value.limit == "until"

    @pytest.mark.parametrize("whole_body", [False, True])
    async def test_a_slow_drip_is_not_idle(self, wire: Wire, whole_body: bool) -> None:
        """Twelve bytes, each within the limit, together far beyond it."""
        wire.script(replies(head("content-length: 12"), *[b"x"] * 12, pause_s=0.03))
        response = within(await wire.send(), idle_s=0.25)
        assert await response.read(12) == b"x" * 12 if whole_body else len(await pieces(response)) == 12

    async def test_time_that_the_reader_takes_is_not_idle(self, wire: Wire) -> None:
        """The peer is not to blame for it."""
        wire.script(replies(STALLED, chunk(b"more"), chunk(b"")))
        response = within(await wire.send(), idle_s=0.05)
        assert await response.chunk()
        await asyncio.sleep(0.12)
        assert b"hellomore".endswith(b"".join(await pieces(response)))

    async def test_a_limit_may_be_drawn_in_while_a_reader_waits(self, wire: Wire) -> None:
        """The new limit holds from then on."""
        wire.script(replies(STALLED))
        response = await wire.send()
        assert await response.chunk() == b"hello"
        reader = spawn(response.chunk())
        await asyncio.sleep(0.05)
        within(response, idle_s=0.05)
        with pytest.raises(TransportTimeoutError) as caught:
            await reader
        assert caught.value.limit == "idle"

    async def test_a_limit_of_one_request_is_not_the_next_ones(self, wire: Wire) -> None:
        """Though both go over one connection."""
        for _ in range(3):
            assert await within(await wire.send(within_s=0.2), idle_s=0.2, within_s=0.2).read(5) == b"hello"
        wire.script(replies(head("content-length: 5"), b"", b"hello", pause_s=0.12))
        assert await (await wire.send()).read(5) == b"hello"
        assert self.shared(wire.server)

    async def test_a_peer_that_sends_too_fast_is_made_to_wait(self, wire: Wire) -> None:
        """While nobody reads, no more than the buffers on the way fill; then everything comes."""
        sent = 0

        async def flood(peer: Peer) -> None:
            nonlocal sent
            await peer.send(head("content-length: 64000000"))
            for _ in range(640):
                await peer.send(b"x" * 100_000)
                sent += 100_000

        wire.script(flood)
        response = await wire.send()
        before = -1
        while before < sent:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 30_000_000
        size = 0
        while piece := await response.chunk():
            size += len(piece)
        assert size == 64_000_000
        wire.script(replies(whole(b"hello")))
        assert await wire.ask() == (200, b"hello")
        assert self.shared(wire.server)

    async def test_a_large_body_is_read_whole(self, wire: Wire) -> None:
        """Far more than waits unread at any time."""
        wire.script(replies(whole(b"x" * 30_000_000)))
        assert len(await (await wire.send()).read(30_000_000)) == 30_000_000

    async def test_cancelled_at_any_moment_nothing_stays_open(self, wire: Wire) -> None:
        """The peer sees the end within a second; no task, no descriptor is left."""
        wire.script(replies(head("transfer-encoding: chunked"), chunk(b"a"), chunk(b"b"), chunk(b""), pause_s=0.002))
        await wire.ask()
        descriptors = len(os.listdir("/proc/self/fd"))
        for moment in range(60):
            task = spawn(wire.ask())
            await asyncio.sleep(moment * 0.0003)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert wire.server.open <= 1 or await _no_more_than_one_open(wire)
        await wire.transport.close()
        assert await wire.server.deserted()
        assert len(os.listdir("/proc/self/fd")) <= descriptors

    @pytest.mark.parametrize("step", ["head", "chunk", "read"])
    async def test_a_cancelled_reader_closes_the_connection(self, wire: Wire, step: str) -> None:
        """Whatever it was waiting for."""
        wire.script(silence if step == "head" else replies(head("content-length: 5")))
        if step == "head":
            task = spawn(wire.ask())
        else:
            response = await wire.send()
            task = spawn(response.chunk() if step == "chunk" else response.read(5))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        task.cancel()
        assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
        assert await wire.server.deserted()

    async def test_closing_the_transport_ends_connection_attempts(self, wire: Wire) -> None:
        """Nobody waits for what is of no use any longer."""
        with unconnectable() as url:
            task = spawn(wire.send(endpoint=endpoint_at(url)))
            await asyncio.sleep(0.05)
            await wire.transport.close()
            with pytest.raises(TransportError) as caught:
                await asyncio.wait_for(task, 1.0)
            assert is_fault(caught.value, "cut", begun=False)

    async def test_a_cancelled_connection_attempt_leaves_nothing(self, wire: Wire) -> None:
        """Neither task nor descriptor."""
        descriptors = len(os.listdir("/proc/self/fd"))
        with unconnectable() as url:
            held = len(os.listdir("/proc/self/fd")) - descriptors
            task = spawn(wire.send(endpoint=endpoint_at(url)))
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0.05)
            assert len(os.listdir("/proc/self/fd")) <= descriptors + held


async def _no_more_than_one_open(wire: Wire) -> bool:
    """Whether only the one connection that may be kept is open, within a second."""
    for _ in range(100):
        if wire.server.open <= 1:
            return True
        await asyncio.sleep(0.01)
    return False
