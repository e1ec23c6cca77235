"""A server on the loopback that does, byte by byte, what a test scripts: for what no HTTP library would send."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType

Answer = Callable[["Peer"], Awaitable[None]]
"""Called once for each request on a connection, after it was read."""


class Peer:
    """One connection that a client opened."""

    def __init__(self, server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.requests: list[bytes] = []
        """What came on this connection, each with its head and body."""
        self.gone = asyncio.Event()
        """The client's end came, or this one's."""

    async def request(self) -> bytes:
        """The next request, by its content-length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(header(head, "content-length") or 0)
        return head + await self.reader.readexactly(length)

    async def send(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        """Write the pieces, each in its own packet if there is a pause between them."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(pause_s)

    def close(self) -> None:
        """An orderly end."""
        self.writer.close()

    def reset(self) -> None:
        """A broken connection (RST)."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def client_leaves(self) -> None:
        """Read on, to no purpose, until the client's end comes."""
        with suppress(OSError):
            while await self.reader.read(2**16):
                pass


class RawServer:
    """Use as an async context manager. `answer` and `greet` may be replaced at any time."""

    def __init__(
        self, answer: Answer | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.answer = answer or replies(whole(b"hello"))
        self.greet: Answer | None = None
        """Called when a connection comes about, before its first request."""
        self.peers: list[Peer] = []
        """All connections ever."""
        self.host = host
        self.port = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._accept, self.host, 0, ssl=self._tls, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def requests(self) -> list[bytes]:
        """Every request, on whichever connection."""
        return [request for peer in self.peers for request in peer.requests]

    @property
    def open(self) -> int:
        """Connections that neither side has ended."""
        return sum(not peer.gone.is_set() for peer in self.peers)

    async def deserted(self, within_s: float = 1.0) -> bool:
        """Whether clients leave every connection within this time."""
        for _ in range(int(within_s / 0.01)):
            if self.open == 0:
                return True
            await asyncio.sleep(0.01)
        return False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        peer = Peer(self, reader, writer)
        self.peers.append(peer)
        try:
            if self.greet is not None:
                await self.greet(peer)
            while True:
                peer.requests.append(await peer.request())
                await self.answer(peer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except RuntimeError:  # uvloop's word for writing to what has ended
            if not writer.is_closing():
                raise
        finally:
            peer.gone.set()
            writer.transport.abort()
            self._serving.discard(task)


def replies(*pieces: bytes, pause_s: float = 0.0, close: bool = False) -> Answer:
    """Answers every request with these bytes, and then perhaps ends the connection."""

    async def answer(peer: Peer) -> None:
        await peer.send(*pieces, pause_s=pause_s)
        if close:
            peer.close()
            await peer.client_leaves()

    return answer


def whole(body: bytes, *headers: str, status: int = 200) -> bytes:
    """A response of known length."""
    return head(*headers, f"content-length: {len(body)}", status=status) + body


def head(*headers: str, status: int = 200) -> bytes:
    """A response's head with these headers only."""
    return "\r\n".join([f"HTTP/1.1 {status} Said", *headers, "", ""]).encode("latin-1")


def chunk(piece: bytes) -> bytes:
    """One chunk of a chunked body; the last one if it is empty."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def header(request: bytes, name: str) -> str | None:
    """A header's value by its lower-case name."""
    for line in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name.encode():
            return value.strip().decode("latin-1")
    return None
