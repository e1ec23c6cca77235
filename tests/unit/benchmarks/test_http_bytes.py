"""Chunks and heads as the benchmark's two ends write and read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.http_bytes import chunk, content_length, dechunked, request


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.binary(max_size=10), st.binary(max_size=10))
def test_what_was_chunked_comes_back_whole(parts: list[bytes], before: bytes, after: bytes) -> None:
    """Whatever the parts, and whatever stands around them; no beginning of the body is taken for all of it."""
    body = b"".join(map(chunk, [*parts, b""]))
    assert dechunked(before + body + after, len(before)) == (b"".join(parts), len(before) + len(body))
    assert all(dechunked(body[:end], 0) is None for end in range(len(body)))


def test_extensions_and_trailers_are_skipped() -> None:
    """Both may stand in a chunked body, and neither is part of it."""
    body = b"3;name=value\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"
    assert dechunked(body, 0) == (b"abc", len(body))


def test_a_request_says_how_long_it_is() -> None:
    """Content-Length counts bytes, and the head has the header lines that were asked for."""
    raw = request("/v1/chat/completions", "é".encode(), host="localhost:1", key="k", more=["X-More: 1"])
    head, _, body = raw.partition(b"\r\n\r\n")
    assert content_length(head.lower() + b"\r\n") == len(body) == 2
    assert b"\r\nX-More: 1" in head
    assert content_length(b"get / http/1.1\r\n\r\n") is None
