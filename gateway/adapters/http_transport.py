"""What the lanes need of an HTTP/1.1 client: a request out, a response back piece by piece, within limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

RELEASED_S: Final = 1.0
RELEASED_BYTES: Final = 16 * 1024
"""How long, and how much, the end of a released response may take."""

Limit = Literal["connect", "idle", "until"]
Fault = Literal["unreachable", "tls", "cut", "malformed", "too_large", "encoding"]
"""unreachable: no connection came about. tls: it was not to be trusted. cut: it broke before the response was whole.
malformed: what came is not HTTP/1.1. too_large: head or body beyond its cap. encoding: a content-encoding that nobody
asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one arm's requests go, prepared once: everything about them but the body."""

    scheme: Literal["http", "https"]
    host: str
    """A name or an address, IPv6 without brackets."""
    port: int
    target: str
    """Path and query, ASCII, as they stand in the request line."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Besides `host`, `content-length`, `connection` and `accept-encoding`, which are the transport's own."""


class TransportError(Exception):
    """No whole response. `begun`: some of it had arrived. The text names no address, no header and no body."""

    def __init__(self, fault: Fault, message: str, *, begun: bool = False) -> None:
        super().__init__(message)
        self.fault = fault
        self.begun = begun


class TransportTimeoutError(Exception):
    """A limit ran out: `connect`, the `idle` time between two pieces, or `until`, the caller's own moment."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(f"the {limit} limit ran out")
        self.limit = limit


class Response(Protocol):
    """A response whose head has arrived. Whoever holds it reads it to its end or closes it, always.

    Every read may raise TransportError or TransportTimeoutError; the connection is closed by then.
    """

    @property
    def status(self) -> int:
        """The final status: 1xx are skipped, redirects are not followed."""
        ...

    def header(self, name: str) -> str | None:
        """A header's value by its lower-case name, joined by ", " where it came more than once; None if absent."""
        ...

    def limit(self, *, idle_s: float, until_s: float) -> None:
        """From now on no piece may keep us waiting longer than `idle_s`, nor past `until_s` (the loop's time)."""
        ...

    async def chunk(self) -> bytes:
        """All bytes of the body that are here, at least one; b"" at its end, and ever after."""
        ...

    async def read(self, limit: int) -> bytes:
        """The rest of the body; TransportError `too_large` beyond `limit` bytes."""
        ...

    def release(self) -> None:
        """Done with it, though its end may still be to come: the answer said itself that it was whole.

        The connection may serve again if the end follows at once and little comes before it; else it is closed.
        """
        ...

    def close(self) -> None:
        """Done with it, safe at any time and twice: a connection whose response was not read whole is closed.

        A reader that still waits in another task is ended with TransportError `cut`.
        """
        ...


class Transport(Protocol):
    """A pool of connections to providers. It never follows a redirect and never sends a request twice knowingly."""

    async def send(self, endpoint: Endpoint, body: bytes, *, connect_s: float, until_s: float) -> Response:
        """POST the body; returns once the response's head is there, at `until_s` (the loop's time) at the latest.

        A pooled connection that the peer had closed, before a byte of the response, is replaced by a new one, once.
        A caller that is cancelled leaves nothing open.
        """
        ...

    async def close(self) -> None:
        """Close all connections, those in use as well."""
        ...


async def gathered(response: Response, limit: int) -> bytes:
    """A response's `read` for one that has only its pieces to offer."""
    pieces: list[bytes] = []
    left = limit
    while piece := await response.chunk():
        left -= len(piece)
        if left < 0:
            response.close()
            raise TransportError("too_large", "the response's body is too large", begun=True)
        pieces.append(piece)
    return b"".join(pieces)
