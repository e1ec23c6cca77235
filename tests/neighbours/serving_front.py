"""A look at the front of a gateway that is being served to a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from gateway.api.front import Front
from tests.serving import Client


def front_of(client: Client) -> Front:
    """The front, whose `connections` are those that it answers itself."""
    front = client.gateway._front
    assert front is not None
    return front


@asynccontextmanager
async def quiet() -> AsyncIterator[list[str]]:
    """The events logged meanwhile, instead of pages of tracebacks; and no task's or future's error goes unnoticed."""
    unnoticed: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unnoticed.append(repr(context)))
    events: list[str] = []
    with structlog.testing.capture_logs() as logs:
        yield events
        events.extend(str(entry["event"]) for entry in logs)
    assert not unnoticed


@asynccontextmanager
async def beside(client: Client) -> AsyncIterator[str]:
    """The address of a second door to the same gateway, with nothing in front of aiohttp's server."""
    runner = client.gateway._runner
    assert runner is not None
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(runner.server, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def until(true: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Wait until `true()`."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 # what is waited for sets no event
            await asyncio.sleep(0.005)
