"""A streamed answer as it comes from OpenAI's wire: bytes pass, and what they say is read from the side."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Final

import orjson

from gateway.adapters.http_transport import Response, TransportError, TransportTimeoutError
from gateway.adapters.openai_errors import broken, reported
from gateway.adapters.openai_usage import wants_usage
from gateway.adapters.openai_wire import TAIL_S, Reading, event
from gateway.adapters.sse_parser import EventParser, EventTooLargeError
from gateway.adapters.upstream_errors import UNREACHABLE
from gateway.adapters.upstream_limits import LimitName, timed_out
from gateway.core.values import Completion
from gateway.errors import UpstreamError, UpstreamInvalidError
from gateway.flows.ports import Call

_EVENT_CAP: Final = 16 * 1024 * 1024
_STREAM_CAP: Final = 256 * 1024 * 1024
_DONE: Final = b"[DONE]"
_PLAIN_CHOICE: Final = frozenset({"index", "delta", "finish_reason", "logprobs"})
_NO_USAGE: Final = b',"usage":null'


class DirectStream:
    """Implements ports.ReplyStream over a response. `start` must be awaited before iterating."""

    def __init__(
        self,
        call: Call,
        response: Response,
        *,
        started_s: float,
        deadline_s: float,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._call = call
        self._response = response
        self._parser = EventParser(_EVENT_CAP)
        self._reading = Reading(body=call.body, arm_id=call.arm.id, started_s=started_s)
        self._deadline_s = deadline_s
        self._secrets = secrets
        self._time = asyncio.get_running_loop().time
        self._limit: LimitName = "first_token_s"
        self._ready: list[bytes] = []
        self._over = False
        self._failure: UpstreamError | None = None
        self._size = 0
        self._ended_s: float | None = None
        self._model = b""
        """The provider's name of the model as it stands in its chunks; empty until one of them was seen."""
        self._arm = orjson.dumps(call.arm.id)

    async def start(self, *, until_s: float, name: LimitName) -> None:
        """Wait for the first event, until this moment (the loop's time), which is the limit of this name."""
        self._limit = name
        self._response.limit(idle_s=math.inf, until_s=until_s)
        self._ready = await self._next()
        if not self._over:
            self._flow()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._ready and not self._over and self._ended_s is None:
            self._ready = await self._next()
        if not self._ready:
            raise StopAsyncIteration
        blocks, self._ready = self._ready, []
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def completion(self) -> Completion:
        """What has been read so far; whole once the iteration has ended."""
        return self._reading.completion(self._time() if self._ended_s is None else self._ended_s)

    async def aclose(self) -> None:
        """Close the upstream connection; safe to call at any time and twice."""
        self._end()

    def _flow(self) -> None:
        self._limit = "idle_s"
        self._response.limit(idle_s=self._call.limits.idle_s, until_s=self._deadline_s)

    def _end(self) -> None:
        if self._ended_s is None:
            self._ended_s = self._time()
        if self._over and self._reading.complete:
            self._response.release()
        else:
            self._response.close()

    async def _next(self) -> list[bytes]:
        """The next events to send, none at a regular end. Whatever else happens, the connection is let go."""
        blocks: list[bytes] = []
        if self._failure is not None:
            self._end()
            raise self._failure
        try:
            while not blocks and not self._over:
                blocks = self._taken(await self._read())
        except BaseException:
            self._end()
            raise
        if self._over:
            self._end()
        return blocks

    async def _read(self) -> list[bytes]:
        """The events in the next piece; at the end of the response `_over` is set."""
        try:
            data = await self._response.chunk()
        except TransportTimeoutError as error:
            if self._reading.complete:
                return self._finished()
            name = self._limit if error.limit == "idle" or self._limit != "idle_s" else "total_s"
            raise timed_out(self._call, name) from None
        except TransportError as error:
            if self._reading.complete:
                return self._finished()
            failure = broken(self._call.arm.id, error)
            raise (self._reading.cut() if failure.code == UNREACHABLE and self._reading.begun else failure) from None
        if not data:
            return self._finished()
        self._size += len(data)
        if self._size > _STREAM_CAP:
            raise self._too_large()
        try:
            return self._parser.feed(data)
        except EventTooLargeError:
            raise self._too_large() from None

    def _finished(self) -> list[bytes]:
        self._over = True
        return self._parser.finish()

    def _taken(self, events: list[bytes]) -> list[bytes]:
        """Read events; returns the blocks that the client gets for them, at the end with what is still owed to it.

        What is wrong in the midst of them waits until those before it are sent.
        """
        blocks: list[bytes] = []
        now_s = self._time()
        try:
            for data in events:
                if data == _DONE:
                    self._over = True
                    break
                block = self._block(data, now_s)
                if block is not None:
                    blocks.append(block)
            if self._over:
                blocks += self._owed()
        except UpstreamError as error:
            if not blocks:
                raise
            self._over, self._failure = False, error
        if self._reading.awaits_only_usage and not self._over:
            self._limit = "idle_s"
            self._response.limit(idle_s=TAIL_S, until_s=self._deadline_s)
        return blocks

    def _owed(self) -> list[bytes]:
        if not self._reading.complete:
            raise self._reading.cut()
        return [event(chunk) for chunk in self._reading.ending(usage=wants_usage(self._call.body))]

    def _block(self, data: bytes, now_s: float) -> bytes | None:
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            return None  # one event that cannot be read costs no more than itself
        if not isinstance(chunk, dict):
            return None
        if self._reading.flowing:
            text = _text_of(chunk)
            if text is not None and chunk.get("id") == self._reading.id:
                passed = self._passed(data)
                if passed is not None:
                    self._reading.take_text(text, now_s)
                    return passed
        if chunk.get("error") and not chunk.get("choices"):
            raise reported(self._call.arm.id, chunk, secrets=self._secrets)
        if not self._model and isinstance(chunk.get("model"), str):
            self._model = _named(data, chunk["model"])
        sent = self._reading.take(chunk, now_s)
        return None if sent is None else event(sent)

    def _passed(self, data: bytes) -> bytes | None:
        """The event as it came, under the arm's name; None where it has to be written anew.

        Inside a JSON string every quote is escaped, so what is replaced is never a part of a text.
        """
        if not self._model or self._model not in data:
            return None
        data = data.replace(self._model, b'"model":' + self._arm, 1)
        if b'"usage"' in data:
            data = data.replace(_NO_USAGE, b"", 1)
            if b'"usage"' in data:
                return None
        return b"data: " + data + b"\n\n"

    def _too_large(self) -> UpstreamError:
        text = f"The stream of arm '{self._call.arm.id}' is larger than the gateway takes."
        return UpstreamInvalidError(text, arm_id=self._call.arm.id)


def _text_of(chunk: dict[str, object]) -> str | None:
    """The text of a chunk that carries nothing but a piece of the first choice's content, else None."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or chunk.get("usage") is not None:
        return None
    choice = choices[0]
    if not isinstance(choice, dict) or not choice.keys() <= _PLAIN_CHOICE:
        return None
    delta = choice.get("delta")
    if not isinstance(delta, dict) or len(delta) != 1 or choice.get("index") != 0:
        return None
    text = delta.get("content")
    plain = choice.get("finish_reason") is None and "finish_reason" in choice and choice.get("logprobs") is None
    return text if plain and isinstance(text, str) else None


def _named(data: bytes, model: str) -> bytes:
    """The field `model` as this provider writes it, empty where it writes it in another way than is usual."""
    name = orjson.dumps(model)
    return next((field for field in (b'"model":' + name, b'"model": ' + name) if field in data), b"")
