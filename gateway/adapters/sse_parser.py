"""Server-sent events out of bytes that arrive cut up anyhow: a parser without a socket.

WHATWG HTML, section 9.2.6, as far as JSON streams use it: lines end with LF, CRLF or CR; an empty line ends an event;
`data` fields of one event are joined by LF; comments and other fields say nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator

_DATA = b"data: "


class EventTooLargeError(Exception):
    """One event is longer than the cap."""


class EventParser:
    """Give it bytes, get the `data` of each event that they complete."""

    __slots__ = ("_after_cr", "_cap", "_parts", "_size")

    def __init__(self, cap: int) -> None:
        """`cap`: bytes that one event may have; EventTooLargeError from `feed` beyond it."""
        self._cap = cap
        self._parts: list[bytes] = []
        self._size = 0
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """The events that are complete now."""
        if b"\r" in data or self._after_cr:
            data = self._line_feeds(data)
        if b"\n" not in data:
            # Nothing can end without one: joining later keeps a long event from being copied again and again.
            self._keep(data)
            return []
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts, self._size = [], 0
        blocks = data.split(b"\n\n")
        rest = blocks.pop()
        if rest:
            self._keep(rest)
        events: list[bytes] = []
        for block in blocks:
            if len(block) > self._cap:
                raise EventTooLargeError
            if block.startswith(_DATA) and b"\n" not in block:
                events.append(block[6:])
            else:
                events.extend(_joined(block))
        return events

    def finish(self) -> list[bytes]:
        """The event that lacks its empty line, as some servers end; nothing may be fed any more."""
        rest = b"".join(self._parts)
        self._parts = []
        return list(_joined(rest)) if rest else []

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > self._cap:
            raise EventTooLargeError

    def _line_feeds(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]  # the other half of a CRLF, which has ended its line already
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _joined(block: bytes) -> Iterator[bytes]:
    """The data of a block of lines, nothing if it has none."""
    lines = [
        line[5:].removeprefix(b" ") for line in block.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line[:5] == b"data:"
    ]
    if lines:
        yield b"\n".join(lines)
