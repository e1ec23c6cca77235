"""Reading heads: what is usual, what is not, and how much is looked at."""

from __future__ import annotations

import pytest

from gateway.api.front_head import HEAD_CAP, Head, read_head

LINE = b"POST /v1/chat/completions HTTP/1.1\r\n"
USUAL = LINE + b"Host: x\r\nContent-Length: 2\r\n\r\n"


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_a_usual_head_is_read(kind: type[bytes | bytearray]) -> None:
    """Names in lower case, values without the blanks around them, and how long head and body are."""
    data = LINE + b"HOST:x\r\nAccept:\r\nX-A: \t b:  c \t\r\ncontent-LENGTH: 007\r\nConnection: Keep-Alive\r\n\r\n"
    headers = {"host": "x", "accept": "", "x-a": "b:  c", "content-length": "007", "connection": "Keep-Alive"}
    assert read_head(kind(data + b"1234567GET /"), 7) == Head(headers, len(data), 7)


@pytest.mark.parametrize(
    "line",
    [
        *(b"Transfer-Encoding: chunked", b"transfer-encoding:", b"Content-Encoding: gzip", b"Expect: 100-continue"),
        *(b"Upgrade: h2c", b"TE: trailers", b"Trailer: x", b"Connection: close", b"Connection: keep-alive, upgrade"),
        *(b"Content-Length: 2", b"HOST: y", b"A: \0", b"A: \x7f", b"A: \xc3\xa9", b"A : b", b" b", b"", b"a", b": b"),
        *(b"A: b\nB: c", b"A: b\rB: c", b"A(: b", b"A\tb: c", b"\xc3: b", b"Sec-WebSocket-Key1: x"),
    ],
)
def test_what_is_not_exactly_usual_is_left_alone(line: bytes) -> None:
    """One such line anywhere in the head is enough."""
    for where in (len(LINE), len(LINE) + len(b"Host: x\r\n")):
        data = USUAL[:where] + line + b"\r\n" + USUAL[where:]
        assert read_head(data, 100) == "unusual"


@pytest.mark.parametrize(
    "first",
    [
        *(b"GET /v1/chat/completions HTTP/1.1", b"post /v1/chat/completions HTTP/1.1", b"POST / HTTP/1.1"),
        *(b"POST /v1/chat/completions HTTP/1.0", b"POST /v1/chat/completions HTTP/1.1 ", b" POST /chat/completions"),
        *(b"POST  /v1/chat/completions HTTP/1.1", b"POST /v1/chat/completions?a HTTP/1.1", b"", b"\x16\x03\x01"),
        *(b"POST /v1/v1/chat/completions HTTP/1.1", b"POST http://x/v1/chat/completions HTTP/1.1"),
    ],
)
def test_another_first_line_is_left_alone(first: bytes) -> None:
    """As soon as it differs."""
    assert read_head(USUAL.replace(LINE, first + b"\r\n"), 100) == "unusual"


@pytest.mark.parametrize("length", [b"", b"-1", b"+1", b"0x1", b"1 1", b"1,1", b"1.0", b"1e1", b"101", b"9" * 30])
def test_a_length_is_a_small_number(length: bytes) -> None:
    """Digits, and no more than was allowed."""
    assert read_head(USUAL.replace(b": 2", b": " + length), 100) == "unusual"
    most = USUAL.replace(b": 2", b": 0100")
    assert read_head(most, 100) == Head({"host": "x", "content-length": "0100"}, len(most), 100)


@pytest.mark.parametrize("missing", [b"Host: x\r\n", b"Content-Length: 2\r\n", b"Host: x\r\nContent-Length: 2\r\n"])
def test_host_and_length_must_be_given(missing: bytes) -> None:
    """Without the first no server may answer, without the second nobody knows where the body ends."""
    assert read_head(USUAL.replace(missing, b""), 100) == "unusual"


def test_a_head_is_partial_until_its_last_byte() -> None:
    """Wherever it is cut."""
    assert {read_head(USUAL[:end], 100) for end in range(len(USUAL))} == {"partial"}


@pytest.mark.parametrize(
    "flood",
    [
        *(b"a" * 20_000, b"a:" + b" " * 20_000, b"a:\r\n" * 5_000, b"a: b\r\n" * 5_000, b"a:" + b"\r" * 20_000),
        *(b"".join(b"%x:\r\n" % i for i in range(5_000)), b":" * 20_000, b"a:" * 20_000),
    ],
)
def test_a_flood_is_left_alone(flood: bytes) -> None:
    """Long lines, many lines, nothing but separators: never waited for beyond the cap."""
    for cut in (HEAD_CAP, HEAD_CAP + 1, 2 * HEAD_CAP):
        assert read_head((LINE + b"Host: x\r\nContent-Length: 2\r\n" + flood)[:cut], 100) == "unusual"


@pytest.mark.parametrize(("count", "usual"), [(98, True), (99, False)])
def test_headers_are_counted(count: int, usual: bool) -> None:
    """A hundred are enough for anybody; the full server allows 128."""
    more = b"".join(b"a%d: b\r\n" % i for i in range(count))
    assert isinstance(read_head(USUAL[:-2] + more + b"\r\n", 100), Head) == usual
