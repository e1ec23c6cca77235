"""Heads of requests are written safely, heads of responses are read strictly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.adapters.http1_head import (
    CHUNKED,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    UNTIL_CLOSE,
    ResponseHead,
    request_head,
)
from gateway.adapters.http_transport import Endpoint, TransportError

ENDPOINT = Endpoint(scheme="https", host="api.example.org", port=443, target="/v1?a=b", headers=(("x-a", "1"),))


def read(*lines: str, start: str = "HTTP/1.1 200 OK") -> ResponseHead:
    return ResponseHead("\r\n".join([start, *lines]).encode("latin-1"))


def test_a_request_names_its_host_its_headers_and_then_its_length() -> None:
    """The length is left open: the endpoint's head is written once for all its requests."""
    expected = (
        b"POST /v1?a=b HTTP/1.1\r\nhost: api.example.org\r\nx-a: 1\r\naccept-encoding: identity\r\ncontent-length: "
    )
    assert request_head(ENDPOINT) == expected


@pytest.mark.parametrize(
    ("changed", "host"),
    [
        ({"port": 8443}, b"api.example.org:8443"),
        ({"port": 80}, b"api.example.org:80"),
        ({"scheme": "http", "port": 80}, b"api.example.org"),
        ({"host": "::1", "port": 443}, b"[::1]"),
        ({"host": "::1", "port": 8000}, b"[::1]:8000"),
    ],
)
def test_the_host_is_written_as_a_url_would(changed: dict[str, object], host: bytes) -> None:
    """Without the scheme's own port, and an IPv6 address in brackets."""
    assert b"\r\nhost: " + host + b"\r\n" in request_head(replace(ENDPOINT, **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["host", "Content-Length", "connection", "Accept-Encoding", "transfer-encoding"])
def test_the_transports_own_headers_are_refused(name: str) -> None:
    """Twice the same header is how requests are smuggled."""
    with pytest.raises(ValueError, match="the transport's own"):
        request_head(replace(ENDPOINT, headers=((name, "1"),)))


@pytest.mark.parametrize(
    "changed",
    [
        {"headers": (("x-a", "canary\r\nx-b: 1"),)},
        {"headers": (("x-a", "canary\n"),)},
        {"headers": (("x-a", "canary\0"),)},
        {"headers": (("x-a", "canary\u20ac"),)},
        {"headers": (("x a", "canary"),)},
        {"headers": (("", "canary"),)},
        {"target": "/a canary"},
        {"target": "/a\r\ncanary"},
        {"target": "canary"},
        {"target": "/canary\u00e4"},
        {"host": "a\r\ncanary"},
        {"host": "canary/b"},
        {"host": ""},
    ],
)
def test_what_would_break_out_of_its_line_is_refused(changed: dict[str, object]) -> None:
    """And the error does not repeat it: it may be a key."""
    with pytest.raises(ValueError, match="characters") as caught:
        request_head(replace(ENDPOINT, **changed))  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        (["content-length: 5"], 5),
        (["Content-Length:5", "content-length: 5"], 5),
        (["content-length: 5, 5"], 5),
        (["Transfer-Encoding: Chunked"], CHUNKED),
        ([], UNTIL_CLOSE),
        (["x-content-length: 5"], UNTIL_CLOSE),
    ],
)
def test_the_bodys_length_is_found(lines: list[str], length: int) -> None:
    """By the names at the beginnings of lines, whatever their case."""
    assert read(*lines).length == length


@pytest.mark.parametrize(
    "lines",
    [
        ["content-length: 5", "content-length: 6"],
        ["content-length: 5, 6"],
        ["content-length: "],
        ["content-length: 5,"],
        ["content-length: 1_0"],
        ["content-length: +5"],
        ["content-length: 0x5"],
        ["content-length: \xb2"],
        ["content-length: " + "9" * 19],
        ["content-length: 5", "transfer-encoding: chunked"],
        ["transfer-encoding: gzip, chunked"],
        ["transfer-encoding: chunked", "transfer-encoding: chunked"],
        ["transfer-encoding: identity"],
        ["content-length : 5"],
        ["x-a: 1", " content-length: 5"],
        ["x-a: 1\rcontent-length: 5"],
        ["x-a: 1\ncontent-length: 5"],
        ["x-a: \x7f"],
        ["x-a"],
        [": 1"],
        [""],
    ],
)
def test_a_doubtful_head_is_refused(lines: list[str]) -> None:
    """Two readers must not read two lengths, and a line must be a header."""
    with pytest.raises(TransportError) as caught:
        read(*lines)
    assert (caught.value.fault, caught.value.begun) == ("malformed", True)


@pytest.mark.parametrize("start", ["HTTP/1.2 200 OK", "HTTP/2 200", "http/1.1 200 OK", "HTTP/1.1  200", "HTTP/1.1 20"])
@pytest.mark.parametrize("end", ["", " OK"])
def test_only_http_1_0_and_1_1_are_read(start: str, end: str) -> None:
    """With one blank and a status of three digits."""
    with pytest.raises(TransportError):
        read(start=start + end)


def test_chunks_are_none_of_http_1_0() -> None:
    """A 1.0 peer knows none: whoever says so passes on what it did not understand."""
    with pytest.raises(TransportError):
        read("transfer-encoding: chunked", start="HTTP/1.0 200 OK")


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["content-length: 5"], True),
        (["content-length: 5", "Connection: Keep-Alive"], True),
        (["content-length: 5", "connection: x-close"], True),
        (["content-length: 5", "Connection: Close"], False),
        (["content-length: 5", "connection: a", "connection: b,close"], False),
        ([], False),
    ],
)
def test_a_connection_is_kept_unless_the_peer_says_otherwise(lines: list[str], kept: bool) -> None:
    """A body until close says so too, and HTTP/1.0 always."""
    assert read(*lines).keep_alive is kept
    assert not read(*lines, start="HTTP/1.0 200 OK").keep_alive


def test_the_head_has_caps() -> None:
    """So many headers, so many bytes, and one more of either is too large."""
    least = ["a:"] * MAX_HEADERS
    assert read(*least).status == 200
    with pytest.raises(TransportError) as caught:
        read(*least, "a:")
    assert caught.value.fault == "too_large"
    longest = "a:" + "x" * (MAX_HEAD_BYTES - len("HTTP/1.1 200 OK\r\na:"))
    assert read(longest).status == 200
    with pytest.raises(TransportError) as caught:
        read(longest + "x")
    assert caught.value.fault == "too_large"
