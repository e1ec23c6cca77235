"""The part of the transport's contract that says what becomes of broken responses and connections."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

import pytest

from gateway.adapters.http_transport import TransportError
from tests.contract.transport.fixtures import TransportFixtures, Wire, is_fault, pieces, spawn
from tests.neighbours.raw_server import Peer, chunk, head, header, replies, whole

MALFORMED = {
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "a page without a head": b"<html>\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a header without a colon": b"HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 0\r\n\r\n",
    "NUL in a header": b"HTTP/1.1 200 OK\r\na: \0\r\ncontent-length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "a length that is none": b"HTTP/1.1 200 OK\r\ncontent-length: 5x\r\n\r\nhello",
    "a negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
    "length and chunks": head("content-length: 5", "transfer-encoding: chunked") + chunk(b"hello") + chunk(b""),
    "a chunk's size that is none": head("transfer-encoding: chunked") + b"5x\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than its size": head("transfer-encoding: chunked") + b"4\r\nhello\r\n0\r\n\r\n",
}


class FaultContract(TransportFixtures):
    """Errors are named rightly, nothing is sent twice but where it is safe, nothing broken is used again."""

    @pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
    async def test_what_is_not_http_is_refused(self, wire: Wire, sent: bytes) -> None:
        """And the connection is closed."""
        wire.script(replies(sent))
        assert is_fault(await wire.fails(), "malformed", begun=True)
        assert await wire.server.deserted()

    async def test_a_flood_of_headers_is_cut(self, wire: Wire) -> None:
        """However small each of them is, and though the flood does not end."""

        async def flood(peer: Peer) -> None:
            await peer.send(b"HTTP/1.1 200 OK\r\n")
            while True:
                await peer.send(b"x-a: 1\r\n" * 1000)

        wire.script(flood)
        error = await wire.fails()
        assert error.begun
        assert error.fault in {"too_large", "malformed"}
        assert await wire.server.deserted()

    @pytest.mark.parametrize("framing", ["content-length: 10", "transfer-encoding: chunked"])
    @pytest.mark.parametrize("reset", [False, True])
    async def test_a_body_that_ends_early_is_cut(self, wire: Wire, framing: str, reset: bool) -> None:
        """What came before is delivered, and then the fault."""
        cut = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.send(head(framing), b"hello" if "length" in framing else chunk(b"hello"))
            await cut.wait()
            peer.reset() if reset else peer.close()

        wire.script(answer)
        response = await wire.send()
        assert await response.chunk() == b"hello"
        cut.set()
        with pytest.raises(TransportError) as caught:
            await response.chunk()
        assert is_fault(caught.value, "cut", begun=True)

    async def test_a_reset_is_no_end_of_a_body_until_close(self, wire: Wire) -> None:
        """Only the orderly end is."""

        async def answer(peer: Peer) -> None:
            await peer.send(head(), b"hello", pause_s=0.05)
            peer.reset()

        wire.script(answer)
        assert is_fault(await wire.fails(), "cut", begun=True)

    async def test_bytes_beyond_the_length_are_not_the_next_response(self, wire: Wire) -> None:
        """The response is whole, and its connection is closed."""
        wire.script(replies(whole(b"hello") + whole(b"planted")))
        assert await wire.ask() == await wire.ask() == (200, b"hello")
        assert [len(peer.requests) for peer in wire.server.peers] == [1, 1]

    async def test_bytes_that_nobody_asked_for_are_not_the_next_response(self, wire: Wire) -> None:
        """A connection that brings them while it is idle is closed."""
        wire.script(replies(whole(b"hello")))
        assert await wire.ask() == (200, b"hello")
        await wire.server.peers[0].send(whole(b"planted"))
        assert await wire.server.deserted()
        assert await wire.ask() == (200, b"hello")

    @pytest.mark.parametrize("reset", [False, True])
    async def test_an_end_before_the_head_is_cut(self, wire: Wire, reset: bool) -> None:
        """On a new connection the request is not sent again: it may have been read."""

        async def answer(peer: Peer) -> None:
            peer.reset() if reset else peer.close()

        wire.script(answer)
        assert is_fault(await wire.fails(), "cut", begun=False)
        assert len(wire.server.requests) == 1

    @pytest.mark.parametrize("reset", [False, True])
    async def test_a_kept_connection_that_ends_just_then_is_replaced(self, wire: Wire, reset: bool) -> None:
        """The peer closed it while the request was on its way: a new connection carries it, once."""
        assert await wire.ask() == (200, b"hello")

        async def answer(peer: Peer) -> None:
            if len(peer.requests) == 2:
                peer.reset() if reset else peer.close()
            await peer.send(whole(b"again"))

        wire.script(answer)
        assert await wire.ask(b"second") == (200, b"again")
        assert [len(peer.requests) for peer in wire.server.peers] == ([2, 1] if self.keeps else [1, 1])

    async def test_a_request_is_sent_at_most_twice(self, wire: Wire) -> None:
        """The new connection's own end is final, however many connections are kept."""
        both = asyncio.Barrier(2)

        async def answer(peer: Peer) -> None:
            await both.wait()
            await peer.send(whole(b"hello"))

        wire.script(answer)
        await asyncio.gather(wire.ask(), wire.ask())

        async def end(peer: Peer) -> None:
            peer.close()

        wire.script(end)
        assert is_fault(await wire.fails(b"third"), "cut", begun=False)
        assert sum(request.endswith(b"third") for request in wire.server.requests) == (2 if self.keeps else 1)

    @pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 200 OK\r\n", head("content-length: 5")])
    async def test_what_was_begun_is_never_sent_again(self, wire: Wire, begun: bytes) -> None:
        """Not even on a kept connection: one byte of a response says that the request was read."""
        assert await wire.ask() == (200, b"hello")
        wire.script(replies(begun, pause_s=0.02, close=True))
        assert is_fault(await wire.fails(), "cut", begun=True)
        assert [len(peer.requests) for peer in wire.server.peers] == ([2] if self.keeps else [1, 1])

    async def test_an_interim_response_is_a_beginning(self, wire: Wire) -> None:
        """It says that the request was read."""
        assert await wire.ask() == (200, b"hello")
        wire.script(replies(head(status=100), pause_s=0.02, close=True))
        assert is_fault(await wire.fails(b"once"), "cut", begun=True)
        assert sum(request.endswith(b"once") for request in wire.server.requests) == 1

    async def test_a_kept_connection_that_has_ended_is_not_tried(self, wire: Wire) -> None:
        """Its end was seen while it was idle."""
        assert await wire.ask() == (200, b"hello")
        wire.server.peers[0].close()
        await asyncio.sleep(0.05)
        assert await wire.ask() == (200, b"hello")
        assert [len(peer.requests) for peer in wire.server.peers] == [1, 1]

    async def test_an_answer_before_the_body_was_read_is_delivered(self, wire: Wire) -> None:
        """A server may refuse a large body by its head; what was not sent of it never precedes another request."""

        async def refuse(peer: Peer) -> None:
            request = await peer.reader.readuntil(b"\r\n\r\n")
            assert header(request, "content-length") == "30000000"
            await peer.send(whole(b"too much", status=413))
            await peer.client_leaves()

        wire.server.greet = refuse
        assert await wire.ask(b"x" * 30_000_000) == (413, b"too much")
        assert await wire.server.deserted()
        wire.server.greet = None
        assert await wire.ask() == (200, b"hello")

    @pytest.mark.parametrize("framing", ["content-length: 11", "transfer-encoding: chunked"])
    async def test_a_body_beyond_the_cap_is_refused(self, wire: Wire, framing: str) -> None:
        """Eleven bytes are within eleven and beyond ten."""
        body = b"eleven byte" if "length" in framing else chunk(b"eleven byte") + chunk(b"")
        wire.script(replies(head(framing) + body))
        assert await (await wire.send()).read(11) == b"eleven byte"
        with pytest.raises(TransportError) as caught:
            await (await wire.send()).read(10)
        assert is_fault(caught.value, "too_large", begun=True)

    async def test_an_endless_body_is_cut_at_the_cap(self, wire: Wire) -> None:
        """And its connection with it."""

        async def flood(peer: Peer) -> None:
            await peer.send(head("transfer-encoding: chunked"))
            while True:
                await peer.send(chunk(b"x" * 50_000))

        wire.script(flood)
        assert is_fault(await wire.fails(), "too_large", begun=True)
        assert await wire.server.deserted()

    @pytest.mark.parametrize("size", [0, 10, 3_000_000])
    async def test_a_body_compressed_unasked_is_read_nevertheless(self, wire: Wire, size: int) -> None:
        """Some servers do it; in one piece or byte by byte, it is the same body."""
        body = b"0123456789" * (size // 10)
        packed = gzip.compress(body)
        cap = len(body)
        wire.script(replies(whole(packed, "content-encoding: gzip")))
        assert await (await wire.send()).read(cap) == body
        parts = [
            packed[at : at + max(1, len(packed) // 100)] for at in range(0, len(packed), max(1, len(packed) // 100))
        ]
        wire.script(replies(head("transfer-encoding: chunked", "content-encoding: gzip"), *map(chunk, [*parts, b""])))
        assert b"".join(await pieces(await wire.send())) == body
        if cap:
            with pytest.raises(TransportError) as caught:
                await (await wire.send()).read(cap - 1)
            assert is_fault(caught.value, "too_large", begun=True)

    @pytest.mark.parametrize("broken", [lambda data: data[:-9], lambda data: b"\0" + data, lambda data: data + b"more"])
    async def test_a_compressed_body_that_is_broken_is_refused(
        self, wire: Wire, broken: Callable[[bytes], bytes]
    ) -> None:
        """Half of it is no body, and neither is what is not of its kind."""
        wire.script(replies(whole(broken(gzip.compress(b"hello" * 100)), "content-encoding: gzip")))
        assert (await wire.fails()).fault == "malformed"

    async def test_a_coding_that_nobody_can_read_is_refused(self, wire: Wire) -> None:
        """Its head says so; the body is not waited for."""
        wire.script(replies(head("content-length: 5", "content-encoding: br")))
        assert is_fault(await wire.fails(), "encoding", begun=True)
        assert await wire.server.deserted()

    async def test_closing_a_response_ends_its_reader(self, wire: Wire) -> None:
        """Another task that waits for a piece is told that there will be none."""
        wire.script(replies(head("content-length: 5")))
        response = await wire.send()
        reader = spawn(response.chunk())
        await asyncio.sleep(0.05)
        response.close()
        with pytest.raises(TransportError) as caught:
            await reader
        assert caught.value.fault == "cut"
        assert await wire.server.deserted()

    async def test_closing_the_transport_ends_everything(self, wire: Wire) -> None:
        """Requests under way and responses half read; later requests are refused."""
        wire.script(replies(head("content-length: 5")))
        response = await wire.send()

        async def silence(peer: Peer) -> None:
            await peer.client_leaves()

        wire.script(silence)
        waiting = [spawn(response.chunk()), spawn(wire.ask()), spawn(wire.ask())]
        await asyncio.sleep(0.1)
        await wire.transport.close()
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, TransportError)
            assert error.fault == "cut"
        assert await wire.server.deserted()
        assert (await wire.fails()).fault in {"cut", "unreachable"}

    async def test_an_error_names_no_address_and_no_header(self, wire: Wire) -> None:
        """Its text goes into answers and logs."""
        wire.script(replies(b"HTTP/1.1 200 OK\r\nsecret\r\n\r\n"))
        endpoint = wire.endpoint(("authorization", "Bearer canary"))
        with pytest.raises(TransportError) as caught:
            await wire.send(endpoint=endpoint)
        text = str(caught.value)
        assert not any(part in text for part in ("canary", "secret", "127.0.0.1", str(wire.server.port)))
