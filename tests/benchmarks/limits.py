"""The limits of Python on this machine: what forwarding costs when nothing at all is done with the request.

`python -m tests.benchmarks.limits bytes --port 8081 --upstream 127.0.0.1:9000`; instead of bytes also `aiohttp`.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import cast

import aiohttp
import uvloop
from aiohttp import web


class Relay(asyncio.Protocol):
    """One half of a connection whose bytes go to the other half as they come."""

    def __init__(self, other: Relay | None = None) -> None:
        self.other = other
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send on what came before."""
        self.transport = cast("asyncio.Transport", transport)
        for data in self._early:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        """To the other half."""
        if self.other is not None:
            self.other.pass_on(data)

    def pass_on(self, data: bytes) -> None:
        """Write, or keep it for when there is a connection."""
        if self.transport is None:
            self._early.append(data)
        else:
            self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Both halves end together."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class Front(Relay):
    """The client's half, which opens the provider's."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._address = (host, port)
        self._opening: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open the other half."""
        super().connection_made(transport)
        back = self.other = Relay(self)
        loop = asyncio.get_running_loop()
        self._opening = loop.create_task(loop.create_connection(lambda: back, *self._address))


async def relay_bytes(port: int, host: str, upstream: int) -> None:
    """Bytes through, unread: a protocol on both sides."""
    server = await asyncio.get_running_loop().create_server(lambda: Front(host, upstream), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def relay_aiohttp(port: int, host: str, upstream: int) -> None:
    """A handler in aiohttp's server that calls aiohttp's client, streaming what comes."""
    url = f"http://{host}:{upstream}/v1/chat/completions"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            headers = {"Content-Type": "application/json"}
            async with session.post(url, data=await request.read(), headers=headers) as given:
                if given.content_length is not None:
                    return web.Response(body=await given.read(), content_type=given.content_type)
                response = web.StreamResponse(headers={"Content-Type": given.headers["Content-Type"]})
                await response.prepare(request)
                async for part in given.content.iter_any():
                    await response.write(part)
                await response.write_eof()
                return response

        app = web.Application()
        app.router.add_post("/v1/chat/completions", forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


def main() -> None:
    """Run one from the command line."""
    parser = argparse.ArgumentParser(description="The least that a proxy in Python can do.")
    parser.add_argument("kind", choices=["bytes", "aiohttp"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="HOST:PORT")
    given = parser.parse_args()
    host, _, port = given.upstream.rpartition(":")
    relay = relay_bytes if given.kind == "bytes" else relay_aiohttp
    uvloop.run(relay(given.port, host, int(port)))


if __name__ == "__main__":
    main()
