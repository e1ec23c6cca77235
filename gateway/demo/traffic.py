"""The demo's clients: they ask over OpenAI's wire, check what comes back, and tell the gateway what it was worth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import orjson

from gateway.demo.questions import Question, check

STREAM_EVERY = 3
"""Every third request is streamed."""
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of one request. An answer that never came has an `error`, no arm, and quality 0."""

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
    """What the gateway made of it with our feedback; None if no feedback was given."""
    cost_usd: float = 0.0
    latency_s: float = 0.0
    """Until the last byte, as the client sees it."""
    error: str | None = None


class AnswerError(Exception):
    """The gateway did not answer as a client may expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Sends questions to a gateway, `concurrency` of them at a time."""

    base_url: str
    """Where the gateway listens, without the `/v1`."""
    prices: Mapping[str, tuple[float, float]]
    """USD per million tokens in and out, by model: what a client would read off its providers' price lists."""
    model: str = "auto"
    concurrency: int = 8
    feedback_share: float = 1.0
    """Share of the answers that the gateway is told the measured quality of, evenly spread over the requests."""

    async def drive(self, questions: Sequence[Question], seen: Callable[[Row], None] = lambda row: None) -> list[Row]:
        """Ask all questions, in order; returns a row for each, in the same order. `seen` is called as rows come in."""
        waiting, rows = iter(questions), []

        async def client(session: aiohttp.ClientSession) -> None:
            for question in waiting:
                row = await self._ask(session, question)
                rows.append(row)
                seen(row)

        connections = aiohttp.TCPConnector(limit=self.concurrency)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with (
            aiohttp.ClientSession(self.base_url, connector=connections, timeout=timeout) as session,
            asyncio.TaskGroup() as clients,
        ):
            for _ in range(self.concurrency):
                clients.create_task(client(session))
        return sorted(rows, key=lambda row: row.question_id)

    async def _ask(self, session: aiohttp.ClientSession, question: Question) -> Row:
        streamed = question.id % STREAM_EVERY == STREAM_EVERY - 1
        body = question.body(self.model)
        if streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        now = asyncio.get_running_loop().time
        began = now()
        try:
            async with session.post("/v1/chat/completions", json=body) as response:
                text, usage = _read(await response.read(), response.status, streamed=streamed)
                headers = response.headers
            latency_s = now() - began
            arm = headers["x-gateway-model"]
            quality = check(question, text)
            reward = None
            if self._rates(question):
                reward = await _rate(session, headers["x-gateway-decision-id"], quality)
        except (aiohttp.ClientError, TimeoutError, AnswerError) as error:
            text = f"{type(error).__name__}: {error}"
            return Row(
                question_id=question.id, task=question.task, streamed=streamed, latency_s=now() - began, error=text
            )
        dollars_in, dollars_out = self.prices[arm]
        return Row(
            question_id=question.id,
            task=question.task,
            streamed=streamed,
            arm=arm,
            mode=headers["x-gateway-mode"],
            attempts=int(headers["x-gateway-attempts"]),
            quality=quality,
            reward=reward,
            cost_usd=(usage[0] * dollars_in + usage[1] * dollars_out) / 1e6,
            latency_s=latency_s,
        )

    def _rates(self, question: Question) -> bool:
        share = self.feedback_share
        return int((question.id + 1) * share) > int(question.id * share)


async def _rate(session: aiohttp.ClientSession, decision_id: str, quality: float) -> float | None:
    async with session.post("/v1/feedback", json={"id": decision_id, "score": quality}) as response:
        raw = await response.read()
        if response.status != 202:
            raise AnswerError(f"feedback was answered with {response.status}: {raw[:200]!r}")
        return orjson.loads(raw)["reward"]


def _read(raw: bytes, status: int, *, streamed: bool) -> tuple[str, tuple[int, int]]:
    if status != 200:
        raise AnswerError(f"status {status}: {raw[:200]!r}")
    pieces, usage = [], None
    for part in _events(raw) if streamed else [orjson.loads(raw)]:
        if "error" in part:
            raise AnswerError(f"error in the stream: {part}")
        pieces += [choice["delta" if streamed else "message"].get("content") or "" for choice in part["choices"]]
        usage = part.get("usage") or usage
    if usage is None:
        raise AnswerError("no usage")
    return "".join(pieces), (usage["prompt_tokens"], usage["completion_tokens"])


def _events(raw: bytes) -> Iterator[dict]:
    for line in raw.split(b"\n"):
        if line.startswith(b"data: ") and line != b"data: [DONE]":
            yield orjson.loads(line[6:])
