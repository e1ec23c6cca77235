"""The end of a process, as its clients see it: what is in flight finishes or is told, and what is idle closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from gateway.app import Gateway
from gateway.flows.ports import Call
from gateway.settings.load import parse
from tests.builders import make_completion
from tests.fakes import FakeStream, FakeUpstream
from tests.neighbours.raw_client import asked, connected, request
from tests.neighbours.serving_front import front_of, quiet, until
from tests.serving import Client, configuration


class GatedStream(FakeStream):
    """Two blocks; the second waits."""

    def __init__(self, gate: asyncio.Event) -> None:
        super().__init__([], make_completion())
        self._gate = gate

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        await self._gate.wait()
        yield b"data: two\n\n"


class GatedUpstream(FakeUpstream):
    """Nothing ends before the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def open(self, call: Call) -> GatedStream:
        self.calls.append(call)
        assert self.gate is not None
        return GatedStream(self.gate)

    def release(self) -> None:
        """Let everything end."""
        assert self.gate is not None
        self.gate.set()


@asynccontextmanager
async def ending(folder: Path, drain_s: float) -> AsyncIterator[tuple[Client, GatedUpstream]]:
    """A gateway that the test stops; it has to have stopped, with nothing left, when the test is over."""
    upstream = GatedUpstream()
    plain = configuration(folder, server={"port": 0, "drain_s": drain_s})
    before = len(asyncio.all_tasks())
    gateway = Gateway(parse("test.yaml", yaml.safe_dump(plain), {}), upstream=upstream, seed=1)
    url = f"http://127.0.0.1:{await gateway.start()}"
    async with quiet(), aiohttp.ClientSession() as session:
        client = Client(session, url, gateway, upstream)
        yield client, upstream
        assert client.gateway.services.draining()
        assert not front_of(client).connections
        await until(lambda: len(asyncio.all_tasks()) <= before)


def _stop(client: Client) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(client.gateway.stop())


async def test_idle_connections_close_at_once(tmp_path: Path) -> None:
    """New ones and kept ones; the end waits for nobody who asks for nothing."""
    async with ending(tmp_path, 3600.0) as (client, upstream):
        upstream.release()
        async with connected(client.url) as new, connected(client.url) as kept:
            await kept.send(request(asked()))
            assert (await kept.hear()).status == 200
            await until(lambda: len(front_of(client).connections) == 2)
            stopping = _stop(client)
            assert await new.end() == b""
            assert await kept.end() == b""
            await stopping


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_in_flight_finishes(tmp_path: Path, stream: bool) -> None:
    """Its answer is whole, says that the connection ends with it, and a request behind it is not begun."""
    async with ending(tmp_path, 3600.0) as (client, upstream), connected(client.url) as raw:
        await raw.send(request(asked(stream=stream)) + request(asked("behind")))
        await until(lambda: upstream.calls)
        await asyncio.sleep(0.01)  # a stream's head has left by now
        stopping = _stop(client)
        await until(lambda: front_of(client).draining)
        upstream.release()
        heard = await raw.hear()
        assert (heard.status, heard.whole) == (200, True)
        assert heard.body.endswith(b"data: two\n\ndata: [DONE]\n\n") == stream
        assert stream or heard.headers["connection"] == "close"
        assert await raw.end() == b""
        await stopping
        assert len(upstream.calls) == 1


@pytest.mark.parametrize("drain_s", [0.0, 0.05])
async def test_a_stream_out_of_time_says_so(tmp_path: Path, drain_s: float) -> None:
    """An error frame instead of [DONE], and a proper end of the chunks."""
    async with ending(tmp_path, drain_s) as (client, upstream), connected(client.url) as raw:
        await raw.send(request(asked(stream=True)))
        await raw.reader.readuntil(b"data: one\n\n")
        await client.gateway.stop()
        rest = await raw.end()
        assert b'data: {"error":{"message":"The gateway is shutting down."' in rest
        assert rest.endswith(b"\n\n\r\n0\r\n\r\n")
        assert b"[DONE]" not in rest
        assert upstream.calls


async def test_an_answer_out_of_time_is_a_503(tmp_path: Path) -> None:
    """Nobody waits for an answer and gets none."""
    async with ending(tmp_path, 0.05) as (client, upstream), connected(client.url) as raw:
        await raw.send(request(asked()))
        await until(lambda: upstream.calls)
        await client.gateway.stop()
        heard = await raw.hear()
        assert (heard.status, heard.json["error"]["code"], heard.whole) == (503, "overloaded", True)
        assert (heard.headers["connection"], heard.headers["retry-after"]) == ("close", "1")
        assert await raw.end() == b""


async def test_a_request_that_is_still_arriving_is_told(tmp_path: Path) -> None:
    """503, to be tried again elsewhere; nothing goes upstream."""
    async with ending(tmp_path, 3600.0) as (client, upstream), connected(client.url) as raw:
        data = request(asked())
        await raw.send(data[:-5])
        await until(lambda: [one for one in front_of(client).connections if one._held])
        stopping = _stop(client)
        await until(lambda: front_of(client).draining)
        await raw.send(data[-5:])
        heard = await raw.hear()
        assert (heard.status, heard.headers["connection"]) == (503, "close")
        await stopping
        assert not upstream.calls


async def test_a_request_that_never_arrives_is_not_waited_for(tmp_path: Path) -> None:
    """Two seconds, however long requests in flight may take."""
    async with ending(tmp_path, 3600.0) as (client, _), connected(client.url) as raw:
        await raw.send(request(asked())[:-5])
        await until(lambda: [one for one in front_of(client).connections if one._held])
        await client.gateway.stop()
        assert await raw.end() == b""


async def test_one_who_reads_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Its answer is thrown away once its time is over."""
    async with ending(tmp_path, 0.05) as (client, upstream), connected(client.url, receive_bytes=4096) as raw:
        upstream.release()
        upstream.script = lambda call: make_completion(text="y" * 10_000_000)
        await raw.send(request(asked()))
        await until(lambda: upstream.calls)
        await client.gateway.stop()


async def test_aiohttps_share_is_told_as_well(tmp_path: Path) -> None:
    """A stream on a connection that was handed over ends with an error frame too, an answer with a 503."""
    async with (
        ending(tmp_path, 0.05) as (client, upstream),
        connected(client.url) as streaming,
        connected(client.url) as waiting,
    ):
        await streaming.send(request(asked(stream=True), chunked=True))
        await streaming.reader.readuntil(b"data: one\n\n")
        await waiting.send(request(asked(), chunked=True))
        await until(lambda: len(upstream.calls) == 2)
        await client.gateway.stop()
        rest = await streaming.end()
        assert b'data: {"error":{"message":"The gateway is shutting down."' in rest
        assert rest.endswith(b"\n\n\r\n0\r\n\r\n")
        heard = await waiting.hear()
        assert (heard.status, heard.whole) == (503, True)
