"""What the contract of the upstream needs of a lane: a way to build it, and a provider behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import pytest

from gateway.core.values import Arm, Completion
from gateway.flows.ports import Call, Limits, Reply, ReplyStream, Upstream
from tests.neighbours.scripted_provider import Script, ScriptedProvider

T = TypeVar("T")
LIMITS = Limits(connect_s=5.0, first_token_s=20.0, idle_s=20.0, total_s=60.0)
MESSAGES = [{"role": "user", "content": "What is the answer?"}]
CANARY = "sk-canary-1234567890"
"""The key of every arm: it may be seen in the provider's Authorization header and nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """A stream that was read to its end."""

    blocks: list[bytes]
    completion: Completion

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The events' JSON."""
        return [parse(block) for block in self.blocks]

    @property
    def text(self) -> str:
        """All content of the first choice."""
        return "".join(delta.get("content") or "" for delta in self.deltas())

    def deltas(self, index: int = 0) -> list[dict[str, Any]]:
        """The deltas of one choice."""
        return [choice["delta"] for chunk in self.chunks for choice in chunk["choices"] if choice["index"] == index]


@dataclass(slots=True)
class Lane:
    """An upstream, the provider behind it, and the verbs that tests use."""

    provider: ScriptedProvider
    upstream: Upstream

    def script(self, **behaviour: Any) -> None:
        """What the provider does from now on, whichever arm is called."""
        self.provider.scripts["arm"] = Script(**behaviour)

    async def complete(self, limits: Limits = LIMITS, **fields: Any) -> Reply:
        """One whole answer to the standard request with these fields."""
        return await self.upstream.complete(request(limits, **fields))

    async def stream(self, limits: Limits = LIMITS, **fields: Any) -> Streamed:
        """One stream, read to its end."""
        stream = await self.upstream.open(request(limits, **fields))
        try:
            blocks = await rest(stream)
            return Streamed(blocks=blocks, completion=stream.completion())
        finally:
            await stream.aclose()

    async def either(self, *, streamed: bool, limits: Limits = LIMITS, **fields: Any) -> Completion:
        """What was read of an answer, streamed or whole."""
        if streamed:
            return (await self.stream(limits, **fields)).completion
        return (await self.complete(limits, **fields)).completion

    @property
    def hits(self) -> int:
        """Requests that reached the provider."""
        return len(self.provider.requests)

    @property
    def sent(self) -> Mapping[str, object]:
        """The body of the last request that reached the provider."""
        return self.provider.requests[-1].body


def request(limits: Limits = LIMITS, **fields: Any) -> Call:
    """A call of the arm `arm`; the client asked for `auto`."""
    body = {"model": "auto", "messages": MESSAGES, **fields}
    return Call(arm=Arm(id="arm", model="openai/arm"), body=body, limits=limits)


def spawn(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that the test itself awaits."""
    return asyncio.get_running_loop().create_task(coroutine)


def limits(**changed: float) -> Limits:
    """Generous limits but for these."""
    return replace(LIMITS, **changed)


async def rest(stream: ReplyStream) -> list[bytes]:
    """Every event block that is still to come, one by one."""
    return [block async for blocks in stream for block in events(blocks)]


def events(blocks: bytes) -> list[bytes]:
    """Event blocks that came together, one by one."""
    assert blocks.endswith(b"\n\n")
    return [block + b"\n\n" for block in blocks.removesuffix(b"\n\n").split(b"\n\n")]


def parse(block: bytes) -> dict[str, Any]:
    """The JSON of one event block, which must be exactly one."""
    assert block.startswith(b"data: ")
    assert block.endswith(b"\n\n")
    assert block.count(b"\n") == 2
    chunk: dict[str, Any] = json.loads(block.removeprefix(b"data: "))
    return chunk


class UpstreamFixtures:
    """A lane whose only arm is called `arm`; after each test it must let go of every connection."""

    resends: ClassVar[int] = 0
    """How often a request may go out again because a pooled connection died without an answer."""

    async def build(self, api_base: str) -> Upstream:
        """An upstream, ready to be called, whose arm `arm` is the model `arm` at this base, with the canary key."""
        raise NotImplementedError

    @pytest.fixture
    async def provider(self) -> AsyncIterator[ScriptedProvider]:
        async with ScriptedProvider() as provider:
            yield provider

    @pytest.fixture
    async def lane(self, provider: ScriptedProvider) -> AsyncIterator[Lane]:
        upstream = await self.build(provider.url)
        yield Lane(provider, upstream)
        assert await provider.idle(), "a request is still open after the test"
        await upstream.close()
        assert await provider.deserted(), "connections are open after close()"
