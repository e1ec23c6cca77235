"""The response parser's caps, and what it says of itself; the property tests hold it against h11."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, repeat

import pytest

from gateway.adapters.http1_head import MAX_HEAD_BYTES
from gateway.adapters.http1_parser import MAX_LINE_BYTES, ResponseParser
from gateway.adapters.http_transport import Fault, TransportError

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def refuse(pieces: Iterable[bytes]) -> tuple[Fault, int]:
    """The fault in which these pieces end, and how many bytes were read until then."""
    parser = ResponseParser()
    read = 0
    try:
        for piece in pieces:
            read += len(piece)
            parser.feed(piece)
            parser.take()
    except TransportError as error:
        return error.fault, read
    pytest.fail("nothing was refused")


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("start", "endless", "cap"),
    [
        (b"HTTP/1.1 200 OK\r\na: ", b"x", MAX_HEAD_BYTES),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", MAX_HEAD_BYTES),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", MAX_HEAD_BYTES),
        (CHUNKED, b"0", MAX_LINE_BYTES),
        (CHUNKED + b"5;", b"x", MAX_LINE_BYTES),
        (CHUNKED + b"0\r\na: ", b"x", MAX_LINE_BYTES),
        (CHUNKED + b"0\r\n", b"a: b\r\n", MAX_HEAD_BYTES),
    ],
)
def test_what_does_not_end_is_refused_at_its_cap(start: bytes, endless: bytes, cap: int, size: int) -> None:
    """In pieces of any size; a little more than the cap is read, never twice as much."""
    data = start + endless * (3 * MAX_HEAD_BYTES // len(endless))
    fault, read = refuse(data[at : at + size] for at in range(0, len(data), size))
    assert fault == "too_large"
    assert cap <= read <= 2 * cap + len(start)


def test_a_protocol_that_nobody_asked_for_is_refused() -> None:
    """101 is the end of HTTP on a connection."""
    assert refuse([b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"])[0] == "malformed"


@pytest.mark.parametrize("size", [b"", b" 5", b"0x5", b"5_0", b"+5", b"-5", b"5\r", b"5\n", b"g", b"5;\0", b"f" * 16])
def test_a_chunks_size_is_hexadecimal_digits_and_nothing_else(size: bytes) -> None:
    """What other readers might take for a number is none."""
    assert refuse([CHUNKED, size + b"\r\nhello\r\n"])[0] == "malformed"


def test_it_says_what_is_here_and_what_is_to_come() -> None:
    """For whoever has a cap on the body, or makes the peer wait."""
    parser = ResponseParser()
    seen = [(parser.begun, parser.waiting, parser.missing, parser.complete)]
    for piece in (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", b"hello", b"world"):
        parser.feed(piece)
        seen.append((parser.begun, parser.waiting, parser.missing, parser.complete))
    assert seen == [(False, 0, 0, False), (True, 0, 10, False), (True, 5, 5, False), (True, 10, 0, True)]
    assert parser.take() == b"helloworld"
    assert (parser.waiting, parser.take()) == (0, b"")


@pytest.mark.parametrize(
    "response", [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"HTTP/1.1 204 -\r\n\r\n", CHUNKED + b"0\r\n\r\n"]
)
def test_bytes_after_the_end_spoil_the_connection(response: bytes) -> None:
    """Together with the last of the response, or later."""
    for pieces in ([response + b"x"], [response, b"x"]):
        parser = ResponseParser()
        for piece in pieces:
            parser.feed(piece)
        assert (parser.complete, parser.reusable) == (True, False)


def test_many_small_pieces_cost_no_more_than_their_bytes() -> None:
    """Sixteen thousand chunks of one byte are one body."""
    parser = ResponseParser()
    for piece in chain([CHUNKED], repeat(b"1\r\nx\r\n" * 16, 1000), [b"0\r\n\r\n"]):
        parser.feed(piece)
    assert parser.take() == b"x" * 16_000
    assert parser.reusable
