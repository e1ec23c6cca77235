"""A gateway over real HTTP with a fake upstream: for tests of the routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from gateway.app import Gateway
from gateway.settings.load import parse
from tests.fakes import FakeUpstream


def configuration(folder: Path, **given: Any) -> dict[str, Any]:
    """A valid configuration of two models; sections may be replaced."""
    plain: dict[str, Any] = {
        "server": {"port": 0, "drain_s": 2.0},
        "store": f"sqlite:///{folder}/gateway.db",
        "models": [
            {"id": "small", "model": "openai/small", "api_key": "k", "price": _price(0.15, 0.6)},
            {"id": "org/large", "model": "openai/large", "api_key": "k", "price": _price(2.5, 10.0)},
        ],
        "policies": {
            "default": {"models": ["small", "org/large"], "baseline": "org/large", "rollout": {"stage": "full"}}
        },
    }
    return plain | given


def _price(into: float, out: float) -> dict[str, float]:
    return {"input_usd_per_million": into, "output_usd_per_million": out}


class Client:
    """Requests to one gateway, and the fake upstream behind it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, gateway: Gateway, upstream: FakeUpstream) -> None:
        self._session = session
        self.url, self.gateway, self.upstream = url, gateway, upstream

    async def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON body (text where it is none) and headers. A body of bytes is sent as it is."""
        data = {"data": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        async with self._session.request(method, self.url + path, headers=headers, **data) as response:
            if response.content_type == "application/json":
                return response.status, await response.json(), response.headers
            return response.status, await response.text(), response.headers

    async def chat(self, headers: Mapping[str, str] | None = None, **body: Any) -> tuple[int, Any, Mapping[str, str]]:
        """A chat completion with a short prompt, any field replaced."""
        asked = {"model": "auto", "messages": [{"role": "user", "content": "What is 2 + 2?"}]} | body
        return await self.send("POST", "/v1/chat/completions", asked, headers)


@asynccontextmanager
async def serving(folder: Path, **given: Any) -> AsyncIterator[Client]:
    """A running gateway on a loopback port."""
    upstream = FakeUpstream()
    gateway = Gateway(parse("test.yaml", yaml.safe_dump(configuration(folder, **given)), {}), upstream=upstream, seed=1)
    port = await gateway.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(session, f"http://127.0.0.1:{port}", gateway, upstream)
    finally:
        await gateway.stop()
