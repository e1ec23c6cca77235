"""The response parser against h11: what both accept they read alike, however the bytes are cut, whatever they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import h11
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.adapters.http1_parser import ResponseParser
from gateway.adapters.http_transport import TransportError

Read = tuple[int, bytes, str | None, bool]
"""Status, body, one header's value, whether the connection may be used again."""

TOKEN = st.text("abcXYZ019-_!#", min_size=1, max_size=8)
VALUE = st.text("".join(map(chr, [*range(33, 127), *range(160, 256)])) + " ", max_size=30).map(
    lambda text: text.strip()
)
FRAMING = {"content-length", "transfer-encoding", "connection"}
HEADERS = st.lists(st.tuples(TOKEN.filter(lambda name: name.lower() not in FRAMING), VALUE), max_size=6)
CASE = st.sampled_from([str.lower, str.upper, str.title])
BLANKS = st.sampled_from(["", " ", "\t", "  \t "])


@st.composite
def heads(draw: st.DrawFn, framing: Sequence[tuple[str, str]], status: int, version: str = "1.1") -> bytes:
    """A well-formed head with these framing headers somewhere among others."""
    headers = draw(HEADERS)
    for name, value in framing:
        headers.insert(draw(st.integers(0, len(headers))), (draw(CASE)(name), value))
    reason = draw(st.sampled_from([" OK", " ", "", " Not really: it's fine"]))
    lines = [f"HTTP/{version} {status}{reason}"]
    lines += [f"{name}:{draw(BLANKS)}{value}{draw(BLANKS)}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """The body in chunks, with extensions and trailers."""
    parts: list[bytes] = []
    for piece in cut(body, draw(cuts(len(body)))):
        size = draw(st.sampled_from(["{:x}", "{:X}", "{:04x}"])).format(len(piece))
        extension = draw(st.sampled_from(["", ";a=b", ';name="quoted, value"', ";"]))
        parts += [f"{size}{extension}\r\n".encode(), piece, b"\r\n"]
    trailers = "".join(f"{name}: {value}\r\n" for name, value in draw(HEADERS))
    return b"".join([*parts, b"0\r\n", trailers.encode("latin-1"), b"\r\n"])


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A well-formed response, perhaps after interim ones."""
    body = draw(st.binary(max_size=200))
    status = draw(st.sampled_from([200, 201, 204, 302, 304, 400, 413, 429, 500, 599]))
    close = draw(st.sampled_from([[], [("connection", "close")], [("connection", "keep-alive, Close")]]))
    way = draw(st.sampled_from(["length", "chunked", "until close", "1.0", "empty"]))
    interim = b"".join(
        draw(st.lists(st.sampled_from([100, 102, 103]).flatmap(lambda code: heads([], code)), max_size=2))
    )
    bodiless = status in {204, 304}
    if way == "length":
        head = draw(heads([("content-length", str(len(body))), *close], status))
    elif way == "chunked":
        head = draw(heads([("transfer-encoding", draw(CASE)("chunked")), *close], status))
        body = draw(chunked(body))
    elif way == "empty":
        head, body = draw(heads([("content-length", "0"), *close], status)), b""
    else:
        head = draw(heads(close, status, "1.0" if way == "1.0" else "1.1"))
    return interim + head + (b"" if bodiless else body)


@st.composite
def cuts(draw: st.DrawFn, length: int) -> list[int]:
    """Where to cut so many bytes."""
    return sorted(draw(st.sets(st.integers(1, max(length - 1, 1)), max_size=12)))


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """The pieces between the cuts, none of them empty."""
    bounds = sorted({0, *(moment for moment in at if moment < len(data)), len(data)})
    return [data[start:stop] for start, stop in pairwise(bounds)]


def ours(pieces: Iterable[bytes], name: str = "content-length") -> Read | None:
    """What our parser reads of a response that then ends; None where it refuses."""
    parser = ResponseParser()
    body = b""
    try:
        for piece in pieces:
            parser.feed(piece)
            body += parser.take()
        if not parser.complete:
            parser.feed_end()
    except TransportError:
        return None
    assert parser.complete
    assert parser.head is not None
    assert parser.waiting == parser.missing == 0
    return parser.head.status, body, parser.head.header(name), parser.reusable


def oracle(data: bytes, name: str = "content-length") -> Read | None:
    """The same by h11."""
    connection = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=100_000)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "a"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    status, body, values = 0, b"", list[bytes]()
    try:
        connection.receive_data(data)
        ended = not data
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if ended:
                    return None
                ended = True
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
                values = [value for key, value in event.headers if key == name.encode()]
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None
    reusable = connection.their_state is h11.DONE and connection.our_state is h11.DONE
    reusable = reusable and not ended and not connection.trailing_data[0]
    return status, body, b", ".join(values).decode("latin-1") if values else None, reusable


@given(st.data())
def test_what_is_well_formed_is_read_as_h11_reads_it(data: st.DataObject) -> None:
    """Status, body, headers and the fate of the connection, whatever the cuts."""
    response = data.draw(responses())
    name = data.draw(st.sampled_from(["abc", "content-length", "x", "connection"]))
    expected = oracle(response, name)
    assert expected is not None
    assert ours(cut(response, data.draw(cuts(len(response)))), name) == expected


@settings(max_examples=25)
@given(responses())
def test_every_single_cut_and_every_byte_alone_read_the_same(response: bytes) -> None:
    """A response is its bytes, not the pieces in which they come."""
    expected = ours([response])
    assert expected is not None
    for at in range(1, len(response)):
        assert ours([response[:at], response[at:]]) == expected
    assert ours(cut(response, range(len(response)))) == expected


@settings(max_examples=25)
@given(responses())
def test_every_shorter_response_is_refused_or_ends_with_the_connection(response: bytes) -> None:
    """Only a body that lasts until the close can be shortened unseen, and that connection is used no more."""
    for stop in range(len(response)):
        read = ours([response[:stop]])
        assert read is None or not read[3] or read == ours([response])


JUNK = (
    st.sampled_from(
        [
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b" ",
            b"\t",
            b":",
            b";",
            b",",
            b"0",
            b"-1",
            b"+5",
            b"0x5",
            b"1_0",
            b"\x80",
            b"\x7f",
        ]
    )
    | st.sampled_from(
        [b"content-length: 5\r\n", b"Content-Length: 5, 5\r\n", b"content-length: 6\r\n", b"content-length:\r\n"]
    )
    | st.sampled_from(
        [b"transfer-encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"transfer-encoding: identity\r\n"]
    )
    | st.sampled_from(
        [
            b"\r\n folded",
            b"\r\n\r\n",
            b"0\r\n\r\n",
            b"5\r\nhello\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.0 ",
            b"HTTP/2 ",
        ]
    )
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A response with a few changes anywhere in it, or nothing like one."""
    data = draw(responses() | st.binary(max_size=100).map(lambda junk: b"HTTP/1.1 200 OK\r\n" + junk))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(JUNK) + data[at + draw(st.integers(0, 4)) :]
    return data


@settings(max_examples=200)
@given(st.data())
def test_garbage_is_refused_or_read_the_same_however_it_is_cut(data: st.DataObject) -> None:
    """No exception but the parser's own, and never two readings of the same bytes."""
    garbage = data.draw(mutated() | st.binary(max_size=60))
    expected = ours([garbage] if garbage else [])
    assert ours(cut(garbage, data.draw(cuts(len(garbage))))) == expected
    assert ours(cut(garbage, range(len(garbage)))) == expected


LINES = (
    st.sampled_from(
        ["content-length: 5", "content-length: 5, 5", "content-length: 05", "content-length: 7", "Content-Length: +5"]
    )
    | st.sampled_from(
        ["transfer-encoding: chunked", "Transfer-Encoding: CHUNKED", "transfer-encoding: chunked, chunked", "x: y"]
    )
    | st.sampled_from(
        ["transfer-encoding: xchunked", "connection: close", "Connection: Upgrade", "connection: keep-alive", "x:"]
    )
    | st.sampled_from(
        [
            "content-length : 5",
            "content-length: 5 5",
            "content-length: 0",
            " content-length: 5",
            "connection: not-close",
        ]
    )
)
STATUS = st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 -", "HTTP/1.1 304", "HTTP/1.1 100 Go on"])
BODY = st.sampled_from(
    ["5\r\nhello\r\n", "0\r\n\r\n", "0\r\na: b\r\n\r\n", "hello", "5;x\r\nhello\r\n", "5 \r\nhello\r\n", "00\r\n\r\n"]
) | st.sampled_from(
    [
        "000000005\r\nhello\r\n",
        "\r\n",
        "0x5\r\nhello\r\n",
        "4\r\nhello\r\n",
        "-5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ]
)


@st.composite
def doubtful(draw: st.DrawFn) -> bytes:
    """A response whose framing headers may contradict each other, and whose body may suit none of them."""
    interim = [["HTTP/1.1 100 Continue", ""], []][draw(st.integers(0, 1))]
    lines = [*interim, draw(STATUS), *draw(st.lists(LINES, max_size=3)), "", ""]
    return ("\r\n".join(lines) + "".join(draw(st.lists(BODY, max_size=4)))).encode()


@settings(max_examples=300)
@given(doubtful() | mutated())
def test_what_both_accept_they_read_alike(response: bytes) -> None:
    """Two readers that understand the same bytes in two ways are how responses are smuggled."""
    mine, theirs = ours([response]), oracle(response)
    event(f"ours {mine is not None}, theirs {theirs is not None}")
    if mine is not None and theirs is not None:
        assert mine[:2] == theirs[:2]
        assert theirs[3] or not mine[3], "a connection is used again that h11 would close"


@pytest.mark.parametrize("junk", [b"", b"\r\n", b"\x16\x03\x01", b"<html>", b"\0" * 300])
def test_another_protocol_is_refused_at_once(junk: bytes) -> None:
    """Nobody waits for the head's end of what can be no head."""
    parser = ResponseParser()
    parser.feed(b"HTTP/1."[: 7 - len(junk[:1])])
    if junk:
        with pytest.raises(TransportError, match="no HTTP"):
            parser.feed(junk)
