"""A stream of the transform lane over a reader that stands for litellm's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.adapters.http_transport import TransportTimeoutError
from gateway.adapters.litellm_transform_client import Exchange
from gateway.adapters.litellm_transform_stream import TransformStream
from gateway.adapters.litellm_transform_text import anthropic_piece
from gateway.core.values import Price
from gateway.errors import UpstreamTimeoutError
from tests.unit.adapters.test_litellm_transform_client import CALL, LIMITS, Fake


class Chunk:
    """What a reader makes of a line; as litellm's, it can be dumped."""

    def __init__(self, line: str) -> None:
        self.choices = [{"index": 0, "delta": {"content": line}, "finish_reason": "stop" if "end" in line else None}]

    def model_dump(self, **_: object) -> dict[str, Any]:
        return {"choices": self.choices}


class Reader:
    """Yields a chunk for each line, and nothing for an empty one."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> Chunk | None:
        line = await anext(self._lines)
        return Chunk(line) if line else None


class Wrapper:
    received_finish_reason = None

    def __init__(self, reader: Reader) -> None:
        self.completion_stream = reader


async def opened(fake: Fake, price: Price | None = None) -> tuple[TransformStream, Exchange]:
    now = asyncio.get_running_loop().time()
    source = fake.client(until_s=now + LIMITS.first_token_s, name="first_token_s", piece=anthropic_piece)
    answer: Any = await source.post("http://h/", json={}, stream=True)
    wrapper = Wrapper(Reader(answer.aiter_lines()))
    stream = TransformStream(CALL, wrapper, source, started_s=now, deadline_s=now + LIMITS.total_s, price=price)
    await stream.start()
    return stream, source


SAID = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}\n\n'


async def test_events_come_in_order() -> None:
    """Those that litellm reads, and those that are read beside it, each as soon as it is there."""
    fake = Fake([b"data: a\n\n", SAID % b"b" + SAID % b"c", b"data: end\n\n"])
    stream, _ = await opened(fake, Price(input_usd=0.0, output_usd=1.0))
    blocks = [block async for block in stream]
    texts = ["data: a", "b", "c", "data: end"]
    assert [text.encode() in block for text, block in zip(texts, blocks, strict=False)] == [True] * 4
    completion = stream.completion()
    assert (completion.text, completion.finish_reason) == ("data: abcdata: end", "stop")
    assert completion.cost_usd == completion.tokens_out
    assert fake.closed


async def test_the_limits_change_with_the_first_event() -> None:
    """Until then that of the first token, from then on those of a flowing stream, told once and not for each event."""
    fake = Fake([b"data: a\n\n", *(SAID % b"b" for _ in range(9)), TransportTimeoutError("idle")])
    stream, _ = await opened(fake)
    assert len(fake.limits) == 1
    with pytest.raises(UpstreamTimeoutError, match="idle_s"):
        [block async for block in stream]
    assert [idle_s for idle_s, _ in fake.limits[1:]] == [LIMITS.idle_s]
    assert stream.completion().text == "data: a" + "b" * 9


async def test_closing() -> None:
    """Lets the connection go, at any time and twice."""
    fake = Fake([b"data: a\n\n", b"data: b\n\n"])
    stream, _ = await opened(fake)
    await stream.aclose()
    await stream.aclose()
    assert fake.closed
