"""The demo's clients: they ask over OpenAI's wire, check what comes back, and tell the gateway what it was worth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson

from gateway.demo.questions import Question, check

STREAM_EVERY = 3
"""Every third request is streamed."""
TIMEOUT_S = 60.0
READY_S = 120.0
"""How long a gateway may take until it can serve; it loads litellm first."""
_POLL_S = 0.1
_SHOWN_BYTES = 200
_HEADERS = ("model", "mode", "attempts", "decision-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of one request. One that nobody answered has an `error`, no arm, and quality 0."""

    question_id: int
    task: str
    streamed: bool
    arm: str | None = None
    """The model that answered."""
    mode: str | None = None
    """How it came to answer: live, fallback, pinned, ..."""
    attempts: int = 0
    quality: float = 0.0
    """Measured from the answer's text."""
    reward: float | None = None
    """What the gateway makes of the answer now that it knows the quality; None where it was not told."""
    cost_usd: float = 0.0
    latency_s: float = 0.0
    """Until the last byte, as the client sees it."""
    error: str | None = None


class AnswerError(Exception):
    """The gateway did not answer as its clients may expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Sends questions to a gateway, `concurrency` of them at a time."""

    url: str
    """Where the gateway listens, without the `/v1`."""
    prices: Mapping[str, tuple[float, float]]
    """USD per million tokens in and out, by model: what clients read off their providers' price lists."""
    model: str = "auto"
    concurrency: int = 8
    feedback_share: float = 1.0
    """Share of the answers whose measured quality the gateway is told, spread evenly over the requests."""

    async def ready(self) -> None:
        """Wait until the gateway can serve; AnswerError if that takes too long."""
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + READY_S
        async with aiohttp.ClientSession(self.url) as session:
            while clock() < deadline_s:
                async with session.get("/readyz") as response:
                    if response.status == 200:
                        return
                await asyncio.sleep(_POLL_S)
        raise AnswerError(f"the gateway was not ready within {READY_S:g} s")

    async def drive(self, questions: Iterable[Question], seen: Callable[[Row], None] = lambda _: None) -> list[Row]:
        """Ask all questions in order; returns their rows in the order of their ids. `seen` gets each as it comes in.

        Trouble ends nothing: it is noted in the row of the question concerned.
        """
        waiting = iter(questions)
        rows: list[Row] = []

        async def client(session: aiohttp.ClientSession) -> None:
            for question in waiting:
                rows.append(await self._ask(session, question))
                seen(rows[-1])

        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with (
            aiohttp.ClientSession(self.url, timeout=timeout) as session,
            asyncio.TaskGroup() as clients,
        ):
            for _ in range(self.concurrency):
                clients.create_task(client(session))
        return sorted(rows, key=lambda row: row.question_id)

    async def _ask(self, session: aiohttp.ClientSession, question: Question) -> Row:
        row = Row(
            question_id=question.id,
            task=question.task,
            streamed=question.id % STREAM_EVERY == STREAM_EVERY - 1,
        )
        try:
            row, decision_id = await self._answered(session, question, row)
            if self._rates(question):
                row = replace(row, reward=await _rate(session, decision_id, row.quality))
        except (aiohttp.ClientError, TimeoutError, AnswerError) as error:
            return replace(row, error=f"{type(error).__name__}: {error}")
        return row

    async def _answered(self, session: aiohttp.ClientSession, question: Question, row: Row) -> tuple[Row, str]:
        """The row with the answer in it, and the decision's id."""
        body = question.body(self.model)
        if row.streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        clock = asyncio.get_running_loop().time
        began_s = clock()
        async with session.post("/v1/chat/completions", json=body) as response:
            raw = await response.read()
            latency_s = clock() - began_s
        if response.status != 200:
            raise AnswerError(f"status {response.status}: {raw[:_SHOWN_BYTES]!r}")
        text, tokens_in, tokens_out = read_stream(raw) if row.streamed else read_whole(raw)
        told = {name: response.headers.get(f"x-gateway-{name}", "") for name in _HEADERS}
        if "" in told.values() or told["model"] not in self.prices:
            raise AnswerError(f"the headers do not say who answered: {told}")
        usd_in, usd_out = self.prices[told["model"]]
        answered = replace(
            row,
            arm=told["model"],
            mode=told["mode"],
            attempts=int(told["attempts"]),
            quality=check(question, text),
            cost_usd=(tokens_in * usd_in + tokens_out * usd_out) / 1e6,
            latency_s=latency_s,
        )
        return answered, told["decision-id"]

    def _rates(self, question: Question) -> bool:
        """Whether the gateway is told the quality of this answer."""
        return int((question.id + 1) * self.feedback_share) > int(question.id * self.feedback_share)


def read_whole(raw: bytes) -> tuple[str, int, int]:
    """Text and token counts of a chat completion; AnswerError if it is none."""
    try:
        body = orjson.loads(raw)
        return _read([(choice["message"], body.get("usage")) for choice in body["choices"]])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise AnswerError(f"not a chat completion ({error!r}): {raw[:_SHOWN_BYTES]!r}") from error


def read_stream(raw: bytes) -> tuple[str, int, int]:
    """Text and token counts of a streamed chat completion; AnswerError if it is none, or was cut off."""
    lines = [line.removeprefix(b"data: ") for line in raw.split(b"\n") if line.startswith(b"data: ")]
    if not lines or lines[-1] != b"[DONE]":
        raise AnswerError(f"a stream that does not end with [DONE]: {raw[-_SHOWN_BYTES:]!r}")
    try:
        chunks = [orjson.loads(line) for line in lines[:-1]]
        deltas = [(choice["delta"], None) for chunk in chunks for choice in chunk["choices"]]
        return _read([*deltas, *(({}, chunk.get("usage")) for chunk in chunks)])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise AnswerError(f"not chunks of a chat completion ({error!r}): {raw[:_SHOWN_BYTES]!r}") from error


def _read(parts: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> tuple[str, int, int]:
    """What messages or deltas say together, and the last usage beside them."""
    usage = [usage for _, usage in parts if usage is not None][-1:]
    if not usage:
        raise KeyError("usage")
    text = "".join(message.get("content") or "" for message, _ in parts)
    return text, int(usage[0]["prompt_tokens"]), int(usage[0]["completion_tokens"])


async def _rate(session: aiohttp.ClientSession, decision_id: str, quality: float) -> float | None:
    async with session.post("/v1/feedback", json={"id": decision_id, "score": quality}) as response:
        raw = await response.read()
    if response.status != 202:
        raise AnswerError(f"feedback got status {response.status}: {raw[:_SHOWN_BYTES]!r}")
    value = orjson.loads(raw).get("reward")
    return None if value is None else float(value)
