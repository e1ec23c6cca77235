"""The little HTTP that the benchmark's own ends speak: chunks and headers as bytes."""

from __future__ import annotations

from collections.abc import Sequence


def chunk(data: bytes, size: int | None = None) -> bytes:
    """One HTTP chunk; `size` where `data` is a template that becomes that long. An empty one ends the body."""
    return b"%x\r\n%b\r\n" % (len(data) if size is None else size, data)


def dechunked(data: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    """The body that begins at `start` and the position after it; None while its end is missing.

    ValueError where it is not chunked encoding.
    """
    parts: list[bytes | bytearray] = []
    while (line_end := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:line_end].partition(b";")[0], 16)
        begin = line_end + 2
        if size == 0:
            end = begin if data[begin : begin + 2] == b"\r\n" else data.find(b"\r\n\r\n", begin) + 2
            return (b"".join(parts), end + 2) if begin <= end <= len(data) - 2 else None
        start = begin + size + 2
        if start > len(data):
            return None
        parts.append(data[begin : begin + size])
    return None


def content_length(head: bytes) -> int | None:
    """The Content-Length in a lower-cased head; None if there is none."""
    at = head.find(b"\r\ncontent-length:")
    return None if at < 0 else int(head[at + 17 : head.index(b"\r\n", at + 17)])


def request(path: str, body: bytes, *, host: str, key: str, more: Sequence[str] = ()) -> bytes:
    """A whole POST with a JSON body; `more` are header lines."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        "Accept: */*",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
