"""The front's reading of heads against h11 and aiohttp: what it accepts they read alike, whatever the bytes are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import h11
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import event, example, given
from hypothesis import strategies as st

from gateway.api.front_head import HEAD_CAP, Head, read_head

LONGEST = 256 * 1024
NEXT = b"GET /next HTTP/1.1\r\nHost: y\r\n\r\n"
Read = tuple[str, str, dict[str, str], int]
"""Method, target, headers by lower-case name, bytes of the body."""

FRAMING = {"content-length", "transfer-encoding", "connection", "host", "te", "trailer", "upgrade", "expect"}
NAME = st.text("abcXYZ019-_!#$%&'*+.^`|~", min_size=1, max_size=8).filter(lambda name: name.lower() not in FRAMING)
VALUE = st.text("".join(map(chr, range(32, 127))) + "\t", max_size=30)
BLANKS = st.sampled_from(["", " ", "\t", "  \t "])
CASE = st.sampled_from([str.lower, str.upper, str.title])
TARGETS = ("/v1/chat/completions", "/chat/completions")
HOSTILE = st.sampled_from(
    [
        *(b"Transfer-Encoding: chunked", b"Transfer-Encoding:\tchunked", b"transfer-encoding: identity"),
        *(b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: +1", b"Content-Length: 0x10"),
        *(b"Content-Length: 1, 1", b"Content-Length: 99999999999999999999", b"Content-Length : 1", b"Content-Length:"),
        *(b"Content-Length: 1 1", b"Host: other", b"Host : x", b"Connection: close", b"Connection: upgrade"),
        *(b"Upgrade: websocket", b"Expect: 100-continue", b" folded: line", b"\tfolded", b"no colon", b": no name"),
        *(b"A: nul\0", b"A: \x7f", b"A: \xe9", b"A: bare\rreturn", b"A: bare\nfeed", b"N\xe4me: x", b"A(b): c", b""),
        *(b"TE: trailers", b"Trailer: x", b"Content-Encoding: gzip", b"Sec-WebSocket-Key1: x", b"Keep-Alive: 5"),
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """The lines of a usual head, and a body of the length that it names."""
    body = b"x" * draw(st.sampled_from([0, 1, 5, 16, 300]))
    headers = [("host", "x"), ("content-length", draw(st.sampled_from(["{}", "0{}", "00{}"])).format(len(body)))]
    if draw(st.booleans()):
        headers.append(("connection", draw(CASE)("keep-alive")))
    others = draw(st.lists(st.tuples(NAME, VALUE), max_size=6, unique_by=lambda pair: pair[0].lower()))
    headers = draw(st.permutations([(draw(CASE)(name), value) for name, value in headers] + others))
    lines = [f"{name}:{draw(BLANKS)}{value}{draw(BLANKS)}".encode() for name, value in headers]
    return [f"POST {draw(st.sampled_from(TARGETS))} HTTP/1.1".encode(), *lines], body


@st.composite
def oddities(draw: st.DrawFn) -> bytes:
    """A usual request with a hostile line, another first line, or some bytes changed; perhaps cut off."""
    lines, body = draw(requests())
    for line in draw(st.lists(HOSTILE, max_size=2)):
        lines.insert(draw(st.integers(0, len(lines))), line)
    if draw(st.booleans()):
        lines.append(draw(st.sampled_from(lines)))
    data = bytearray(b"\r\n".join([*lines, b"", b""]) + body)
    for byte in draw(st.binary(max_size=3) | st.lists(st.sampled_from(b"\r\n\0 :\t,"), max_size=3)):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = bytes([byte])
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


def by_front(data: bytes) -> Read | None:
    head = read_head(data, LONGEST)
    if not isinstance(head, Head):
        return None
    target = data.split(b" ", 2)[1].decode()
    return "POST", target, head.headers, head.length


def by_h11(data: bytes) -> Read | None:
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    try:
        request = server.next_event()
        if not isinstance(request, h11.Request):
            return None
        length, part = 0, server.next_event()
        while isinstance(part, h11.Data):
            length, part = length + len(part.data), server.next_event()
        assert isinstance(part, h11.EndOfMessage)
    except h11.RemoteProtocolError:
        return None
    headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
    return request.method.decode(), request.target.decode(), headers, length


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """What aiohttp's parser asks for; it is never run."""
    found = asyncio.new_event_loop()
    yield found
    found.close()


def by_aiohttp(data: bytes, loop: asyncio.AbstractEventLoop) -> Read | None:
    parser = HttpRequestParser(
        BaseProtocol(loop), loop, 2**16, max_line_size=8190, max_field_size=8190, max_headers=128, max_msg_queue_size=32
    )
    try:
        messages, _, _ = parser.feed_data(data)
    except HttpProcessingError:
        return None
    if not messages:
        return None
    message, payload = messages[0]
    length = 0 if payload.is_eof() and payload.total_bytes == 0 else payload.total_bytes
    headers = {name.lower(): value for name, value in message.headers.items()}
    return message.method, message.path, headers, length


@given(requests())
def test_a_usual_request_is_read_as_others_read_it(
    loop: asyncio.AbstractEventLoop, request: tuple[list[bytes], bytes]
) -> None:
    """Method, target, every header and the body's length; what follows the body is the next request's."""
    lines, body = request
    data = b"\r\n".join([*lines, b"", b""]) + body + NEXT
    found = by_front(data)
    assert found is not None
    assert found == by_h11(data) == by_aiohttp(data, loop)
    head = read_head(data, LONGEST)
    assert isinstance(head, Head)
    assert data[head.size :] == body + NEXT


@given(oddities())
@example(b"POST /chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nSec-WebSocket-Key1: x\r\n\r\n0")
@example(b"POST /chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nA: \x7f\r\n\r\n0")
def test_what_others_refuse_is_never_usual(loop: asyncio.AbstractEventLoop, data: bytes) -> None:
    """Whatever is accepted both others accept, with the same meaning: nothing can be smuggled past one of them."""
    found = by_front(data)
    event("accepted" if found else "refused")
    if found is not None:
        whole = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + b"x" * found[3]
        assert found == by_h11(whole) == by_aiohttp(whole, loop)


@given(oddities())
def test_more_bytes_never_change_what_is_known(data: bytes) -> None:
    """Cut anywhere, a head is partial until it is what it is: never unusual and then usual, or another."""
    found = [read_head(data[:end], LONGEST) for end in range(1, len(data) + 1)]
    known = [one for one in found if one != "partial"]
    assert found[: len(found) - len(known)] == ["partial"] * (len(found) - len(known))
    assert known == known[:1] * len(known)


@given(requests(), st.data())
def test_a_head_is_partial_while_it_can_become_usual(request: tuple[list[bytes], bytes], data: st.DataObject) -> None:
    """Every beginning of a usual head is partial, and only the last byte makes it usual."""
    head = b"\r\n".join([*request[0], b"", b""])
    assert read_head(head[: data.draw(st.integers(1, len(head) - 1))], LONGEST) == "partial"
    assert isinstance(read_head(head, LONGEST), Head)


@given(oddities())
def test_a_partial_head_can_become_usual(data: bytes) -> None:
    """Its whole lines stand in a usual head, and the line begun can be ended: there is something to wait for."""
    if not data or read_head(data, LONGEST) != "partial":
        return
    if b"\r\n" not in data:
        assert any(f"POST {target} HTTP/1.1\r\n".encode().startswith(data) for target in TARGETS)
        return
    whole, _, begun = data.rpartition(b"\r\n")
    lines = whole.split(b"\r\n")
    names = {line.partition(b":")[0].lower() for line in lines[1:]}
    missing = [line for line in (b"Host: x", b"Content-Length: 0") if line.partition(b":")[0].lower() not in names]
    assert isinstance(read_head(b"\r\n".join([*lines, *missing, b"", b""]), LONGEST), Head)
    # With another name in front, for a line may yet turn out to be of a kind that is unusual.
    usual = lines[0] + b"\r\nHost: x\r\nContent-Length: 0\r\nx-" + begun
    ends = (b"x:\r\n\r\n", b"\r\n\r\n", b"\n\r\n")
    assert begun in {b"", b"\r"} or any(isinstance(read_head(usual + end, LONGEST), Head) for end in ends)


@given(st.integers(-40, 40), st.binary(max_size=100))
def test_nothing_is_looked_at_beyond_the_cap(around: int, more: bytes) -> None:
    """A head that is not whole within the cap is unusual, whatever follows."""
    first = b"POST /chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nA: "
    head = first + b"v" * (HEAD_CAP + around - len(first) - 4) + b"\r\n\r\n"
    found = read_head(head + more, LONGEST)
    assert isinstance(found, Head) == (len(head) <= HEAD_CAP)
    assert found == read_head(head, LONGEST)
    assert read_head(b"POST /chat/completions HTTP/1.1\r\nA" + b"a" * HEAD_CAP + more, LONGEST) == "unusual"
