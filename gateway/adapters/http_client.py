"""The lanes' HTTP client: the lean one, and aiohttp's for origins that the environment sends through a proxy."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final
from urllib.request import getproxies, proxy_bypass_environment  # type: ignore[attr-defined] # it is there

from gateway.adapters.asyncio_transport import AsyncioTransport
from gateway.adapters.http_transport import Endpoint, Response, Transport, TransportError

_PROXY_SCHEMES: Final = ("http://", "https://")


class HttpTransport:
    """A transport that knows the environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as they are when it is made.

    `proxies` replaces them: URLs by scheme, and under `no` the hosts that are reached directly.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, proxies: Mapping[str, str] | None = None) -> None:
        self._tls = tls
        self._proxies = dict(getproxies() if proxies is None else proxies)
        self._lean = AsyncioTransport(tls=tls)
        self._proxied: Transport | None = None
        self._direct: dict[tuple[str, str, int], bool] = {}
        """By origin."""

    async def send(self, endpoint: Endpoint, body: bytes, *, connect_s: float, until_s: float) -> Response:
        """POST the body over the origin's own client."""
        if not self._proxies or self.proxy(endpoint) is None:
            return await self._lean.send(endpoint, body, connect_s=connect_s, until_s=until_s)
        if self._proxied is None:
            from gateway.adapters.aiohttp_transport import AiohttpTransport

            self._proxied = AiohttpTransport(tls=self._tls, proxy=self.proxy)
        return await self._proxied.send(endpoint, body, connect_s=connect_s, until_s=until_s)

    async def close(self) -> None:
        """Close all connections, those in use as well."""
        await self._lean.close()
        if self._proxied is not None:
            await self._proxied.close()

    def proxy(self, endpoint: Endpoint) -> str | None:
        """The URL of the proxy through which this endpoint is reached; None if it is reached directly.

        TransportError `unreachable` where the proxy is not an HTTP one.
        """
        url = self._proxies.get(endpoint.scheme)
        if url is None:
            return None
        origin = (endpoint.scheme, endpoint.host, endpoint.port)
        direct = self._direct.get(origin)
        if direct is None:
            direct = bool(proxy_bypass_environment(f"{endpoint.host}:{endpoint.port}", self._proxies))
            self._direct[origin] = direct
        if direct:
            return None
        if "://" not in url:
            url = f"http://{url}"
        if not url.startswith(_PROXY_SCHEMES):
            raise TransportError("unreachable", "the configured proxy is not an HTTP proxy")
        return url
