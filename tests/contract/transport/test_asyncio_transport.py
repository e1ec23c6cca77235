"""The lean client keeps the transport's contract, and tries all the addresses of a name."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import ExitStack

import pytest

from gateway.adapters.asyncio_resolver import Resolver
from gateway.adapters.asyncio_transport import AsyncioTransport
from gateway.adapters.http_transport import Endpoint, Transport
from tests.contract.transport.suite import TransportContract
from tests.neighbours.raw_server import RawServer


class TestAsyncioTransport(TransportContract):
    """Nothing is added to the contract."""

    def build(self, tls: ssl.SSLContext | None = None) -> Transport:
        """Nothing but the trust can be chosen."""
        return AsyncioTransport(tls=tls)


@pytest.mark.parametrize("silent", [False, True])
async def test_an_address_that_does_not_answer_does_not_hide_the_next(silent: bool) -> None:
    """Refused, the next is tried at once; silent, it has its share of the time, and comes last from then on."""

    async def addresses(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    resolver = Resolver(addresses)
    async with RawServer() as server:
        transport = AsyncioTransport(resolver=resolver)
        endpoint = Endpoint(scheme="http", host="two.invalid", port=server.port, target="/")
        with ExitStack() as sockets:
            if silent:
                listener = sockets.enter_context(socket.create_server(("127.0.0.2", server.port), backlog=0))
                for _ in range(4):
                    client = sockets.enter_context(socket.socket())
                    client.setblocking(False)
                    client.connect_ex(listener.getsockname())
            until_s = asyncio.get_running_loop().time() + 9.0
            response = await transport.send(endpoint, b"", connect_s=0.4 if silent else 9.0, until_s=until_s)
        assert await response.read(9) == b"hello"
        assert await resolver.addresses("two.invalid", server.port) == ["127.0.0.1", "127.0.0.2"]
        await transport.close()


async def test_each_new_endpoint_is_its_own() -> None:
    """Though one that is gone may have stood at the same place in memory."""
    async with RawServer() as server:
        transport = AsyncioTransport()
        for number in range(2500):
            endpoint = Endpoint(scheme="http", host="127.0.0.1", port=server.port, target=f"/{number}")
            until_s = asyncio.get_running_loop().time() + 9.0
            response = await transport.send(endpoint, b"", connect_s=9.0, until_s=until_s)
            assert await response.read(9) == b"hello"
            del endpoint
        await transport.close()
        assert [request.split()[1] for request in server.requests] == [b"/%d" % number for number in range(2500)]
