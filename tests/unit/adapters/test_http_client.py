"""Which client carries a request, and that a proxy sees no more than it must."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.adapters.http_client import HttpTransport
from gateway.adapters.http_transport import Endpoint, Response, Transport, TransportError
from gateway.adapters.tls_context import client_tls
from tests.neighbours.certificates import server_context
from tests.neighbours.raw_server import Peer, RawServer, header, replies, whole

CANARY = ("authorization", "Bearer canary")


async def send(transport: Transport, endpoint: Endpoint, body: bytes = b"{}") -> Response:
    return await transport.send(endpoint, body, connect_s=9.0, until_s=asyncio.get_running_loop().time() + 9.0)


def endpoint(port: int, **changed: str) -> Endpoint:
    plain = Endpoint(scheme="http", host="127.0.0.1", port=port, target="/v1?a=b", headers=(CANARY,))
    return replace(plain, **changed)  # type: ignore[arg-type]


class Tunnel:
    """What a proxy does with CONNECT: it carries bytes without reading them."""

    def __init__(self, server: RawServer) -> None:
        self.server = server
        self.asked: list[bytes] = []
        self.carried = bytearray()

    async def __call__(self, peer: Peer) -> None:
        self.asked.append(await peer.reader.readuntil(b"\r\n\r\n"))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(self._carry(peer.reader, writer), self._carry(reader, peer.writer))
        finally:
            writer.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(2**16):
            self.carried += data
            target.write(data)
        target.close()


async def test_without_a_proxy_the_lean_client_is_used() -> None:
    """One connection carries all requests."""
    async with RawServer() as server:
        transport = HttpTransport(proxies={})
        for _ in range(3):
            response = await send(transport, endpoint(server.port))
            assert await response.read(9) == b"hello"
        await transport.close()
    assert len(server.peers) == 1


def test_aiohttp_is_imported_when_it_is_needed() -> None:
    """Most gateways never need its client."""
    program = "import sys, gateway.adapters.http_client; print('gateway.adapters.aiohttp_transport' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


async def test_a_proxy_is_asked_for_the_whole_address() -> None:
    """With its own password, which the origin's key is not."""
    async with RawServer(replies(whole(b"by proxy"))) as proxy:
        transport = HttpTransport(proxies={"http": f"http://user:pa%20ss@127.0.0.1:{proxy.port}"})
        response = await send(transport, endpoint(80, host="origin.invalid"))
        assert await response.read(9) == b"by proxy"
        await transport.close()
    (request,) = proxy.requests
    assert request.startswith(b"POST http://origin.invalid/v1?a=b HTTP/1.1\r\n")
    assert header(request, "host") == "origin.invalid"
    assert header(request, "authorization") == "Bearer canary"
    assert header(request, "proxy-authorization") == "Basic " + b64encode(b"user:pa ss").decode()


async def test_a_proxy_carries_what_it_cannot_read(tmp_path: Path) -> None:
    """Behind CONNECT the origin's own certificate is verified, and the key passes encrypted."""
    async with RawServer(tls=server_context(tmp_path)) as server, RawServer() as proxy:
        tunnel = proxy.greet = Tunnel(server)
        transport = HttpTransport(
            tls=client_tls(str(tmp_path / "authority.pem")),
            proxies={"https": f"http://user:pass@127.0.0.1:{proxy.port}"},
        )
        for _ in range(2):
            response = await send(transport, endpoint(server.port, scheme="https", host="localhost"))
            assert await response.read(9) == b"hello"
        with pytest.raises(TransportError) as caught:
            await send(transport, endpoint(server.port, scheme="https", host="elsewhere.invalid"))
        assert caught.value.fault == "tls"
        await transport.close()
    assert tunnel.asked[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % server.port)
    assert header(tunnel.asked[0], "proxy-authorization") == "Basic " + b64encode(b"user:pass").decode()
    assert b"canary" not in tunnel.carried
    assert b"proxy-authorization" not in server.requests[0].lower()


async def test_a_proxy_that_refuses_makes_an_origin_unreachable(tmp_path: Path) -> None:
    """As does one that is not there."""
    async with RawServer(tls=server_context(tmp_path)) as server, RawServer() as proxy:

        async def refuse(peer: Peer) -> None:
            await peer.reader.readuntil(b"\r\n\r\n")
            await peer.send(whole(b"log in", status=407))

        proxy.greet = refuse
        transport = HttpTransport(proxies={"https": f"http://127.0.0.1:{proxy.port}"})
        with pytest.raises(TransportError) as caught:
            await send(transport, endpoint(server.port, scheme="https", host="localhost"))
        assert (caught.value.fault, caught.value.begun) == ("unreachable", False)
        await transport.close()


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        ({}, None),
        ({"https": "http://proxy:3128"}, None),
        ({"http": "http://proxy:3128"}, "http://proxy:3128"),
        ({"http": "proxy:3128"}, "http://proxy:3128"),
        ({"http": "http://proxy:3128", "no": "*"}, None),
        ({"http": "http://proxy:3128", "no": "other.org, .example.org"}, None),
        ({"http": "http://proxy:3128", "no": "api.example.org:8000"}, None),
        ({"http": "http://proxy:3128", "no": "api.example.org:9000"}, "http://proxy:3128"),
        ({"http": "http://proxy:3128", "no": "ample.org"}, "http://proxy:3128"),
    ],
)
def test_the_environments_words_are_kept(proxies: Mapping[str, str], expected: str | None) -> None:
    """By scheme, but for the hosts of NO_PROXY and those below them."""
    transport = HttpTransport(proxies=proxies)
    for _ in range(2):
        assert transport.proxy(endpoint(8000, host="api.example.org")) == expected


async def test_a_proxy_of_another_kind_is_not_gone_round() -> None:
    """Who configures one does not want his key to travel without it."""
    transport = HttpTransport(proxies={"http": "socks5://canary@127.0.0.1:1"})
    with pytest.raises(TransportError, match="not an HTTP proxy") as caught:
        await send(transport, endpoint(80))
    assert caught.value.fault == "unreachable"
    await transport.close()
