"""The part of the transport's contract that says whom it trusts."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace

import pytest

from gateway.adapters.http_transport import TransportTimeoutError
from tests.contract.transport.fixtures import TransportFixtures, Wire, is_fault, spawn
from tests.neighbours.raw_server import Peer, RawServer, chunk, head, replies, whole


class EncryptionContract(TransportFixtures):
    """TLS with a verified name, and the same behaviour inside it."""

    async def test_requests_go_over_one_verified_connection(self, secure: Wire) -> None:
        """One handshake for many."""
        for _ in range(20):
            assert await secure.ask(b"x" * 100_000) == (200, b"hello")
        assert self.shared(secure.server)

    async def test_an_address_may_be_verified_like_a_name(self, secure: Wire) -> None:
        """The certificate names it."""
        secure.host = "127.0.0.1"
        assert await secure.ask() == (200, b"hello")

    async def test_a_server_without_the_trust_is_refused(self, secure: Wire) -> None:
        """The system's store does not know the authority; the request is not sent."""
        transport = self.build()
        stranger = replace(secure, transport=transport)
        error = await stranger.fails()
        await transport.close()
        assert is_fault(error, "tls", begun=False)
        assert secure.server.requests == []

    async def test_a_server_of_another_name_is_refused(self, secure: Wire, server_tls: ssl.SSLContext) -> None:
        """Though its certificate is genuine."""
        async with RawServer(tls=server_tls, host="127.0.0.2") as other:
            elsewhere = replace(secure, server=other, host="127.0.0.2")
            assert is_fault(await elsewhere.fails(), "tls", begun=False)
            assert other.requests == []

    async def test_a_server_that_speaks_no_tls_is_refused(self, secure: Wire) -> None:
        """By its first bytes."""

        async def talk(peer: Peer) -> None:
            await peer.send(whole(b"plain"))

        async with RawServer() as plain:
            plain.greet = talk
            assert is_fault(await replace(secure, server=plain).fails(), "tls", begun=False)

    async def test_a_handshake_that_stalls_is_given_up(self, secure: Wire, server: RawServer) -> None:
        """By `connect_s`; cancelled, it leaves nothing open."""
        stalled = replace(secure, server=server)
        with pytest.raises(TransportTimeoutError) as caught:
            await stalled.send(connect_s=0.1)
        assert caught.value.limit == "connect"
        assert await server.deserted()
        task = spawn(stalled.send())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await server.deserted()

    async def test_pieces_and_cuts_are_the_same_inside(self, secure: Wire) -> None:
        """A stream, and one that breaks."""
        stream = head("transfer-encoding: chunked") + chunk(b"hello") + chunk(b", world")
        secure.script(replies(stream, chunk(b"")))
        assert await secure.ask() == await secure.ask() == (200, b"hello, world")
        assert self.shared(secure.server)
        secure.script(replies(stream, close=True))
        assert is_fault(await secure.fails(), "cut", begun=True)

    async def test_a_kept_encrypted_connection_that_ends_just_then_is_replaced(self, secure: Wire) -> None:
        """As without TLS."""
        assert await secure.ask() == (200, b"hello")

        async def answer(peer: Peer) -> None:
            if len(peer.requests) == 2:
                peer.reset()
            await peer.send(whole(b"again"))

        secure.script(answer)
        assert await secure.ask() == (200, b"again")
        assert [len(peer.requests) for peer in secure.server.peers] == ([2, 1] if self.keeps else [1, 1])

    async def test_a_cancelled_reader_closes_an_encrypted_connection(self, secure: Wire) -> None:
        """As without TLS."""
        secure.script(replies(head("content-length: 5")))
        task = spawn(secure.ask())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await secure.server.deserted()
