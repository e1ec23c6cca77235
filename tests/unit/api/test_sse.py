"""Streams: a client that leaves closes the upstream, and the bookkeeping is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson

from gateway.api.sse import error_frame
from gateway.errors import UpstreamError
from gateway.flows.ports import Call
from tests.builders import make_completion
from tests.fakes import FakeStream
from tests.serving import serving


class EndlessStream(FakeStream):
    """Says one thing and then nothing, for ever."""

    left = asyncio.Event()

    async def aclose(self) -> None:
        await super().aclose()
        self.left.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        await asyncio.Event().wait()


def test_an_error_frame_is_one_event() -> None:
    """`data: {"error": {...}}` and nothing else, as clients expect it midway."""
    frame = error_frame(UpstreamError("cut\nhere", arm_id="a"))
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n")
    assert frame.count(b"\n") == 2
    assert orjson.loads(frame[6:])["error"]["message"] == "cut\nhere"


async def test_a_client_that_leaves_midway_closes_the_upstream(tmp_path: Path) -> None:
    """Within a second the upstream stream is closed and the decision is settled as aborted."""
    async with serving(tmp_path) as client:
        streams: list[EndlessStream] = []

        async def endless(call: Call) -> EndlessStream:
            streams.append(EndlessStream([], make_completion()))
            return streams[-1]

        client.upstream.open = endless  # type: ignore[method-assign]
        host, port = client.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = orjson.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        assert b"data: one" in await reader.readuntil(b"data: one\n\n")
        writer.close()
        async with asyncio.timeout(5):
            await streams[0].left.wait()
        assert streams[0].closed
        await client.gateway.sync.flush()
        _, listing, _ = await client.send("GET", "/admin/decisions")
        assert [entry["outcome"]["status"] for entry in listing["decisions"]] == ["aborted"]


async def test_the_first_bytes_do_not_wait_for_the_last(tmp_path: Path) -> None:
    """A block is on the wire as soon as the upstream gave it."""
    async with serving(tmp_path) as client:
        gate = asyncio.Event()

        class Gated(FakeStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                yield b"data: one\n\n"
                await gate.wait()
                yield b"data: two\n\n"

        async def gated(call: Call) -> Gated:
            return Gated([], make_completion())

        client.upstream.open = gated  # type: ignore[method-assign]
        host, port = client.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = orjson.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        async with asyncio.timeout(5):
            first = await reader.readuntil(b"data: one\n\n")
        assert b"x-gateway-decision-id" in first.lower()
        assert b"data: two" not in first
        gate.set()
        async with asyncio.timeout(5):
            rest = await reader.readuntil(b"[DONE]")
        assert b"data: two" in rest
        writer.close()
