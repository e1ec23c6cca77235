"""A provider that is never the bottleneck: OpenAI chat completions from templates, on a raw asyncio protocol.

`python -m tests.benchmarks.mock_upstream --port 9000 --core 0` answers POST .../chat/completions under any prefix
with whole replies, or with streams of 50 frames in one burst. A stream is paced where the path or the model says so
(`paced20`: a frame each 20 ms; `chunks200`: 200 frames), and all are after `PUT /control` with
{"pace_ms": 20, "chunks": 50}.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import cast

import orjson
import uvloop

from tests.benchmarks import processes
from tests.benchmarks.http_bytes import chunk, content_length, dechunked
from tests.benchmarks.replies import DONE, frames, whole_replies

_STREAMS = (b'"stream":true', b'"stream": true')
_USAGE = b'"include_usage"'
_MODE = re.compile(rb"(paced|chunks)(\d{1,5})")
_MODEL = re.compile(rb'"model": ?"([^"]{1,100})"')
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
_NUMBERS = count(1)
_CREATED = b"1700000000"


class Mode:
    """How streams are sent where a request does not say it."""

    def __init__(self, *, pace_ms: int = 0, chunks: int = 50) -> None:
        self.pace_ms = pace_ms
        self.chunks = chunks
        whole = whole_replies()
        length = len(whole[0] % 0)
        self.replies = [_OK % len(one % 0) + one for one in whole]
        assert length > 3900


class MockUpstream(asyncio.Protocol):
    """One connection of the provider."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._waiting = b""
        self._write: Callable[[bytes], None]
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to answer."""
        self._write = cast("asyncio.Transport", transport).write

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody reads the rest of the stream."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer each whole request in what has come."""
        data = self._waiting + data if self._waiting else data
        while data:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                break
            head = data[:end].lower()
            length = content_length(head)
            if length is not None:
                stop = end + length
                if len(data) < stop:
                    break
                body = data[end:stop]
            elif b"\r\ntransfer-encoding: chunked" in head:
                found = dechunked(data, end)
                if found is None:
                    break
                body, stop = found
            else:
                body, stop = b"", end
            self._answer(data[: data.index(b"\r\n")], body)
            data = data[stop:]
        self._waiting = data

    def _answer(self, line: bytes, body: bytes) -> None:
        if b"/chat/completions" not in line:
            self._elsewhere(line, body)
        elif _STREAMS[0] in body or _STREAMS[1] in body:
            self._stream(line, body)
        else:
            number = next(_NUMBERS)
            replies = self._mode.replies
            self._write(replies[number % len(replies)] % number)

    def _elsewhere(self, line: bytes, body: bytes) -> None:
        if line.startswith(b"PUT /control"):
            wanted = orjson.loads(body)
            self._mode.pace_ms = int(wanted.get("pace_ms", self._mode.pace_ms))
            self._mode.chunks = int(wanted.get("chunks", self._mode.chunks))
            self._write(_OK % 2 + b"{}")
        elif b"/models" in line or line.startswith(b"GET / "):
            listed = b'{"object":"list","data":[{"id":"m1","object":"model","created":%b}]}' % _CREATED
            self._write(_OK % len(listed) + listed)
        else:
            self._write(_NOT_FOUND)

    def _stream(self, line: bytes, body: bytes) -> None:
        model = _MODEL.search(body)
        said = {name: int(number) for name, number in _MODE.findall(line + (model[1] if model else b""))}
        pace_ms = said.get(b"paced", self._mode.pace_ms)
        chunks = said.get(b"chunks", self._mode.chunks)
        number = next(_NUMBERS)
        usage = _USAGE in body
        if pace_ms == 0:
            template, ids = _burst(chunks, usage)
            self._write(template % ((number,) * ids))
            return
        self._write(_STREAM_HEAD)
        self._pace(number, _paced(chunks, usage), 0, chunks, pace_ms / 1000, asyncio.get_running_loop().time())

    def _pace(self, number: int, parts: list[bytes], index: int, chunks: int, pace_s: float, due_s: float) -> None:
        """Send one frame and come back for the next; the frames after the last with text go out with it."""
        self._write(parts[index] % (number, time.monotonic_ns()))
        if index + 1 < chunks:
            due_s += pace_s
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due_s, self._pace, number, parts, index + 1, chunks, pace_s, due_s)
            return
        for part in parts[chunks:-1]:
            self._write(part % number)
        self._write(parts[-1])


@lru_cache(maxsize=16)
def _burst(chunks: int, usage: bool) -> tuple[bytes, int]:
    """A whole answer as one template, and how often the id stands in it."""
    parts = frames(chunks, usage=usage)
    return _STREAM_HEAD + b"".join(chunk(part, len(part % 0)) for part in parts) + chunk(DONE) + chunk(b""), len(parts)


@lru_cache(maxsize=16)
def _paced(chunks: int, usage: bool) -> list[bytes]:
    """Templates of the HTTP chunks: those with text take id and time, those after them the id, the last nothing."""
    parts = frames(chunks, usage=usage, stamped=True)
    with_text = [chunk(part, len(part % (0, 0))) for part in parts[:chunks]]
    without = [chunk(part, len(part % 0)) for part in parts[chunks:]]
    return [*with_text, *without, chunk(DONE) + chunk(b"")]


async def serve(port: int, mode: Mode) -> None:
    """Answer on a port of the loopback until cancelled."""
    server = await asyncio.get_running_loop().create_server(
        lambda: MockUpstream(mode), "127.0.0.1", port, backlog=4096, reuse_address=True
    )
    async with server:
        await server.serve_forever()


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="A fast simulated provider of OpenAI chat completions.")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--core", type=int, default=None, help="the processor core to stay on")
    parser.add_argument("--pace-ms", type=int, default=0, help="milliseconds between the frames of a stream")
    parser.add_argument("--chunks", type=int, default=50, help="frames with text in a stream")
    given = parser.parse_args()
    processes.pin(given.core)
    uvloop.run(serve(given.port, Mode(pace_ms=given.pace_ms, chunks=given.chunks)))


if __name__ == "__main__":
    main()
