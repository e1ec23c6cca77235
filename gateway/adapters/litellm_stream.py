"""A litellm stream as a ReplyStream: read from the provider's own chunks, so that a cut is told from an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

from gateway.adapters.litellm_errors import translate
from gateway.adapters.openai_usage import priced, wants_usage
from gateway.adapters.openai_wire import TAIL_S, Reading, event
from gateway.adapters.upstream_errors import UNREACHABLE
from gateway.core.values import Completion, Price
from gateway.errors import UpstreamError, UpstreamTimeoutError
from gateway.flows.ports import Call


@contextlib.contextmanager
def translated(
    call: Call, secrets: tuple[str, ...] = (), explained: Callable[[BaseException], UpstreamError] | None = None
) -> Iterator[None]:
    """The adapter's door: what litellm raises, which may be anything at all, leaves as our error.

    `explained`: our error for what it raised, where somebody knows better than the table.
    """
    try:
        yield
    except UpstreamError:
        raise
    except Exception as error:  # noqa: BLE001, RUF100 -- translated by the one table, never swallowed
        # Not `from error`: a traceback would print addresses and provider texts, in which keys may stand.
        if explained is not None:
            raise explained(error) from None
        raise translate(error, call.arm.id, connect_s=call.limits.connect_s, secrets=secrets) from None


@contextlib.asynccontextmanager
async def limited(call: Call, name: str, seconds: float, deadline: float) -> AsyncIterator[None]:
    """Run for at most `seconds`, and not past the call's deadline (the loop's time); the error names the limit."""
    ends = asyncio.get_running_loop().time() + seconds
    if deadline < ends:
        name, seconds, ends = "total_s", call.limits.total_s, deadline
    scope = asyncio.timeout_at(ends)
    try:
        async with scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        text = f"Arm '{call.arm.id}' did not answer within its limit of {seconds:g} s ({name})."
        raise UpstreamTimeoutError(text, arm_id=call.arm.id) from error


class LitellmStream:
    """Implements ports.ReplyStream over litellm's CustomStreamWrapper. `start` must be awaited before iterating."""

    def __init__(
        self,
        call: Call,
        wrapper: Any,
        *,
        started_s: float,
        deadline_s: float,
        price: Price | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._call = call
        self._wrapper = wrapper
        self._chunks = provider_chunks(wrapper)
        self._reading = Reading(body=call.body, arm_id=call.arm.id, started_s=started_s)
        self._deadline_s = deadline_s
        self._price = price
        self._secrets = secrets
        self._ready: deque[bytes] = deque()
        self._ended_s: float | None = None

    async def start(self) -> None:
        """Wait for the first event, within the caller's limit."""
        block = await self._next_block(within=None)
        if block is not None:
            self._ready.append(block)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._ready and self._ended_s is None:
            block = await self._next_block(within=self._call.limits.idle_s)
            if block is not None:
                return block
        if not self._ready:
            raise StopAsyncIteration
        return self._ready.popleft()

    def completion(self) -> Completion:
        """What has been read so far; whole once the iteration has ended."""
        return priced(self._reading.completion(self._now() if self._ended_s is None else self._ended_s), self._price)

    async def aclose(self) -> None:
        """Close the upstream connection; safe to call at any time and twice."""
        self._ended_s = self._ended_s if self._ended_s is not None else self._now()
        # The wrapper closes the response under a reader that may still be waiting in another task.
        close = getattr(self._wrapper, "aclose", None)
        if close is not None:
            await close()
        with contextlib.suppress(RuntimeError):  # that reader is still inside the generator, which ends with it
            await self._chunks.aclose()

    async def _next_block(self, within: float | None) -> bytes | None:
        """The next event, or None at a regular end. Whatever else happens, the connection is closed on the way out."""
        whole = False
        try:
            while (chunk := await self._read(within)) is not None:
                sent = self._reading.take(chunk, self._now())
                if sent is not None:
                    whole = True
                    return event(sent)
            if not self._reading.complete:
                raise self._reading.cut()
        finally:
            if not whole:
                await self.aclose()
        self._ready.extend(map(event, self._reading.ending(usage=wants_usage(self._call.body))))
        return None

    async def _read(self, within: float | None) -> Mapping[str, object] | None:
        """The provider's next chunk, or None where no more is to come."""
        seconds = TAIL_S if self._reading.awaits_only_usage else within
        limit = self._limit(seconds) if seconds is not None else contextlib.nullcontext()
        try:
            async with limit:
                with self._door():
                    return await anext(self._chunks, None)
        except UpstreamError as error:
            if self._reading.complete:
                return None  # the answer is whole: only its usage or its [DONE] is missing
            if error.code == UNREACHABLE and self._reading.begun:
                raise self._reading.cut() from error
            raise

    def _limit(self, seconds: float) -> contextlib.AbstractAsyncContextManager[None]:
        return limited(self._call, "idle_s", seconds, self._deadline_s)

    def _door(self) -> contextlib.AbstractContextManager[None]:
        return translated(self._call, self._secrets)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


async def provider_chunks(
    wrapper: Any, aside: deque[Mapping[str, object]] | None = None
) -> AsyncGenerator[Mapping[str, object], None]:
    """The chunks as litellm's provider code read them, of OpenAI's shape, before litellm's wrapper has its way.

    The wrapper ends every stream with a finish reason, "stop" if none came; it loses refusals and the finish of all
    choices but the first, and costs twenty times as much. `aside`: chunks that did not need litellm to be read.
    """
    source = wrapper.completion_stream if wrapper.completion_stream is not None else await wrapper.fetch_stream()
    if not hasattr(source, "__aiter__"):
        async for chunk in _wrapped(wrapper):
            yield chunk
        return
    iterator = aiter(source)
    begun = texted = False
    try:
        async for raw in iterator:
            while aside:
                yield aside.popleft()
            if hasattr(raw, "choices") and hasattr(raw, "model_dump"):
                yield _plain(raw, begun=begun)
                begun = True
            elif isinstance(raw, dict) and "is_finished" in raw:
                # What litellm makes of a bare [DONE] must not become the end of an answer that never came.
                texted = texted or bool(raw.get("text") or raw.get("tool_use"))
                if texted:
                    yield _generic(raw)
            elif raw is not None and (processed := wrapper.chunk_creator(chunk=raw)) is not None:
                yield _plain(processed)
        if wrapper.received_finish_reason is not None:  # set by `chunk_creator` only
            yield _chunk({}, wrapper.received_finish_reason)
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


async def _wrapped(wrapper: Any) -> AsyncGenerator[Mapping[str, object], None]:
    """The wrapper's chunks, for the few providers whose client is not asynchronous; its made-up finish taken back."""
    async for processed in wrapper:
        chunk = _plain(processed)
        if wrapper.received_finish_reason is None and wrapper.intermittent_finish_reason is None:
            chunk["choices"] = [{**choice, "finish_reason": None} for choice in chunk.get("choices") or ()]
        yield chunk


def _plain(raw: Any, *, begun: bool = False) -> dict[str, Any]:
    """A chunk as the provider sent it; litellm's own class names every field that it knows, most of them empty.

    It also makes a chunk of every event that only marks a place, of which none is needed once the answer has `begun`.
    """
    chunk: dict[str, Any] = raw.model_dump(exclude_unset=True, warnings=False)
    if type(raw).__module__.partition(".")[0] == "litellm":
        choices = [
            {**_without_none(choice), "delta": _without_none(choice.get("delta") or {})}
            for choice in chunk.get("choices") or ()
        ]
        chunk = {name: value for name, value in chunk.items() if value is not None and value != []}
        chunk["choices"] = [choice for choice in choices if not begun or not _silent(choice)]
    return chunk


def _silent(choice: Mapping[str, Any]) -> bool:
    return choice["delta"] == {"content": ""} and not choice.get("finish_reason")


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _generic(raw: Mapping[str, Any]) -> Mapping[str, object]:
    """litellm's minimal chunk: text, one tool call, whether it is the end, usage."""
    delta: dict[str, object] = {"content": raw["text"]} if raw.get("text") else {}
    if raw.get("tool_use"):
        delta["tool_calls"] = [dict(raw["tool_use"])]
    finish = raw.get("finish_reason") if raw.get("is_finished") else None
    return {**_chunk(delta, finish, int(raw.get("index") or 0)), "usage": raw.get("usage")}


_FINISH: Final = {"end_turn": "stop", "stop_sequence": "stop", "eos_token": "stop", "COMPLETE": "stop",
                  "max_tokens": "length", "MAX_TOKENS": "length", "tool_use": "tool_calls"}  # fmt: skip


def _chunk(delta: Mapping[str, object], finish: object, index: int = 0) -> Mapping[str, object]:
    reason = _FINISH.get(str(finish), finish) or None
    return {"choices": [{"index": index, "delta": delta, "finish_reason": reason}]}
