"""A client that sends the bytes it is given, and reads answers through h11."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import h11
import orjson

PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One answer. `whole`: its body ended as its head said."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)


def asked(text: str = "Hi", **body: Any) -> bytes:
    """The body of a chat completion, pinned to one model so that nothing about the answer is chance."""
    return orjson.dumps({"model": "small", "messages": [{"role": "user", "content": text}]} | body)


def request(
    body: bytes,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    *,
    line: str = f"POST {PATH} HTTP/1.1",
    chunked: bool = False,
) -> bytes:
    """A request's bytes, with the body's length in front of it, or in two chunks."""
    given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    given = [("Host", "x"), *given, ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))]
    head = "\r\n".join([line, *(f"{name}: {value}" for name, value in given), "", ""]).encode("latin-1")
    if not chunked:
        return head + body
    parts = [part for part in (body[:5], body[5:]) if part]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._parser = h11.Connection(h11.CLIENT)

    async def send(self, data: bytes) -> None:
        """These bytes, as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self, *, method: str = "POST", within_s: float = 20.0) -> Heard:
        """The next answer, to a request of this method."""
        if self._parser.our_state is h11.DONE:
            self._parser.start_next_cycle()
        self._parser.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        self._parser.send(h11.EndOfMessage())
        async with asyncio.timeout(within_s):
            return await self._read()

    async def _read(self) -> Heard:
        head: h11.Response | None = None
        body = b""
        while True:
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError:
                if head is None:
                    raise
                event = h11.ConnectionClosed()
            if event is h11.NEED_DATA:
                self._parser.receive_data(await self.reader.read(65536))
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                assert head is not None, "the connection was closed without an answer"
                headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                assert len(headers) == len(list(head.headers)), "a header was sent twice"
                return Heard(
                    status=head.status_code, headers=headers, body=body, whole=isinstance(event, h11.EndOfMessage)
                )

    async def hear_all(self) -> list[Heard]:
        """Every answer until the other side closes."""
        heard: list[Heard] = []
        while True:
            try:
                heard.append(await self.hear())
            except (h11.RemoteProtocolError, h11.LocalProtocolError, ConnectionError):
                return heard

    async def end(self, *, within_s: float = 20.0) -> bytes:
        """Whatever still comes until the other side closes."""
        buffered, _ = self._parser.trailing_data
        async with asyncio.timeout(within_s):
            try:
                return buffered + await self.reader.read()
            except ConnectionError:
                return buffered


@asynccontextmanager
async def connected(url: str, *, receive_bytes: int | None = None) -> AsyncIterator[RawClient]:
    """A connection to `http://host:port`; a small `receive_bytes` makes a client that soon takes no more."""
    host, port = url.removeprefix("http://").split(":")
    raw = socket.socket()
    raw.setblocking(False)
    if receive_bytes is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await asyncio.get_running_loop().sock_connect(raw, (host, int(port)))
    limit = 2**16 if receive_bytes is None else receive_bytes
    reader, writer = await asyncio.open_connection(sock=raw, limit=limit)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
