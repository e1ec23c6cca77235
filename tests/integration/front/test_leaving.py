"""Clients that leave, read slowly or say nothing more: the upstream is let go, and nothing is kept of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.values import Completion
from gateway.flows.ports import Call, Reply
from tests.builders import make_completion
from tests.fakes import FakeStream, FakeUpstream
from tests.neighbours.raw_client import asked, connected, request
from tests.neighbours.serving_front import front_of, quiet, until
from tests.serving import Client, serving

WAYS = pytest.mark.parametrize("chunked", [False, True], ids=["front", "aiohttp"])
SMALL = 2**16
BLOCK = b"data: " + b"x" * 65_530 + b"\n\n"


class LongStream(FakeStream):
    """So many big blocks; counts those that were taken."""

    def __init__(self, count: int) -> None:
        super().__init__([], make_completion())
        self.count, self.taken = count, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < self.count:
            self.taken += 1
            await asyncio.sleep(0)
            yield BLOCK


class Upstream(FakeUpstream):
    """Streams are long, whole answers may be big or never come; counts calls that were cancelled."""

    blocks, text = 400, "4"
    cancelled = 0

    def __init__(self) -> None:
        super().__init__()
        self.long: list[LongStream] = []

    async def complete(self, call: Call) -> Reply:
        reply = await super().complete(call)
        return Reply(body={**reply.body, "text": self.text}, completion=reply.completion)

    async def open(self, call: Call) -> LongStream:
        await self._run(call)
        self.long.append(LongStream(self.blocks))
        return self.long[-1]

    async def _run(self, call: Call) -> Completion:
        try:
            return await super()._run(call)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@pytest.fixture
def upstream() -> Upstream:
    """What each gateway of this file has behind it."""
    return Upstream()


def _behind(client: Client, upstream: Upstream) -> None:
    client.upstream.complete = upstream.complete  # type: ignore[method-assign]
    client.upstream.open = upstream.open  # type: ignore[method-assign]


async def _statuses(client: Client) -> list[str]:
    await client.gateway.sync.flush()
    _, listing, _ = await client.send("GET", "/admin/decisions")
    return [entry["outcome"]["status"] for entry in listing["decisions"]]


def _taken(upstream: Upstream) -> int:
    return sum(stream.taken for stream in upstream.long)


async def _settled(upstream: Upstream) -> int:
    """Blocks taken, once no more are."""
    before = -1
    while before != _taken(upstream) or before == 0:
        before = _taken(upstream)
        await asyncio.sleep(0.05)
    return before


@WAYS
async def test_one_who_leaves_before_the_request_is_whole_costs_nothing(tmp_path: Path, chunked: bool) -> None:
    """Nothing goes upstream, nothing is logged, nothing is kept."""
    async with quiet() as events, serving(tmp_path) as client:
        for end in (1, 30, 60, -40, -1):
            async with connected(client.url) as raw:
                await raw.send(request(asked(), chunked=chunked)[:end])
                await asyncio.sleep(0.005)
        await until(lambda: not front_of(client).connections)
        assert not client.upstream.calls
    assert not [event for event in events if event == "request_failed"]


@WAYS
@pytest.mark.parametrize("stream", [False, True])
async def test_one_who_leaves_while_the_upstream_works_cancels_the_call(
    tmp_path: Path, upstream: Upstream, chunked: bool, stream: bool
) -> None:
    """And its decision teaches nothing: aborted."""
    async with quiet(), serving(tmp_path) as client:
        _behind(client, upstream)
        upstream.gate = asyncio.Event()
        async with connected(client.url) as raw:
            await raw.send(request(asked(stream=stream), chunked=chunked))
            await until(lambda: upstream.calls)
        await until(lambda: upstream.cancelled)
        await until(lambda: not front_of(client).connections)
        assert await _statuses(client) == ["aborted"]
        assert len(upstream.calls) == 1


@WAYS
async def test_one_who_leaves_in_midstream_closes_the_upstream(
    tmp_path: Path, upstream: Upstream, chunked: bool
) -> None:
    """However much is still waiting to be sent."""
    async with quiet(), serving(tmp_path) as client:
        _behind(client, upstream)
        async with connected(client.url, receive_bytes=SMALL) as raw:
            await raw.send(request(asked(stream=True), chunked=chunked))
            assert await raw.reader.readexactly(1000)
            await _settled(upstream)
        await until(lambda: upstream.long[0].closed)
        await until(lambda: not front_of(client).connections)
        assert await _statuses(client) == ["aborted"]


@WAYS
@pytest.mark.parametrize("stream", [False, True])
async def test_one_who_closes_half_is_gone(tmp_path: Path, upstream: Upstream, chunked: bool, stream: bool) -> None:
    """As with aiohttp's server: nobody can tell an end from half an end, and an answer unread is paid for."""
    async with quiet(), serving(tmp_path) as client:
        _behind(client, upstream)
        upstream.gate = asyncio.Event()
        async with connected(client.url) as raw:
            await raw.send(request(asked(stream=stream), chunked=chunked))
            raw.writer.write_eof()
            await until(lambda: upstream.cancelled)
            assert await raw.end() == b""
        assert not front_of(client).connections


@WAYS
async def test_a_slow_reader_slows_its_stream(tmp_path: Path, upstream: Upstream, chunked: bool) -> None:
    """The upstream is read no faster than the client reads, and every byte arrives in the end."""
    async with serving(tmp_path) as client:
        _behind(client, upstream)
        async with connected(client.url, receive_bytes=SMALL) as raw:
            await raw.send(request(asked(stream=True), chunked=chunked))
            assert await raw.reader.readexactly(1000)
            # What fits into the system's buffers, and little more.
            assert await _settled(upstream) < 150
            rest = bytearray()
            while not rest.endswith(b"\r\n0\r\n\r\n"):
                rest += await raw.reader.read(2**20)
        assert upstream.blocks - 1 <= rest.count(b"data: xx") <= upstream.blocks
        assert b"data: [DONE]" in rest[-40:]
        assert await _statuses(client) == ["answered"]


@WAYS
async def test_a_slow_reader_of_a_big_answer_gets_all_of_it(tmp_path: Path, upstream: Upstream, chunked: bool) -> None:
    """The next request on its connection waits for it."""
    upstream.text = "y" * 8_000_000
    async with serving(tmp_path) as client:
        _behind(client, upstream)
        async with connected(client.url, receive_bytes=SMALL) as raw:
            await raw.send(request(asked(), chunked=chunked) + request(asked()))
            await until(lambda: upstream.calls)
            for _ in range(20):
                await asyncio.sleep(0.005)
            assert len(upstream.calls) == 1
            for _ in range(2):
                heard = await raw.hear()
                assert heard.whole
                assert len(heard.json["text"]) == len(upstream.text)


async def test_a_reader_that_stands_still_is_cut(tmp_path: Path, upstream: Upstream) -> None:
    """After a minute in which it has taken nothing."""
    async with quiet(), serving(tmp_path) as client:
        _behind(client, upstream)
        async with connected(client.url, receive_bytes=SMALL) as raw:
            await raw.send(request(asked(stream=True)))
            await raw.reader.readexactly(1000)
            await _settled(upstream)
            (connection,) = front_of(client).connections
            now_s = asyncio.get_running_loop().time()
            connection.check(now_s)
            connection.check(now_s + 59)
            assert not upstream.long[0].closed
            connection.check(now_s + 61)
            await until(lambda: upstream.long[0].closed)
        assert await _statuses(client) == ["aborted"]


async def _visit(client: Client, kind: int) -> None:
    async with connected(client.url) as raw:
        data: dict[int, Any] = {
            0: request(asked()),
            1: request(asked(stream=True)),
            2: request(asked())[:80],
            3: b"",
            4: request(b"{"),
            5: request(asked(), chunked=True),
            6: request(asked()) * 3,
            7: b"nonsense\r\n\r\n",
            8: request(asked(), [("Connection", "close")]),
            9: request(asked(stream=True)),
        }
        await raw.send(data[kind])
        if kind in {0, 1, 4, 5, 8}:
            await raw.hear()


async def test_nothing_is_left_of_a_thousand_connections(tmp_path: Path) -> None:
    """Of all kinds, some answered, some abandoned anywhere: no connection, no task, no error that nobody heard."""
    async with quiet(), serving(tmp_path) as client:
        before = len(asyncio.all_tasks())
        for start in range(0, 1000, 50):
            await asyncio.gather(*(_visit(client, i % 10) for i in range(start, start + 50)))
        await until(lambda: not front_of(client).connections)
        await until(lambda: len(asyncio.all_tasks()) <= before)
        assert (await client.chat())[0] == 200
