"""The stream over wrappers of every kind that litellm hands out; real ones are read in the contract."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from gateway.adapters.litellm_stream import LitellmStream, limited, provider_chunks, translated
from gateway.core.values import Arm, Price
from gateway.errors import UpstreamCutError, UpstreamError, UpstreamInvalidError, UpstreamTimeoutError
from gateway.flows.ports import Call, Limits

LIMITS = Limits(connect_s=1.0, first_token_s=5.0, idle_s=5.0, total_s=5.0)
CALL = Call(arm=Arm(id="arm", model="m"), body={"messages": [{"role": "user", "content": "x"}]}, limits=LIMITS)


class Chunk:
    """What OpenAI's SDK and litellm read a chunk into."""

    def __init__(self, content: str | None = None, finish: str | None = None, **more: Any) -> None:
        self.choices = [{"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}]
        self.more = more

    def model_dump(self, *, exclude_unset: bool, warnings: bool) -> dict[str, Any]:
        return {"id": "c", "created": 1, "choices": self.choices, **self.more}


def generic(text: str = "", *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """litellm's minimal chunk."""
    return {"text": text, "is_finished": finish is not None, "finish_reason": finish or "", "usage": None, **more}


class Wrapper:
    """litellm's CustomStreamWrapper, as far as the lane reads it."""

    received_finish_reason: str | None = None
    intermittent_finish_reason: str | None = None

    def __init__(self, source: object) -> None:
        self.completion_stream = source
        self.closed = 0

    async def fetch_stream(self) -> object:
        return items(Chunk("late"), Chunk(finish="stop"))

    def chunk_creator(self, chunk: object) -> Chunk | None:
        if chunk == "END":
            self.received_finish_reason = "stop"
            return None
        return Chunk(str(chunk))

    async def aclose(self) -> None:
        self.closed += 1


class SyncWrapper(Wrapper):
    """A wrapper whose provider has no asynchronous client: it iterates by itself, and invents an end."""

    def __init__(self, *chunks: Chunk, cut: bool) -> None:
        super().__init__(iter(()))
        self.received_finish_reason = None if cut else "stop"
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        for chunk in self._chunks:
            yield chunk


async def items(*raw: object) -> AsyncIterator[object]:
    """An asynchronous source; an exception among the items is raised there."""
    for item in raw:
        await asyncio.sleep(0)
        if isinstance(item, BaseException):
            raise item
        yield item


async def read(wrapper: Wrapper, call: Call = CALL, price: Price | None = None) -> tuple[list[bytes], LitellmStream]:
    now = asyncio.get_running_loop().time()
    stream = LitellmStream(call, wrapper, started_s=now, deadline_s=now + call.limits.total_s, price=price)
    await stream.start()
    return [block async for block in stream], stream


@pytest.mark.parametrize(
    "source",
    [
        lambda: items(Chunk("a"), Chunk("b"), Chunk(finish="stop")),
        lambda: items(generic("a"), None, generic("b"), generic(finish="end_turn")),
        lambda: items("a", "b", "END"),
        lambda: items(Chunk("a"), Chunk("b", finish="stop"), generic(finish="stop")),
    ],
    ids=["chunks", "generic", "raw text", "bare [DONE]"],
)
async def test_sources_of_every_kind(source: Callable[[], object]) -> None:
    """OpenAI's chunks, litellm's minimal ones, and what only its wrapper can read."""
    wrapper = Wrapper(source())
    blocks, stream = await read(wrapper)
    assert (stream.completion().text, stream.completion().finish_reason) == ("ab", "stop")
    assert b'"stop"' in blocks[-1]
    assert wrapper.closed == 1


async def test_a_source_that_is_not_there_yet() -> None:
    """Some providers' requests are sent when the stream is first read."""
    _, stream = await read(Wrapper(None))
    assert stream.completion().text == "late"


@pytest.mark.parametrize("cut", [False, True])
async def test_a_source_that_is_not_asynchronous(cut: bool) -> None:
    """litellm's wrapper is iterated, and the end that it invents is not believed."""
    wrapper = SyncWrapper(Chunk("a"), Chunk(finish="stop"), cut=cut)
    if cut:
        with pytest.raises(UpstreamCutError):
            await read(wrapper)
    else:
        assert (await read(wrapper))[1].completion().text == "a"


@pytest.mark.parametrize(
    "source",
    [
        lambda: items(Chunk("a")),
        lambda: items(generic("a"), generic()),
        lambda: items(Chunk("a"), generic(finish="stop")),
        lambda: items(Chunk("a"), ConnectionResetError()),
    ],
    ids=["no finish", "no generic finish", "[DONE] without finish", "reset"],
)
async def test_a_cut_is_an_error(source: Callable[[], object]) -> None:
    """Whatever the source does at its end."""
    wrapper = Wrapper(source())
    with pytest.raises(UpstreamCutError) as caught:
        await read(wrapper)
    assert caught.value.infrastructure
    assert wrapper.closed == 1


@pytest.mark.parametrize(
    "source",
    [items, lambda: items(generic(finish="stop")), lambda: items(Chunk("a"), Chunk(finish="error"))],
    ids=["nothing", "only [DONE]", "error"],
)
async def test_what_never_became_an_answer_is_the_models_failure(source: Callable[[], object]) -> None:
    """Nothing had begun, or the provider itself says that the answer failed: no connection is to blame."""
    with pytest.raises(UpstreamInvalidError):
        await read(Wrapper(source()))


async def test_a_reset_before_anything_came_is_no_cut() -> None:
    """There is no answer to judge: the provider was not reached."""
    with pytest.raises(UpstreamError) as caught:
        await read(Wrapper(items(ConnectionResetError())))
    assert (caught.value.code, caught.value.infrastructure) == ("upstream_unreachable", True)


async def test_a_reset_after_the_end_is_an_end() -> None:
    """Only usage is missing then."""
    _, stream = await read(Wrapper(items(Chunk("a"), Chunk(finish="stop"), ConnectionResetError())))
    assert stream.completion().usage_estimated


async def test_a_generic_tool_call_and_usage() -> None:
    """They are read like everybody's."""
    tool = {"id": "t", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    end = generic(finish="tool_use", index=0)
    _, stream = await read(Wrapper(items(generic(tool_use=tool), {**end, "usage": usage})))
    done = stream.completion()
    assert [(call.id, call.name, call.arguments) for call in done.tool_calls] == [("t", "f", "{}")]
    assert (done.finish_reason, done.tokens_in, done.tokens_out) == ("tool_calls", 3, 2)


async def test_the_price_is_applied() -> None:
    """Only at the given price; without one the flow computes the cost."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

    def source() -> Wrapper:
        return Wrapper(items(Chunk("a"), Chunk(finish="stop", usage=usage)))

    assert (await read(source()))[1].completion().cost_usd is None
    assert (await read(source(), price=Price(input_usd=1, output_usd=10)))[1].completion().cost_usd == 23


async def test_the_door() -> None:
    """Foreign errors leave translated, ours unchanged, and a cancellation is none."""
    ours = UpstreamInvalidError("x", arm_id="arm")
    with pytest.raises(UpstreamInvalidError) as kept, translated(CALL):
        raise ours
    assert kept.value is ours
    with pytest.raises(UpstreamError, match="arm"), translated(CALL):
        raise KeyError("choices")
    with pytest.raises(asyncio.CancelledError), translated(CALL):
        raise asyncio.CancelledError


async def test_the_nearer_limit_is_named() -> None:
    """And a TimeoutError from inside is not taken for ours."""
    now = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamTimeoutError, match=r"0\.01 s \(idle_s\)"):
        async with limited(CALL, "idle_s", 0.01, now + 5):
            await asyncio.sleep(5)
    with pytest.raises(UpstreamTimeoutError, match=r"5 s \(total_s\)"):
        async with limited(CALL, "idle_s", 5, now):
            await asyncio.sleep(5)
    with pytest.raises(TimeoutError):
        async with limited(CALL, "idle_s", 5, now + 5):
            raise TimeoutError


async def test_a_wrapper_without_close() -> None:
    """A bare stream in place of a wrapper is let go as well."""

    class Bare:
        def __init__(self) -> None:
            self.completion_stream = items(Chunk("a"), Chunk(finish="stop"))
            self.received_finish_reason = None

    now = asyncio.get_running_loop().time()
    stream = LitellmStream(CALL, Bare(), started_s=now, deadline_s=now + 5)
    await stream.start()
    await stream.aclose()
    await stream.aclose()


class Marked(Chunk):
    """A chunk of litellm's own class, which names every field that it knows."""

    def __init__(self, content: str = "", *, role: str | None = None, finish: str | None = None) -> None:
        super().__init__()
        delta = {"content": content, "role": role, "tool_calls": None}
        self.choices = [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
        self.more = {"vertex_ai_safety_ratings": [], "system_fingerprint": None}


Marked.__module__ = "litellm.types.utils"


async def test_empty_fields_and_marks_are_not_sent() -> None:
    """Of litellm's own chunks: not what they leave empty, and none that says nothing, once the answer has begun."""
    source = items(Marked(), Marked(), Marked("a"), Marked(role="assistant"), Marked(), Marked(finish="stop"), Marked())
    blocks, stream = await read(Wrapper(source))
    chunks = [json.loads(block.removeprefix(b"data: ")) for block in blocks]
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"content": "", "role": "assistant"}, {"content": "a"}, {"content": "", "role": "assistant"}, {"content": ""},
    ]  # fmt: skip
    assert all(chunk.keys() == {"id", "created", "object", "model", "choices"} for chunk in chunks)
    assert stream.completion().finish_reason == "stop"


async def test_chunks_read_aside_keep_their_place() -> None:
    """What was read without litellm comes before what litellm makes of the next event."""
    aside: deque[Mapping[str, object]] = deque()

    async def source() -> AsyncIterator[object]:
        yield Chunk("a")
        aside.extend([{"choices": ["b"]}, {"choices": ["c"]}])
        yield None
        yield Chunk("d")

    chunks: list[Any] = [chunk["choices"] async for chunk in provider_chunks(Wrapper(source()), aside)]
    assert [choices[0] for choices in chunks[1:3]] == ["b", "c"]
    assert [choices[0]["delta"]["content"] for choices in (chunks[0], chunks[3])] == ["a", "d"]


async def test_who_knows_better_explains() -> None:
    """The lane that carried the request knows what happened; litellm only guesses."""
    known = UpstreamCutError("known", arm_id="arm")
    with pytest.raises(UpstreamCutError, match="known"), translated(CALL, (), lambda _: known):
        raise RuntimeError("guessed")
    with pytest.raises(UpstreamError, match="own"), translated(CALL, (), lambda _: known):
        raise UpstreamError("own", arm_id="arm")
