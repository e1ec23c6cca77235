"""The contract of the upstream: every promise of its port, inherited by the tests of each lane."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.errors import UpstreamCutError, UpstreamError
from gateway.flows.ports import ReplyStream
from tests.contract.upstream_answers import AnswerContract, RequestContract
from tests.contract.upstream_faults import LimitContract
from tests.contract.upstream_fixtures import Lane, events, parse, request, rest, spawn

EVENTS = 6
"""Events of the standard stream: the role, four pieces, the finish reason; then comes usage."""


async def first(stream: ReplyStream, count: int) -> list[dict[str, Any]]:
    """The first chunks of a stream that goes on; no more of them may have come together."""
    iterator = aiter(stream)
    found: list[bytes] = []
    while len(found) < count:
        found += events(await anext(iterator))
    assert len(found) == count
    return [parse(block) for block in found]


class UpstreamContract(AnswerContract, RequestContract, LimitContract):
    """All of it: answers, requests, faults and limits from the bases, here how a stream lives and dies."""

    async def test_the_first_chunk_does_not_wait_for_the_last(self, lane: Lane) -> None:
        """What the provider has sent is delivered while the rest is still to be written."""
        lane.script(hold_after=2)
        stream = await asyncio.wait_for(lane.upstream.open(request()), 10)
        chunks = await asyncio.wait_for(first(stream, 2), 10)
        assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "Hello"]
        assert lane.provider.finished_streams == 0
        lane.provider.release()
        assert len(await rest(stream)) == EVENTS - 2
        assert stream.completion().text == "Hello, world!"

    async def test_open_waits_for_the_first_event(self, lane: Lane) -> None:
        """Until then a fallback is possible, so until then nothing is promised."""
        lane.script(hold_after=0)
        opening = spawn(lane.upstream.open(request()))
        done, _ = await asyncio.wait({opening}, timeout=0.3)
        assert not done
        lane.provider.release()
        stream = await asyncio.wait_for(opening, 10)
        assert [block async for block in stream]

    @pytest.mark.parametrize("after", range(EVENTS))
    async def test_a_cut_is_never_an_end(self, lane: Lane, after: int) -> None:
        """Wherever the connection breaks before the finish reason, the stream ends with an error."""
        lane.script(cut_after=after)
        with pytest.raises(UpstreamError) as caught:
            await lane.stream()
        assert caught.value.status == 502
        assert isinstance(caught.value, UpstreamCutError) == (after > 0)

    @pytest.mark.parametrize("done", [False, True])
    async def test_an_end_without_finish_reason_is_a_cut(self, lane: Lane, done: bool) -> None:
        """A tidy end of the connection, even a [DONE], does not make half an answer whole."""
        lane.script(finish_reason=None, done=done)
        with pytest.raises(UpstreamCutError, match="finish reason"):
            await lane.stream()

    async def test_a_cut_stream_keeps_what_was_read(self, lane: Lane) -> None:
        """The part that came is charged, as an estimate, and has no finish reason."""
        lane.script(cut_after=3)
        stream = await lane.upstream.open(request())
        with pytest.raises(UpstreamCutError):
            [block async for block in stream]
        read = stream.completion()
        assert (read.text, read.finish_reason, read.usage_estimated) == ("Hello, ", None, True)

    @pytest.mark.parametrize("end", [{"done": False}, {"cut_after": EVENTS}, {"stall_after": EVENTS}])
    async def test_an_end_without_done_is_an_end(self, lane: Lane, end: dict[str, Any]) -> None:
        """With its finish reason the answer is whole, and it is finished promptly, though usage may be missing."""
        lane.script(**end)
        streamed = await asyncio.wait_for(lane.stream(), 10)
        assert (streamed.text, streamed.completion.finish_reason) == ("Hello, world!", "stop")
        assert streamed.completion.usage_estimated == ("done" not in end)

    async def test_an_error_midway_is_an_error(self, lane: Lane) -> None:
        """An error object among the events is not an event, and not an end."""
        events: list[dict[str, Any]] = [
            {"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]},
            {"error": {"message": "overloaded", "code": 503}},
        ]
        lane.script(events=events)
        with pytest.raises(UpstreamError) as caught:
            await lane.stream()
        assert caught.value.infrastructure

    async def test_after_its_end_a_stream_has_nothing_more(self, lane: Lane) -> None:
        """Iterating on ends at once, and the completion does not change."""
        stream = await lane.upstream.open(request())
        assert len(await rest(stream)) == EVENTS
        read = stream.completion()
        assert [block async for block in stream] == []
        assert stream.completion() == read
        assert 0 < read.first_token_s <= read.latency_s

    async def test_closing_early_closes_the_connection(self, lane: Lane) -> None:
        """A client that leaves stops the provider; closing twice, or after the end, does no harm."""
        lane.script(hold_after=2)
        stream = await lane.upstream.open(request())
        await first(stream, 2)
        await stream.aclose()
        assert await lane.provider.idle()
        await stream.aclose()
        assert stream.completion().text == "Hello"
        ended = await lane.upstream.open(request(n=1))
        await ended.aclose()
        assert await lane.provider.idle()

    async def test_closing_under_a_waiting_reader(self, lane: Lane) -> None:
        """Another task may close: the reader ends with an error or its end, and nothing stays open."""
        lane.script(hold_after=2)
        stream = await lane.upstream.open(request())
        await first(stream, 2)
        reader = spawn(first(stream, 1))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(stream.aclose(), 5)
        with pytest.raises((UpstreamError, StopAsyncIteration, RuntimeError)):
            await asyncio.wait_for(reader, 5)
        assert await lane.provider.idle()

    @pytest.mark.parametrize("behaviour", [{"hang": True}, {"stall_after": 0}, {"stall_after": 2}])
    @pytest.mark.parametrize("streamed", [False, True])
    async def test_cancelling_closes_the_connection(
        self, lane: Lane, behaviour: dict[str, Any], streamed: bool
    ) -> None:
        """Before the headers, before the first event, in the middle: the call ends, and so does the provider's work."""
        lane.script(**({"hang": True} if not streamed else behaviour))
        calling = spawn(lane.either(streamed=streamed))
        assert await lane.provider.asked()
        await asyncio.sleep(0.1)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert await lane.provider.idle(1.0)

    async def test_cancelling_at_any_moment(self, lane: Lane) -> None:
        """Whichever await is struck, no connection stays busy and the lane goes on serving."""
        lane.script(pieces=("x",) * 5, event_delay_s=0.002)
        for moment in range(40):
            calling = spawn(lane.either(streamed=moment % 2 == 0))
            await asyncio.sleep(moment * 0.001)
            calling.cancel()
            await asyncio.wait({calling})
        assert await lane.provider.idle()
        lane.script()
        assert (await lane.stream()).text == "Hello, world!"

    async def test_calls_run_side_by_side(self, lane: Lane) -> None:
        """Answers do not mix: many streams and whole answers at once, each with its own text."""
        lane.script(echo=True)
        texts = [f"text {number}\n" * 5 for number in range(20)]

        async def ask(number: int) -> str:
            messages = [{"role": "user", "content": texts[number]}]
            return (await lane.either(streamed=number % 2 == 0, messages=messages)).text

        assert await asyncio.gather(*(ask(number) for number in range(20))) == texts
