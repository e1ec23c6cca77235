"""The part of the transport's contract that says what goes out and how a response is read."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from gateway.adapters.http_transport import RELEASED_S, Response
from tests.contract.transport.fixtures import TransportFixtures, Wire, pieces
from tests.neighbours.raw_server import Peer, chunk, head, header, replies, whole

SSE = [b'data: {"a": 1}\n\n', b'data: {"a": 2}\n\n', b"data: [DONE]\n\n"]
STREAM = head("content-type: text/event-stream", "transfer-encoding: chunked") + b"".join(map(chunk, [*SSE, b""]))


class FramingContract(TransportFixtures):
    """Requests as they are sent, responses however they are framed and cut."""

    async def test_a_request_is_what_the_endpoint_says(self, wire: Wire) -> None:
        """The endpoint's target and headers, the transport's own four, the body; and no header twice."""
        wire.script(replies(whole(b"{}")))
        endpoint = wire.endpoint(("authorization", "Bearer k"), ("x-one", "1, 2"), target="/v1/chat?api-version=1%202")
        response = await wire.send(b'{"a": "\xc3\xa4"}', endpoint=endpoint)
        assert await response.read(100) == b"{}"
        (request,) = wire.server.requests
        assert request.startswith(b"POST /v1/chat?api-version=1%202 HTTP/1.1\r\n")
        assert request.endswith(b'\r\n\r\n{"a": "\xc3\xa4"}')
        names = [line.split(b":")[0].lower() for line in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
        assert len(names) == len(set(names))
        expected = {"host": f"127.0.0.1:{wire.server.port}", "authorization": "Bearer k", "x-one": "1, 2"}
        expected |= {"content-length": "11", "accept-encoding": "identity"}
        assert {name: header(request, name) for name in expected} == expected

    @pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 3_000_000])
    async def test_a_body_of_any_size_arrives(self, wire: Wire, size: int) -> None:
        """Also one that fills every buffer on its way."""
        body = b"0123456789" * (size // 10) + b"x" * (size % 10)
        assert await wire.ask(body) == (200, b"hello")
        assert wire.server.requests[0].partition(b"\r\n\r\n")[2] == body

    @pytest.mark.parametrize("response", [whole(b'{"a": 1}', "x: y"), STREAM], ids=["whole", "chunked"])
    async def test_a_response_may_be_cut_at_any_byte(self, wire: Wire, response: bytes) -> None:
        """What is read is the same, and the connection is used for all of it."""
        wire.script(replies(response))
        expected = await wire.ask()
        for at in range(1, len(response)):
            wire.script(replies(response[:at], response[at:]))
            assert await wire.ask() == expected
        wire.script(replies(*(response[at : at + 1] for at in range(len(response)))))
        assert await wire.ask() == expected
        assert self.shared(wire.server)

    async def test_pieces_come_as_they_are_sent(self, wire: Wire) -> None:
        """Nobody waits for the second event to be given the first."""
        go_on = asyncio.Event()

        async def answer(peer: Peer) -> None:
            await peer.send(head("transfer-encoding: chunked"))
            for event in SSE:
                await peer.send(chunk(event))
                await go_on.wait()
                go_on.clear()
            await peer.send(chunk(b""))

        wire.script(answer)
        response = await wire.send()
        for event in SSE:
            assert await response.chunk() == event
            go_on.set()
        assert [await response.chunk() for _ in range(3)] == [b"", b"", b""]

    async def test_a_chunk_is_everything_that_is_here(self, wire: Wire) -> None:
        """Three events that came together are taken together."""
        wire.script(replies(STREAM))
        response = await wire.send()
        assert b"".join(await pieces(response)) == b"".join(SSE)

    async def test_extensions_and_trailers_are_no_body(self, wire: Wire) -> None:
        """They are read over, and the connection is used again."""
        body = b"5;a=b\r\nhello\r\n3;c\r\n, w\r\n0;last\r\nx-sum: 12\r\nx: y\r\n\r\n"
        wire.script(replies(head("transfer-encoding: chunked", "trailer: x-sum") + body))
        assert await wire.ask() == await wire.ask() == (200, b"hello, w")
        assert self.shared(wire.server)

    async def test_interim_responses_are_skipped(self, wire: Wire) -> None:
        """However many come, only the final one is answered."""
        interim = head(status=100) + head("link: </a>", status=103) + head(status=102)
        wire.script(replies(interim[:40], interim[40:] + whole(b"final", status=201)))
        assert await wire.ask() == await wire.ask() == (201, b"final")
        assert self.shared(wire.server)

    @pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
    async def test_a_body_may_last_until_the_connection_ends(self, wire: Wire, version: bytes) -> None:
        """Without any framing the orderly end is the body's."""
        wire.script(replies(version + b" 200 OK\r\nx: y\r\n\r\n", b"all ", b"of it", close=True))
        assert await wire.ask() == (200, b"all of it")
        assert await wire.server.deserted()

    @pytest.mark.parametrize("status", [204, 304])
    async def test_some_statuses_have_no_body(self, wire: Wire, status: int) -> None:
        """Whatever their headers say; and the connection is used again."""
        wire.script(replies(head(status=status)))
        assert await wire.ask() == await wire.ask() == (status, b"")
        assert self.shared(wire.server)

    @pytest.mark.parametrize("closing", [whole(b"hello", "connection: close"), whole(b"hello").replace(b"1.1", b"1.0")])
    async def test_a_connection_that_the_server_will_close_is_not_used_again(self, wire: Wire, closing: bytes) -> None:
        """Neither where it says so nor where HTTP/1.0 means so."""
        wire.script(replies(closing))
        assert await wire.ask() == (200, b"hello")
        assert await wire.server.deserted()
        assert await wire.ask() == (200, b"hello")
        assert [len(peer.requests) for peer in wire.server.peers] == [1, 1]

    async def test_headers_are_found_by_their_lower_case_names(self, wire: Wire) -> None:
        """Repeated ones are joined, blanks around a value are none of it, absent is None."""
        lines = ("Retry-After:  7\t", "X-A: 1", "x-a:2", "X-Empty:", "x-latin: \xe4", "retry: x-b: 1")
        wire.script(replies(whole(b"", *lines)))
        response = await wire.send()
        assert await response.read(0) == b""
        found = {name: response.header(name) for name in ("retry-after", "x-a", "x-empty", "x-b", "retry")}
        assert found == {"retry-after": "7", "x-a": "1, 2", "x-empty": "", "x-b": None, "retry": "x-b: 1"}

    async def test_redirects_and_cookies_are_left_alone(self, wire: Wire) -> None:
        """A redirect is an answer like any other; a cookie never comes back."""
        location = f"http://127.0.0.1:{wire.server.port}/other"
        wire.script(replies(whole(b"moved", f"location: {location}", "set-cookie: a=b; path=/", status=307)))
        assert await wire.ask() == await wire.ask() == (307, b"moved")
        assert len(wire.server.requests) == 2
        assert header(wire.server.requests[1], "cookie") is None

    async def test_a_thousand_requests_share_one_connection(self, wire: Wire) -> None:
        """One after the other, each response its own request's."""

        async def echo(peer: Peer) -> None:
            await peer.send(whole(peer.requests[-1].partition(b"\r\n\r\n")[2]))

        wire.script(echo)
        for number in range(1000):
            assert await wire.ask(b"%d" % number) == (200, b"%d" % number)
        assert self.shared(wire.server)

    async def test_two_hundred_requests_at_once_have_a_connection_each(self, wire: Wire) -> None:
        """None waits for another, and all connections are kept for the next two hundred."""
        everyone = asyncio.Barrier(200)

        async def echo(peer: Peer) -> None:
            await everyone.wait()
            await peer.send(whole(peer.requests[-1].partition(b"\r\n\r\n")[2]))

        wire.script(echo)
        for _ in range(2):
            answers = await asyncio.gather(*(wire.ask(b"%d" % number) for number in range(200)))
            assert answers == [(200, b"%d" % number) for number in range(200)]
        assert len(wire.server.peers) == (200 if self.keeps else 400)

    @pytest.mark.parametrize("when", ["before reading", "after reading", "twice"])
    async def test_closing_a_response_that_is_whole_costs_nothing(self, wire: Wire, when: str) -> None:
        """Closed after its end, once or twice, its connection goes on; closed before, it does not."""
        response: Response = await wire.send()
        if when != "before reading":
            assert await response.read(5) == b"hello"
        response.close()
        response.close()
        assert await wire.ask() == (200, b"hello")

    @pytest.mark.parametrize("end", ["at once", "later", "never", "in a flood"])
    async def test_a_released_response_gives_its_connection_back(self, wire: Wire, end: str) -> None:
        """If its end follows at once; if none comes, or too much before it, the connection is closed."""

        async def answer(peer: Peer) -> None:
            await peer.send(head("transfer-encoding: chunked") + chunk(SSE[-1]))
            if end == "at once":
                await peer.send(chunk(b""))
            elif end == "later":
                await asyncio.sleep(0.05)
                await peer.send(chunk(b": bye\n\n") + chunk(b""))
            elif end == "in a flood":
                await asyncio.sleep(0.05)
                with suppress(OSError):
                    await peer.send(*[chunk(b"x" * 8192)] * 10)
            if end in ("never", "in a flood"):
                await peer.client_leaves()

        wire.script(answer)
        response = await wire.send()
        assert await response.chunk() == SSE[-1]
        response.release()
        response.release()
        if end in ("never", "in a flood"):
            # The release itself may take its whole second, so patience begins after it.
            assert await wire.server.deserted(RELEASED_S + 1.0)
        await asyncio.sleep(0.2)
        response.close()
        wire.script(replies(whole(b"hello")))
        assert await wire.ask() == (200, b"hello")
        assert len(wire.server.peers) == (1 if self.keeps and end in ("at once", "later") else 2)
