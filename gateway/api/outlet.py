"""Where an answer is written: the verbs that every way to a client offers, and aiohttp's."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Literal, Protocol

from aiohttp import web

Phase = Literal["unbegun", "streaming", "over"]
"""Nothing has been sent; a stream has begun; all of the answer is written."""


class ClientGoneError(ConnectionError):
    """The client's connection is closed: there is nobody to tell."""


class Outlet(Protocol):
    """One answer's way to its client: either `whole`, or `begin`, any number of `write`, and `end`.

    Each raises ClientGoneError where the client is gone.
    """

    phase: Phase

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send an answer of JSON."""
        ...

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Start a streamed answer, status 200."""
        ...

    async def write(self, data: bytes) -> None:
        """Send what there is; waits while the client is slow."""
        ...

    async def end(self, data: bytes) -> None:
        """Send the last bytes and close the answer."""
        ...


class AiohttpOutlet:
    """An answer through aiohttp's server; `response` is what its handler returns."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.response = web.StreamResponse()
        self.phase: Phase = "unbegun"

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send an answer of JSON."""
        response = web.Response(
            body=body, status=status, headers=headers, content_type="application/json", charset="utf-8"
        )
        self.response, self.phase = response, "over"
        # Sent from here, so that scoring and learning come after the answer has left.
        await _sent(response.prepare(self._request))
        await _sent(response.write_eof())

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Start a streamed answer."""
        self.response, self.phase = web.StreamResponse(headers=headers), "streaming"
        await _sent(self.response.prepare(self._request))

    async def write(self, data: bytes) -> None:
        """Send what there is."""
        await _sent(self.response.write(data))

    async def end(self, data: bytes) -> None:
        """Send the last bytes and close the answer."""
        self.phase = "over"
        await _sent(self.response.write_eof(data))


async def _sent(writing: Awaitable[object]) -> None:
    try:
        await writing
    except ConnectionError as error:
        raise ClientGoneError from error
