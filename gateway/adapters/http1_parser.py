"""Reads one HTTP/1.1 response from bytes however they are cut, without a socket and without waiting."""

from __future__ import annotations

import re
from typing import Final

from gateway.adapters.http1_head import (
    CHUNKED,
    MAX_HEAD_BYTES,
    TEXT,
    TOKEN,
    ResponseHead,
    malformed,
    too_large,
)
from gateway.adapters.http_transport import TransportError

MAX_LINE_BYTES: Final = 8 * 1024
"""Of a chunk's size with its extensions, and of one trailer."""

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;" + TEXT + rb")?\r\n")
_TRAILER_LINE = re.compile(rb"(?:" + TOKEN + rb":" + TEXT + rb")?\r\n")

# What is expected next. Plain numbers: an enumeration's members cost a lookup each.
_HEAD: Final = 0
_BODY: Final = 1
_SIZE: Final = 2
_DATA: Final = 3
_DATA_END: Final = 4
_TRAILER: Final = 5
_DONE: Final = 6


class ResponseParser:
    """One response. Feed it what arrives, take the body's bytes as they come, until it is `complete`.

    After a TransportError it is spent. What follows the response, in the same piece or later, makes the connection
    unfit for another request.
    """

    __slots__ = ("_left", "_phase", "_pieces", "_rest", "_spent", "begun", "complete", "head", "reusable", "waiting")

    def __init__(self) -> None:
        self._phase: int = _HEAD
        self._rest = bytearray()
        """What came of a head, a chunk's size or a trailer that is not whole yet."""
        self._left = 0
        """Bytes that the body, or the chunk, still lacks."""
        self._pieces: list[bytes] = []
        self._spent = 0
        """Bytes of 1xx responses and trailers so far: they share the head's cap."""
        self.head: ResponseHead | None = None
        """The final response's."""
        self.waiting = 0
        """Bytes of the body that have come and are not taken."""
        self.begun = False
        """Whether anything has come."""
        self.complete = False
        self.reusable = False
        """Once complete: whether the connection may carry another request."""

    @property
    def missing(self) -> int:
        """Bytes of the body that are sure to come still."""
        return self._left if self._phase in {_BODY, _DATA} and self._left > 0 else 0

    def take(self) -> bytes:
        """All bytes of the body that are here; b"" if none are."""
        pieces = self._pieces
        if not pieces:
            return b""
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.waiting = 0
        return data

    def feed(self, data: bytes) -> None:
        """What the connection brought; TransportError `malformed` or `too_large`."""
        self.begun = True
        at = 0
        if self._phase == _HEAD:
            data, at = self._read_heads(data)
        if self._phase == _BODY:
            self._read_body(data, at)
        elif self._phase != _HEAD:
            self._read_chunks(data, at)

    def feed_end(self) -> None:
        """The connection's end came; TransportError `cut` if the response is not whole."""
        if self._phase == _BODY and self._left < 0:
            self._finish(clean=False)
        elif self._phase != _DONE:
            raise TransportError("cut", "the connection ended before the response was whole", begun=self.begun)

    def _finish(self, *, clean: bool) -> None:
        assert self.head is not None
        self._phase = _DONE
        self.complete = True
        self.reusable = clean and self.head.keep_alive

    def _read_heads(self, data: bytes) -> tuple[bytes, int]:
        """Up to the final response's head; returns the bytes to go on with and where in them."""
        rest, at = self._rest, 0
        if rest:
            seen = len(rest)
            checked = seen - rest.endswith(b"\r")
            rest += data
            if rest.find(b"\r\n\r\n", max(seen - 3, 0)) < 0:
                self._check_partial(checked)
                return data, len(data)
            data = bytes(rest)
            rest.clear()
        while True:
            end = data.find(b"\r\n\r\n", at)
            if end < 0:
                rest += data[at:]
                self._check_partial(0)
                return data, len(data)
            head = ResponseHead(data[at:end])
            size, at = end + 4 - at, end + 4
            if head.status >= 200:
                self._begin(head)
                return data, at
            self._skip(head, size)

    def _check_partial(self, checked: int) -> None:
        """Refuse what can become no head, rather than wait for its end: a bare LF, another protocol, too much."""
        rest = self._rest
        if rest[:7] != b"HTTP/1."[: len(rest)] or rest.count(b"\n", checked) != rest.count(b"\r\n", checked):
            raise malformed("what came is no HTTP/1.1 response")
        if len(rest) + self._spent > MAX_HEAD_BYTES:
            raise too_large("the response's head is too large")

    def _skip(self, head: ResponseHead, size: int) -> None:
        if head.status == 101:
            raise malformed("the peer switched to a protocol that nobody asked for")
        self._spent += size
        if self._spent > MAX_HEAD_BYTES:
            raise too_large("the interim responses are too large")

    def _begin(self, head: ResponseHead) -> None:
        self.head = head
        length = head.length
        if length == 0:
            self._finish(clean=True)
        elif length == CHUNKED:
            self._phase = _SIZE
        else:
            self._phase = _BODY
            self._left = length  # UNTIL_CLOSE is negative, and stays so

    def _read_body(self, data: bytes, at: int) -> None:
        """A body of known length, or until close."""
        size = len(data) - at
        left = self._left
        if 0 < left <= size:
            self._put(data[at : at + left] if at or left < size else data)
            self._finish(clean=left == size)
        elif size:
            self._put(data[at:] if at else data)
            if left > 0:
                self._left = left - size

    def _put(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.waiting += len(piece)

    def _read_chunks(self, data: bytes, at: int) -> None:
        if self._rest:
            data = bytes(self._rest) + data[at:]
            at = 0
            self._rest.clear()
        size = len(data)
        while at < size:
            phase = self._phase
            if phase == _SIZE:
                at = self._read_size(data, at)
            elif phase == _DATA:
                at = self._read_data(data, at)
            elif phase == _DATA_END:
                at = self._read_data_end(data, at)
            elif phase == _TRAILER:
                at = self._read_trailer(data, at)
            else:  # something follows the response
                self.reusable = False
                return

    def _read_size(self, data: bytes, at: int) -> int:
        line = _CHUNK_LINE.match(data, at)
        if line is None:
            return self._keep(data, at, "a chunk's size is not well-formed")
        start = line.end()
        if start - at > MAX_LINE_BYTES:
            raise too_large("a chunk's size line is too long")
        length = int(line[1], 16)
        if not length:
            self._phase = _TRAILER
            return start
        stop = start + length
        if data[stop : stop + 2] == b"\r\n":  # the usual case: the whole chunk is here
            self._put(data[start:stop])
            return stop + 2
        self._left = length
        self._phase = _DATA
        return start

    def _read_data(self, data: bytes, at: int) -> int:
        piece = data[at : at + self._left]
        self._put(piece)
        self._left -= len(piece)
        if not self._left:
            self._phase = _DATA_END
        return at + len(piece)

    def _read_data_end(self, data: bytes, at: int) -> int:
        end = data[at : at + 2]
        if end == b"\r\n":
            self._phase = _SIZE
            return at + 2
        if end != b"\r":
            raise malformed("a chunk is longer than its size")
        self._rest += end
        return at + 1

    def _read_trailer(self, data: bytes, at: int) -> int:
        line = _TRAILER_LINE.match(data, at)
        if line is None:
            return self._keep(data, at, "a trailer is not well-formed")
        size = line.end() - at
        if size == 2:
            self._finish(clean=True)
            return at + 2
        self._spent += size
        if size > MAX_LINE_BYTES or self._spent > MAX_HEAD_BYTES:
            raise too_large("the trailers are too large")
        return at + size

    def _keep(self, data: bytes, at: int, fault: str) -> int:
        """Keep the beginning of a line until its end comes; there is none if it can no longer become well-formed."""
        if data.find(b"\n", at) >= 0:
            raise malformed(fault)
        if len(data) - at > MAX_LINE_BYTES:
            raise too_large("a line of the chunked framing is too long")
        self._rest += data[at:]
        return len(data)
