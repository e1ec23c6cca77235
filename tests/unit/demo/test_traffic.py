"""The demo's clients: they speak the public wire, check every answer, and tell the gateway what they measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from gateway.demo.questions import draw_questions, right_answer
from gateway.demo.traffic import STREAM_EVERY, AnswerError, Row, Traffic, read_stream, read_whole

QUESTIONS = draw_questions(24, 5)
ANSWERS = {question.prompt: right_answer(question) for question in QUESTIONS}
PRICES = {"swift": (2.0, 10.0)}
USAGE = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
HEADERS = {"x-gateway-model": "swift", "x-gateway-mode": "live", "x-gateway-attempts": "1"}

Reply = Callable[[dict[str, Any]], web.Response | None]


class Gateway:
    """Stands in for a gateway: answers rightly unless a script says otherwise, and remembers what it got."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.rated: list[dict[str, Any]] = []
        self.script: Reply = lambda body: None
        self.feedback_status = 202
        self.loading = 0
        self.at_once = self.most_at_once = 0
        self.url = ""

    async def chat(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        assert not [name for name in request.headers if name.lower().startswith("x-gateway")]
        self.asked.append(body)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.001)
        self.at_once -= 1
        return self.script(body) or self.answer(body, ANSWERS[body["messages"][0]["content"]])

    def answer(self, body: dict[str, Any], text: str) -> web.Response:
        headers = {**HEADERS, "x-gateway-decision-id": f"dec_{len(self.asked)}"}
        if not body.get("stream"):
            whole = {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": USAGE}
            return web.json_response(whole, headers=headers)
        half = len(text) // 2
        chunks = [
            {"choices": [{"delta": {"role": "assistant", "content": text[:half]}}]},
            {"choices": [{"delta": {"content": text[half:]}}], "usage": None},
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": USAGE},
        ]
        blocks = [b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks]
        return web.Response(body=b"".join(blocks) + b"data: [DONE]\n\n", headers=headers)

    async def feedback(self, request: web.Request) -> web.Response:
        self.rated.append(orjson.loads(await request.read()))
        return web.json_response({"reward": 0.75}, status=self.feedback_status)

    async def readyz(self, _: web.Request) -> web.Response:
        self.loading -= 1
        return web.json_response({}, status=503 if self.loading >= 0 else 200)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    fake, app = Gateway(), web.Application()
    app.router.add_post("/v1/chat/completions", fake.chat)
    app.router.add_post("/v1/feedback", fake.feedback)
    app.router.add_get("/readyz", fake.readyz)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


async def drive(gateway: Gateway, **given: Any) -> list[Row]:
    return await Traffic(url=gateway.url, prices=PRICES, **given).drive(QUESTIONS)


async def test_every_question_is_asked_once_and_without_hints(gateway: Gateway) -> None:
    """The gateway has to find out by itself what a request is about: model `auto`, the prompt, and nothing else."""
    await drive(gateway, concurrency=1)
    assert [body["messages"] for body in gateway.asked] == [question.messages for question in QUESTIONS]
    allowed = {"model", "messages", "response_format", "stream", "stream_options"}
    assert all(body["model"] == "auto" and body.keys() <= allowed for body in gateway.asked)


async def test_a_third_is_streamed_and_read_alike(gateway: Gateway) -> None:
    """Streamed or not, the checked text, the tokens and so the cost are the same."""
    rows = await drive(gateway)
    assert [row.streamed for row in rows] == [number % STREAM_EVERY == STREAM_EVERY - 1 for number in range(24)]
    assert sum(bool(body.get("stream")) for body in gateway.asked) == 8
    assert {row.quality for row in rows} == {1.0}
    assert all(row.cost_usd == pytest.approx((100 * 2.0 + 50 * 10.0) / 1e6) for row in rows)


async def test_rows_come_back_in_order_and_are_seen_as_they_come(gateway: Gateway) -> None:
    """Answers overtake each other; the rows are those of the questions, in their order."""
    seen: list[Row] = []
    rows = await Traffic(url=gateway.url, prices=PRICES).drive(QUESTIONS, seen.append)
    assert [row.question_id for row in rows] == list(range(24))
    assert [row.task for row in rows] == [question.task for question in QUESTIONS]
    assert sorted(seen, key=lambda row: row.question_id) == rows


async def test_no_more_than_so_many_at_once(gateway: Gateway) -> None:
    """A demo does not flood what it demonstrates."""
    await drive(gateway, concurrency=3)
    assert gateway.most_at_once == 3


async def test_the_measured_quality_is_fed_back(gateway: Gateway) -> None:
    """Each decision is rated once with what its answer checked to, and the row has the reward that follows."""
    gateway.script = lambda body: gateway.answer(body, "I do not know.") if len(gateway.asked) % 2 else None
    rows = await drive(gateway, concurrency=1)
    assert gateway.rated == [{"id": f"dec_{i + 1}", "score": row.quality} for i, row in enumerate(rows)]
    assert {row.quality for row in rows} == {0.0, 1.0}
    assert {row.reward for row in rows} == {0.75}


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.25, 6), (0.5, 12), (1.0, 24)])
async def test_a_share_of_the_answers_is_rated(gateway: Gateway, share: float, count: int) -> None:
    """The feedback is spread evenly: exactly its share of the requests."""
    rows = await drive(gateway, feedback_share=share)
    assert len(gateway.rated) == count == sum(row.reward is not None for row in rows)


async def test_trouble_is_noted_and_the_rest_goes_on(gateway: Gateway) -> None:
    """A request that fails has an error, no arm and no quality; all others are asked and answered."""
    gateway.script = lambda body: web.json_response({"error": {}}, status=502) if len(gateway.asked) == 4 else None
    rows = await drive(gateway, concurrency=1)
    assert [row.question_id for row in rows if row.error] == [3]
    assert "502" in str(rows[3].error)
    assert (rows[3].arm, rows[3].quality) == (None, 0.0)
    assert len(gateway.rated) == 23


async def test_an_answer_from_nobody_is_an_error(gateway: Gateway) -> None:
    """Without the gateway's headers there is no telling who answered, so nothing may be booked."""
    gateway.script = lambda body: web.json_response({"choices": [{"message": {"content": "4"}}], "usage": USAGE})
    rows = await Traffic(url=gateway.url, prices=PRICES).drive(QUESTIONS[:2])
    assert all("headers" in str(row.error) and row.arm is None for row in rows)


async def test_refused_feedback_is_noted_beside_the_answer(gateway: Gateway) -> None:
    """The answer was given all the same."""
    gateway.feedback_status = 404
    rows = await drive(gateway)
    assert all("404" in str(row.error) and row.arm == "swift" and row.reward is None for row in rows)


async def test_it_can_wait_until_the_gateway_is_ready(gateway: Gateway) -> None:
    """It loads litellm first, and that must not be counted as anybody's latency."""
    gateway.loading = 2
    await Traffic(url=gateway.url, prices=PRICES).ready()
    assert gateway.loading == -1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"data: {}\n\n",
        b'data: {"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 1}}\n\n',
        b"data: nothing\n\ndata: [DONE]\n\n",
        b'data: {"error": {"message": "broken"}}\n\ndata: [DONE]\n\n',
        b'data: {"choices": [{"delta": {"content": "x"}}]}\n\ndata: [DONE]\n\n',
    ],
)
def test_a_broken_stream_is_no_answer(raw: bytes) -> None:
    """Cut off, not JSON, an error, or without usage: none may pass as a poor answer of the model's."""
    with pytest.raises(AnswerError):
        read_stream(raw)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {}}]}'])
def test_a_broken_body_is_no_answer(raw: bytes) -> None:
    """The same for answers that are not streamed."""
    with pytest.raises(AnswerError):
        read_whole(raw)
