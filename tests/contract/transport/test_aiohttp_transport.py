"""The client over aiohttp keeps the transport's contract, but keeps no connections."""

from __future__ import annotations

import ssl
from typing import ClassVar

import pytest

from gateway.adapters.aiohttp_transport import AiohttpTransport
from gateway.adapters.http_transport import Transport
from tests.contract.transport.fixtures import Wire, is_fault
from tests.contract.transport.suite import TransportContract
from tests.neighbours.raw_server import Peer, head, replies


@pytest.mark.asyncio(loop_factories=["asyncio"])
class TestAiohttpTransport(TransportContract):
    """Directly, without a proxy, and on one loop: which loop is aiohttp's own care."""

    keeps: ClassVar[bool] = False

    def build(self, tls: ssl.SSLContext | None = None) -> Transport:
        """Nothing but the trust is chosen."""
        return AiohttpTransport(tls=tls)

    async def test_a_reset_is_no_end_of_a_body_until_close(self, wire: Wire) -> None:
        """Known to fail: aiohttp takes it for one. Whoever reads such a body must know its end from its content."""

        async def answer(peer: Peer) -> None:
            await peer.send(head(), b"hello", pause_s=0.05)
            peer.reset()

        wire.script(answer)
        assert await wire.ask() == (200, b"hello")

    async def test_an_interim_response_is_a_beginning(self, wire: Wire) -> None:
        """Known to fail: aiohttp does not tell of it. The request is sent once all the same."""
        wire.script(replies(head(status=100), pause_s=0.02, close=True))
        assert is_fault(await wire.fails(), "cut", begun=False)
        assert len(wire.server.requests) == 1
