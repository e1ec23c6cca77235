"""Bodies that came compressed are read whole, in bounded pieces, or refused."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.decoded_response import MAX_PIECE, decoded
from gateway.adapters.http_transport import Response, TransportError


class FakeResponse:
    """A response whose body comes in these pieces."""

    status = 200

    def __init__(self, coding: str | None, *pieces: bytes) -> None:
        self._coding = coding
        self._pieces = [piece for piece in pieces if piece]
        self.limits: tuple[float, float] | None = None
        self.closed = self.released = False

    def header(self, name: str) -> str | None:
        return self._coding if name == "content-encoding" else None

    def limit(self, *, idle_s: float, until_s: float) -> None:
        self.limits = (idle_s, until_s)

    async def chunk(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def read(self, limit: int) -> bytes:
        raise NotImplementedError

    def release(self) -> None:
        self.released = True

    def close(self) -> None:
        self.closed = True


def raw_deflate(body: bytes) -> bytes:
    """The format without a header that some servers mean by `deflate`."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    " GZIP": gzip.compress,
    "deflate": zlib.compress,
}


async def whole(response: Response) -> bytes:
    return await response.read(2**24)


@pytest.mark.parametrize("coding", [None, "identity", "Identity"])
async def test_what_is_not_compressed_is_left_alone(coding: str | None) -> None:
    """It is the very same response."""
    response = FakeResponse(coding)
    assert decoded(response) is response


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "identity, br"])
async def test_what_cannot_be_read_is_refused_and_closed(coding: str) -> None:
    """By its head."""
    response = FakeResponse(coding)
    with pytest.raises(TransportError) as caught:
        decoded(response)
    assert (caught.value.fault, caught.value.begun, response.closed) == ("encoding", True, True)


@given(st.binary(max_size=300), st.sampled_from([*PACKERS]), st.integers(1, 40), st.booleans())
async def test_a_body_is_the_same_however_it_is_cut(body: bytes, coding: str, size: int, twice: bool) -> None:
    """In one member or two, as gzip allows."""
    pack = PACKERS[coding]
    data = pack(body) + (pack(body) if twice and pack is gzip.compress else b"")
    response = decoded(FakeResponse(coding, *(data[at : at + size] for at in range(0, len(data), size))))
    assert await whole(response) == body * (2 if twice and pack is gzip.compress else 1)
    assert await response.chunk() == b""


async def test_deflate_without_its_header_is_read() -> None:
    """Some servers leave it out."""
    assert await whole(decoded(FakeResponse("deflate", raw_deflate(b"hello" * 9)))) == b"hello" * 9


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_no_body_is_an_empty_body(coding: str) -> None:
    """A 204 may keep the header."""
    assert await whole(decoded(FakeResponse(coding))) == b""


async def test_a_small_piece_that_holds_much_comes_in_bounded_pieces() -> None:
    """Fifty megabytes in fifty kilobytes never are in memory at once, and the cap holds for what they become."""
    bomb = gzip.compress(bytes(50_000_000))
    response = decoded(FakeResponse("gzip", bomb))
    assert max([len(await response.chunk()) for _ in range(20)]) <= MAX_PIECE
    source = FakeResponse("gzip", bomb)
    with pytest.raises(TransportError) as caught:
        await decoded(source).read(1_000_000)
    assert (caught.value.fault, source.closed) == ("too_large", True)


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(b"hello")[:-1]),
        ("gzip", gzip.compress(b"hello")[:5]),
        ("gzip", b"hello"),
        ("gzip", gzip.compress(b"hello") + b"\0"),
        ("deflate", zlib.compress(b"hello") + b"x"),
        ("deflate", zlib.compress(b"hello")[:-1]),
        ("gzip", gzip.compress(b"hello")[:-8] + bytes(8)),
    ],
)
async def test_a_broken_body_is_refused(coding: str, data: bytes) -> None:
    """Cut, of another kind, followed by something, or with a wrong sum."""
    with pytest.raises(TransportError) as caught:
        await whole(decoded(FakeResponse(coding, data)))
    assert (caught.value.fault, caught.value.begun) == ("malformed", True)


async def test_everything_else_is_the_responses_own() -> None:
    """Status, headers, limits and the end."""
    source = FakeResponse("gzip")
    response = decoded(source)
    response.limit(idle_s=1.0, until_s=2.0)
    response.close()
    assert (response.status, response.header("content-encoding"), response.header("x")) == (200, "gzip", None)
    assert (source.limits, source.closed) == ((1.0, 2.0), True)


async def test_releasing_passes_on() -> None:
    """The connection below may be used again."""
    below = FakeResponse("gzip", gzip.compress(b"x"))
    decoded(below).release()
    assert (below.released, below.closed) == (True, False)
