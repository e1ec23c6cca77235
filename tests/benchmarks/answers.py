"""Answers as they arrive at the load: whether they are whole and right, and when their parts came."""

from __future__ import annotations

import re
import time

import orjson

from tests.benchmarks.http_bytes import content_length, dechunked
from tests.benchmarks.replies import ENDING, STAMP_DIGITS

_CONTENT = re.compile(rb'"content": ?"[^"]')
_FINISH = re.compile(rb'"finish_reason": ?"stop"')
_STAMP = re.compile(rb"@(\d{%d})@" % STAMP_DIGITS)
_ENDING = ENDING.encode()
_SHORTEST = 3600
"""Bytes that a whole reply has at least, whatever a gateway leaves out of the frame around its text."""
_EXCERPT = 400


class Answer:
    """One answer's bytes up to its end; `fault` says what was wrong with it, empty if nothing."""

    def __init__(self) -> None:
        self.fault = ""
        self.fresh = 0
        """Frames with text in the bytes fed last."""
        self._raw = bytearray()
        self._body_at = 0
        self._until: int | None = None
        self._closes = False

    def feed(self, data: bytes, sent_s: float) -> bool:
        """Take in bytes; whether the answer is whole now."""
        self._raw += data
        if not self._body_at and not self._read_head():
            return False
        self._arrived(sent_s)
        if self._until is not None:
            return len(self._raw) >= self._until and self._check(bytes(self._raw[self._body_at : self._until]))
        if self._closes or not self._raw.endswith(b"0\r\n\r\n"):
            return False
        found = self._dechunk()
        return found is not None and self._check(found)

    def end(self) -> None:
        """The connection has ended: the answer ends with it, or is cut."""
        if not (self._closes and self._body_at and self._check(bytes(self._raw[self._body_at :]))):
            self.fault = self.fault or "cut off"

    def excerpt(self) -> str:
        """Enough of it for a person to see what it is."""
        return bytes(self._raw[:_EXCERPT]).decode(errors="replace")

    def _read_head(self) -> bool:
        end = self._raw.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._raw[: end + 2]).lower()
        self._body_at = end + 4
        if not head.startswith(b"http/1.1 200"):
            self.fault = "status " + head[9:12].decode(errors="replace")
        length = content_length(head)
        if length is not None:
            self._until = self._body_at + length
        else:
            self._closes = b"\r\ntransfer-encoding: chunked" not in head
        return True

    def _dechunk(self) -> bytes | None:
        try:
            found = dechunked(self._raw, self._body_at)
        except ValueError:
            self.fault = "not chunked encoding"
            return b""
        return None if found is None else found[0]

    def _check(self, body: bytes) -> bool:
        self.fault = self.fault or self._wrong(body)
        return True

    def _arrived(self, sent_s: float) -> None:
        """Something of the body is there."""

    def _wrong(self, body: bytes) -> str:
        raise NotImplementedError


class WholeAnswer(Answer):
    """A chat completion in one piece."""

    def __init__(self, *, deeply: bool = False) -> None:
        """`deeply` parses the body; else its length, its last words and its usage have to do."""
        super().__init__()
        self._deeply = deeply

    def _wrong(self, body: bytes) -> str:
        if len(body) < _SHORTEST or _ENDING not in body or b'"usage"' not in body:
            return "short"
        return self._wrong_inside(body) if self._deeply else ""

    def _wrong_inside(self, body: bytes) -> str:
        try:
            parsed = orjson.loads(body)
            choice = parsed["choices"][0]
            right = choice["message"]["content"].endswith(ENDING) and choice["finish_reason"] == "stop"
            return "" if right and parsed["usage"]["total_tokens"] > 0 else "malformed"
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError):
            return "malformed"


class StreamAnswer(Answer):
    """An event stream: so many frames with text, a finish reason, [DONE]."""

    def __init__(self, expected: int) -> None:
        """`expected` frames have text."""
        super().__init__()
        self.expected = expected
        self.first_s = 0.0
        self.transit_s: list[float] = []
        self.stretch_s: list[float] = []
        self._read_to = 0
        self._stamps_to = 0

    def _arrived(self, sent_s: float) -> None:
        now_s, now_ns = time.perf_counter(), time.monotonic_ns()
        self.fresh = 0
        for found in _CONTENT.finditer(self._raw, self._read_to):
            self.fresh += 1
            self._read_to = found.end()
        if self.fresh and not self.first_s:
            self.first_s = now_s - sent_s
        for stamp in _STAMP.finditer(self._raw, self._stamps_to):
            transit_s = (now_ns - int(stamp[1])) / 1e9
            if self.transit_s:
                self.stretch_s.append(transit_s - self.transit_s[-1])
            self.transit_s.append(transit_s)
            self._stamps_to = stamp.end()

    def _wrong(self, body: bytes) -> str:
        count = len(_CONTENT.findall(body))
        finish = _FINISH.search(body)
        done = body.find(b"data: [DONE]")
        if count != self.expected:
            return f"{count} frames"
        if finish is None:
            return "no finish reason"
        if done < finish.end() or body[done + 12 :].strip():
            return "no [DONE] at the end"
        return ""
