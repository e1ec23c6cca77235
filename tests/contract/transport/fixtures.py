"""What the contract of the transport needs: a way to build one, a raw server, and short words for using both."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import pytest

from gateway.adapters.http_transport import Endpoint, Fault, Response, Transport, TransportError
from gateway.adapters.tls_context import client_tls
from tests.neighbours.certificates import server_context
from tests.neighbours.raw_server import Answer, RawServer

T = TypeVar("T")
PATIENCE_S = 20.0
"""Far more than anything here takes: for limits that must not run out, and as the end of a test that hangs."""


@dataclass(slots=True)
class Wire:
    """A transport, the server behind it, and the verbs that tests use."""

    transport: Transport
    server: RawServer
    scheme: Literal["http", "https"] = "http"
    host: str = "127.0.0.1"

    def endpoint(self, *headers: tuple[str, str], target: str = "/v1/chat/completions") -> Endpoint:
        """The server's."""
        return Endpoint(scheme=self.scheme, host=self.host, port=self.server.port, target=target, headers=headers)

    def script(self, answer: Answer) -> None:
        """How every request is answered from now on."""
        self.server.answer = answer

    async def send(
        self,
        body: bytes = b"{}",
        *,
        endpoint: Endpoint | None = None,
        connect_s: float = PATIENCE_S,
        within_s: float = PATIENCE_S,
    ) -> Response:
        """One request, and the head of its response."""
        until_s = asyncio.get_running_loop().time() + within_s
        return await self.transport.send(endpoint or self.endpoint(), body, connect_s=connect_s, until_s=until_s)

    async def ask(self, body: bytes = b"{}") -> tuple[int, bytes]:
        """One request and its whole response."""
        async with asyncio.timeout(PATIENCE_S):
            response = await self.send(body)
            try:
                return response.status, await response.read(2**20)
            finally:
                response.close()

    async def fails(self, body: bytes = b"{}") -> TransportError:
        """The error in which a request ends, in the head or in the body."""
        with pytest.raises(TransportError) as caught:
            await self.ask(body)
        return caught.value


async def pieces(response: Response) -> list[bytes]:
    """The rest of the body as it comes."""
    found: list[bytes] = []
    while piece := await response.chunk():
        found.append(piece)
    return found


def within(response: Response, *, idle_s: float = PATIENCE_S, within_s: float = PATIENCE_S) -> Response:
    """The response under these limits, from now on."""
    response.limit(idle_s=idle_s, until_s=asyncio.get_running_loop().time() + within_s)
    return response


def spawn(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that the test itself awaits."""
    return asyncio.get_running_loop().create_task(work)


def is_fault(error: TransportError, fault: Fault, *, begun: bool) -> bool:
    """Whether the error is this one."""
    return (error.fault, error.begun) == (fault, begun)


class TransportFixtures:
    """A transport and a server; after each test the transport must have let go of everything."""

    keeps: ClassVar[bool] = True
    """Whether a connection carries more than one request."""

    def build(self, tls: ssl.SSLContext | None = None) -> Transport:
        """A transport; `tls` is its trust instead of the system's."""
        raise NotImplementedError

    def shared(self, server: RawServer) -> bool:
        """Whether all requests came over one connection, if connections are kept at all."""
        return not self.keeps or len(server.peers) == 1

    @pytest.fixture
    async def server(self) -> AsyncIterator[RawServer]:
        async with RawServer() as server:
            yield server

    @pytest.fixture
    async def wire(self, server: RawServer) -> AsyncIterator[Wire]:
        before = asyncio.all_tasks()
        transport = self.build()
        yield Wire(transport, server)
        await transport.close()
        assert await server.deserted(), "connections are open after close()"
        await _settled(before)

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("authority")

    @pytest.fixture(scope="class")
    @classmethod
    def server_tls(cls, folder: Path) -> ssl.SSLContext:
        return server_context(folder)

    @pytest.fixture
    async def secure(self, folder: Path, server_tls: ssl.SSLContext) -> AsyncIterator[Wire]:
        before = asyncio.all_tasks()
        async with RawServer(tls=server_tls) as server:
            transport = self.build(client_tls(str(folder / "authority.pem")))
            yield Wire(transport, server, "https", "localhost")
            await transport.close()
            assert await server.deserted(), "connections are open after close()"
        await _settled(before)


async def _settled(before: set[asyncio.Task[Any]]) -> None:
    """Give tasks that end a moment for it; then none may be left that was not there before."""
    for _ in range(100):
        left = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not left:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"tasks are left: {left}")
