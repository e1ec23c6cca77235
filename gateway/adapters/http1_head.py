"""The heads of HTTP/1.1 messages as bytes: a request's is written, a response's is read, strictly and lazily.

Read: RFC 9112 without its tolerances. Lines end with CR LF, never with a bare LF; folded lines, control characters and
blanks before a colon are refused; so is every message whose length two readers could understand in two ways.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.adapters.http_transport import Endpoint, TransportError

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 256
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

_OWN = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})
TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
TEXT: Final = rb"[\t -~\x80-\xff]*+"
_NAME = re.compile(TOKEN.decode("ascii"))
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_TARGET = re.compile(r"/[!-~]*")
_HOST = re.compile(r"[!-.0-~]+")
_HEAD = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: " + TEXT + rb")?(?:\r\n" + TOKEN + rb":" + TEXT + rb")*+")
_LENGTH = re.compile(rb"[0-9]{1,18}")


class ResponseHead:
    """The head of a final response: its status line and headers, without the empty line that ends them.

    TransportError `malformed` or `too_large` if it is not one.
    """

    __slots__ = ("_lower", "_raw", "keep_alive", "length", "status")

    def __init__(self, raw: bytes) -> None:
        parts = _HEAD.fullmatch(raw)
        if parts is None:
            raise malformed("the response's head is not well-formed")
        if len(raw) > MAX_HEAD_BYTES or raw.count(b"\n") > MAX_HEADERS:
            raise too_large("the response's head is too large")
        self._raw = raw
        self._lower = raw.lower()
        self.status = int(parts[2])
        """100 to 999."""
        modern = parts[1] == b"1"
        self.length = self._framing(modern)
        """Bytes of the body, or CHUNKED, or UNTIL_CLOSE."""
        self.keep_alive = modern and self.length != UNTIL_CLOSE and not self._closes()
        """Whether another request may follow. HTTP/1.0's own keep-alive is not used."""

    def header(self, name: str) -> str | None:
        """A header's value by its lower-case name, joined by ", " where it came more than once; None if absent."""
        values = self._values(b"\r\n" + name.encode("latin-1") + b":")
        return b", ".join(values).decode("latin-1") if values else None

    def _values(self, needle: bytes) -> list[bytes]:
        """The values, stripped, of the header whose line begins like this."""
        found: list[bytes] = []
        at = self._lower.find(needle)
        while at >= 0:
            start = at + len(needle)
            at = self._lower.find(b"\r", start)
            found.append(self._raw[start : at if at >= 0 else None].strip(b" \t"))
            at = self._lower.find(needle, start) if at >= 0 else -1
        return found

    def _framing(self, modern: bool) -> int:
        lengths = self._values(b"\r\ncontent-length:")
        if self._lower.find(b"\r\ntransfer-encoding:") >= 0:
            if lengths or not modern or (self.header("transfer-encoding") or "").lower() != "chunked":
                raise malformed("the transfer-encoding leaves the body's length in doubt")
            length = CHUNKED
        elif lengths:
            length = _agreed(lengths)
        else:
            length = UNTIL_CLOSE
        if self.status in {204, 304} or self.status < 200:
            return 0
        return length

    def _closes(self) -> bool:
        if self._lower.find(b"\r\nconnection:") < 0:
            return False
        tokens = (self.header("connection") or "").lower().split(",")
        return any(token.strip(" \t") == "close" for token in tokens)


def request_head(endpoint: Endpoint) -> bytes:
    """A POST request's head up to the value of its last header, `content-length`; ValueError if it cannot be sent."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    if endpoint.port != {"http": 80, "https": 443}[endpoint.scheme]:
        host = f"{host}:{endpoint.port}"
    for name, value in endpoint.headers:
        if name.lower() in _OWN:
            raise ValueError(f"the header {name!r} is the transport's own")
        # The value is left out: it may be a key.
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} holds characters that no header may hold")
    if not _TARGET.fullmatch(endpoint.target) or not _HOST.fullmatch(endpoint.host):
        raise ValueError("an endpoint's host or target holds characters that none may hold")
    lines = [("host", host), *endpoint.headers, ("accept-encoding", "identity")]
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"POST {endpoint.target} HTTP/1.1\r\n{text}content-length: ".encode("latin-1")


def malformed(message: str) -> TransportError:
    """What came is not HTTP/1.1."""
    return TransportError("malformed", message, begun=True)


def too_large(message: str) -> TransportError:
    """What came is beyond its cap."""
    return TransportError("too_large", message, begun=True)


def _agreed(lengths: list[bytes]) -> int:
    """The one number that all the values of content-length name."""
    if len(lengths) > 1 or b"," in lengths[0]:
        lengths = [part.strip(b" \t") for value in lengths for part in value.split(b",")]
        if len(set(lengths)) != 1:
            raise malformed("the content-lengths differ")
    if _LENGTH.fullmatch(lengths[0]) is None:
        raise malformed("the content-length is no number")
    return int(lengths[0])
