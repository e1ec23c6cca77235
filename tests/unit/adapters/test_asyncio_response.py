"""How a response is read: who waits for what, and when it is told."""

from __future__ import annotations

import asyncio

import pytest

from gateway.adapters.asyncio_response import AsyncioResponse
from gateway.adapters.http_transport import TransportError

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"


class FakeCarrier:
    """A connection that remembers what it was told."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self.resumed = 0
        self.ended = 0

    def arm(self, moment_s: float) -> None:
        self.moments.append(moment_s)

    def resume(self) -> None:
        self.resumed += 1

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def carrier() -> FakeCarrier:
    return FakeCarrier()


@pytest.fixture
async def response(carrier: FakeCarrier) -> AsyncioResponse:
    return AsyncioResponse(carrier, asyncio.get_running_loop(), 1e9)


def arrive(response: AsyncioResponse, data: bytes) -> None:
    """As the connection does it."""
    response.parser.feed(data)
    if response.parser.complete:
        response.connection = None
    response.progress()


async def test_a_response_that_is_here_is_read_without_waiting(response: AsyncioResponse, carrier: FakeCarrier) -> None:
    """A waiter is woken once for all of it: head and body cost no second suspension."""
    arrive(response, HEAD + b"0123456789")
    for step in (response.head(), response.read(10)):
        with pytest.raises(StopIteration):
            step.send(None)
    assert carrier.moments == []


async def test_a_reader_of_all_is_woken_at_the_end(response: AsyncioResponse) -> None:
    """Not at each piece."""
    arrive(response, HEAD)
    task = asyncio.get_running_loop().create_task(response.read(10))
    await asyncio.sleep(0)
    waiter = response._waiter
    for piece in (b"01", b"23", b"45", b"67"):
        arrive(response, piece)
        await asyncio.sleep(0)
        assert response._waiter is waiter
    arrive(response, b"89")
    assert await task == b"0123456789"


async def test_a_length_beyond_the_cap_is_refused_at_once(response: AsyncioResponse, carrier: FakeCarrier) -> None:
    """The head says it; the body is not waited for."""
    arrive(response, HEAD + b"0")
    with pytest.raises(TransportError) as caught:
        await response.read(9)
    assert caught.value.fault == "too_large"
    assert carrier.ended == 1


async def test_what_came_is_delivered_before_the_error(response: AsyncioResponse) -> None:
    """Then the error, ever after."""
    arrive(response, HEAD + b"01")
    response.fail(TransportError("cut", "it broke", begun=True))
    assert await response.chunk() == b"01"
    for _ in range(2):
        with pytest.raises(TransportError, match="it broke"):
            await response.chunk()


async def test_the_limits_are_told_to_the_connection(response: AsyncioResponse, carrier: FakeCarrier) -> None:
    """The earlier of the two, whenever they change and whenever somebody waits."""
    now_s = asyncio.get_running_loop().time()
    response.limit(idle_s=5.0, until_s=now_s + 3.0)
    response.limit(idle_s=5.0, until_s=now_s + 30.0)
    assert carrier.moments[0] == now_s + 3.0
    assert now_s + 5.0 <= carrier.moments[1] < now_s + 30.0


async def test_two_readers_are_a_mistake(response: AsyncioResponse) -> None:
    """Neither would know which bytes are its own."""
    arrive(response, HEAD)
    task = asyncio.get_running_loop().create_task(response.chunk())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="two readers"):
        await response.chunk()
    arrive(response, b"0")
    assert await task == b"0"


async def test_closed_it_is_closed(response: AsyncioResponse, carrier: FakeCarrier) -> None:
    """Its connection is ended once, and a reader is told."""
    arrive(response, HEAD)
    response.close()
    response.close()
    with pytest.raises(TransportError) as caught:
        await response.chunk()
    assert (caught.value.fault, carrier.ended) == ("cut", 1)
