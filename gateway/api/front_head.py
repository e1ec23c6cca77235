"""The head of a usual chat completion, read from bytes: strict, and silent about everything else.

What is not exactly usual (another route, a header given twice, a body of unknown length or in an encoding, anything
that RFC 9112 forbids) is left to the full server, which knows what to do and what to say about it.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

HEAD_CAP: Final = 8190
"""Bytes of a head that are looked at; a longer one is unusual."""
_MOST_LINES: Final = 100
"""Headers; the full server refuses somewhat more."""

# No quantifier gives anything back, so that no input is looked at twice.
_NAME: Final = rb"[!#-'*+\-.^-z|~0-9A-Z]"
_VALUE: Final = rb"[\t\x20-\x7e]*+"
_HEAD: Final = re.compile(
    rb"POST (?:/v1)?/chat/completions HTTP/1\.1\r\n((?:" + _NAME + rb"++:" + _VALUE + rb"\r\n)*+)(\r\n)?"
)
_LINE_BEGUN: Final = re.compile(_NAME + rb"++(?::" + _VALUE + rb"\r?)?|\r?")
_BEGINNINGS: Final = (b"POST /v1/chat/completions HTTP/1.1\r\n", b"POST /chat/completions HTTP/1.1\r\n")
_UNUSUAL: Final = frozenset(
    {"transfer-encoding", "content-encoding", "expect", "upgrade", "te", "trailer", "sec-websocket-key1"}
)


class Head(NamedTuple):
    """A usual head."""

    headers: dict[str, str]
    """By lower-case name."""
    size: int
    """Bytes of the head itself."""
    length: int
    """Bytes of the body."""


def read_head(data: bytes | bytearray, longest: int) -> Head | Literal["partial", "unusual"]:
    """The head at the beginning of `data`, of a request whose body has at most `longest` bytes.

    It is partial while more bytes could still make it usual.
    """
    found = _HEAD.match(data, 0, HEAD_CAP)
    if found is None:
        return "partial" if any(line.startswith(data) for line in _BEGINNINGS) else "unusual"
    headers = _headers(found[1])
    if headers is None:
        return "unusual"
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > longest:
        return "unusual"
    if found[2] is None:
        begun = len(data) < HEAD_CAP and _LINE_BEGUN.fullmatch(data, found.end())
        return "partial" if begun else "unusual"
    usual = "content-length" in headers and "host" in headers
    return Head(headers, found.end(), int(length)) if usual else "unusual"


def _headers(block: bytes) -> dict[str, str] | None:
    """The headers of whole lines; None if they are unusual."""
    lines = block.decode("ascii").split("\r\n")
    lines.pop()
    if len(lines) > _MOST_LINES:
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    usual = (
        len(headers) == len(lines)
        and _UNUSUAL.isdisjoint(headers)
        and headers.get("connection", "keep-alive").lower() == "keep-alive"
    )
    return headers if usual else None
