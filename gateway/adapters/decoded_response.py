"""Reads the body of a response that came compressed, though `accept-encoding: identity` asked for none of it.

The request was served and perhaps paid for: refusing the answer would waste it, and sending it again would pay twice.
"""

from __future__ import annotations

import zlib
from typing import Final

from gateway.adapters.http_transport import Response, TransportError, gathered

MAX_PIECE: Final = 256 * 1024
"""Bytes that are decompressed at a time: a small piece may become a thousand times its size."""

_WINDOW: Final = 15
_GZIP: Final = 16 + _WINDOW
_ZLIB: Final = _WINDOW
_RAW: Final = -_WINDOW


def decoded(response: Response) -> Response:
    """The response, decompressed if need be; TransportError `encoding`, and closed, if nothing here can read it."""
    coding = (response.header("content-encoding") or "identity").strip().lower()
    if coding == "identity":
        return response
    if coding not in {"gzip", "x-gzip", "deflate"}:
        response.close()
        raise TransportError("encoding", "the response came in a coding that was not asked for", begun=True)
    return DecodedResponse(response, gzip=coding != "deflate")


class DecodedResponse:
    """A response whose body is gzip or deflate on its way; see http_transport.Response."""

    def __init__(self, response: Response, *, gzip: bool) -> None:
        self._response = response
        self._gzip = gzip
        self._decoder: zlib._Decompress | None = None
        """None between two members of a gzip body."""
        self._packed = b""
        """Came, and is not decompressed."""

    @property
    def status(self) -> int:
        """The final status."""
        return self._response.status

    def header(self, name: str) -> str | None:
        """A header's value; content-encoding and content-length are those of the body on its way."""
        return self._response.header(name)

    def limit(self, *, idle_s: float, until_s: float) -> None:
        """From now on these limits hold."""
        self._response.limit(idle_s=idle_s, until_s=until_s)

    async def chunk(self) -> bytes:
        """Bytes of the body, at least one and at most MAX_PIECE; b"" at its end."""
        while True:
            if not self._packed:
                self._packed = await self._response.chunk()
            if not self._packed:
                if self._decoder is not None:
                    raise _broken("the compressed body is not whole")
                return b""
            data = self._decode()
            if data:
                return data

    async def read(self, limit: int) -> bytes:
        """The rest of the body, of at most `limit` bytes once it is decompressed."""
        return await gathered(self, limit)

    def release(self) -> None:
        """Done with it, though its end may still be to come."""
        self._packed = b""
        self._response.release()

    def close(self) -> None:
        """Done with it."""
        self._packed = b""
        self._response.close()

    def _decode(self) -> bytes:
        """What the packed bytes hold, or a part of it."""
        packed = self._packed
        decoder = self._decoder or zlib.decompressobj(self._window(packed[0]))
        try:
            data = decoder.decompress(packed, MAX_PIECE)
        except zlib.error as error:
            self.close()
            raise _broken("the compressed body is not well-formed") from error
        self._packed = decoder.unconsumed_tail
        self._decoder = decoder
        if decoder.eof:
            self._packed = decoder.unused_data
            self._decoder = None
            if self._packed and not self._gzip:
                self.close()
                raise _broken("something follows the compressed body")
        return data

    def _window(self, first: int) -> int:
        if self._gzip:
            return _GZIP
        # `deflate` means zlib's format, but some servers send the bare one, which never begins like this.
        return _ZLIB if first & 0x0F == 8 else _RAW


def _broken(message: str) -> TransportError:
    return TransportError("malformed", message, begun=True)
