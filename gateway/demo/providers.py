"""A simulated LLM provider: a real server on the loopback that answers the demo's questions on OpenAI's wire."""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from gateway.demo.profiles import count_tokens, cut_to_tokens, outcome, small_talk
from gateway.demo.provider_wire import Answer, RefusedCallError, chunks, completion, model_list, read_call

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from gateway.demo.profiles import Degradation, ModelProfile, SimulatedOutcome
    from gateway.demo.provider_wire import ChatCall, Json
    from gateway.demo.questions import Question

SHUTDOWN_S = 1.0
MIN_SLEEP_S = 0.001
"""Chunks due sooner than this are written at once: the event loop cannot sleep for less with any precision."""


class SimulatedProvider:
    """Serves one model profile on 127.0.0.1.

    A question is recognised by the text of the last user message, looked up in `questions` (prompt -> question); any
    other prompt gets a polite word. It really waits as long as the outcome says. Every further call for the same
    question is a further attempt, so a retry after a simulated fault can pass. `calls` counts the chat completions that
    were let in, faults included.
    """

    def __init__(
        self,
        profile: ModelProfile,
        questions: Mapping[str, Question],
        *,
        key: str,
        seed: int,
        degradation: Degradation | None = None,
    ) -> None:
        self.profile = profile
        self.calls = 0
        self._questions = questions
        self._key = key.encode()
        self._seed = seed
        self._degradation = degradation
        self._attempts: Counter[int] = Counter()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """What a client takes as `base_url` or `api_base`, `/v1` included; known once started."""
        if not self._port:
            raise RuntimeError(f"the provider of {self.profile.id} has no address before start()")
        return f"http://127.0.0.1:{self._port}/v1"

    async def start(self) -> None:
        """Listens on a free port."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Closes the port and every connection."""
        if self._runner:
            await self._runner.cleanup()
            self._runner, self._port = None, 0

    async def __aenter__(self) -> SimulatedProvider:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Checks the key, and turns every refusal into OpenAI's error shape."""
        try:
            self._authorize(request)
            return await handler(request)
        except RefusedCallError as refusal:
            return _json(refusal.body, refusal.status)
        except web.HTTPException as error:  # aiohttp's own: no such route, wrong method, body too large
            return _json(RefusedCallError(error.status, f"{error.reason}: {request.path}").body, error.status)

    def _authorize(self, request: web.Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        known = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), self._key)
        if scheme.lower() != "bearer" or not known:
            raise RefusedCallError(401, "Incorrect API key provided.", code="invalid_api_key")

    async def _models(self, _: web.Request) -> web.StreamResponse:
        return _json(model_list(self.profile.id))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        arrived = asyncio.get_running_loop().time()
        try:
            call = read_call(orjson.loads(await request.read()))
        except orjson.JSONDecodeError as error:
            raise RefusedCallError(400, f"We could not parse the JSON body of your request: {error}") from error
        if call.model != self.profile.id:
            message = f"The model '{call.model}' does not exist; this provider serves '{self.profile.id}'."
            raise RefusedCallError(404, message, param="model", code="model_not_found")
        self.calls += 1
        number = self.calls
        result = self._result(call)
        await _sleep_until(arrived + result.first_token_s)
        if result.fails:
            raise RefusedCallError(500, "The server had an error while processing your request.", kind="server_error")
        answer, latency_s = self._answer(call, result, number)
        if call.stream:
            return await self._streamed(request, call, answer, (arrived + result.first_token_s, arrived + latency_s))
        await _sleep_until(arrived + latency_s)
        return _json(completion(answer))

    def _result(self, call: ChatCall) -> SimulatedOutcome:
        question = self._questions.get(call.prompt)
        if question is None:
            return small_talk(self.profile, call.prompt, self._seed, as_json=call.as_json)
        attempt = self._attempts[question.id]
        self._attempts[question.id] += 1
        return outcome(self.profile, question, self._seed, self._degradation, attempt)

    def _answer(self, call: ChatCall, result: SimulatedOutcome, number: int) -> tuple[Answer, float]:
        """The answer within the caller's token limit, and the seconds until its last token."""
        cut = call.max_tokens is not None and call.max_tokens < result.tokens_out
        text = cut_to_tokens(result.text, call.max_tokens) if cut and call.max_tokens else result.text
        tokens_out = count_tokens(text)
        answer = Answer(
            id=f"chatcmpl-{self.profile.id}-{self._seed}-{number}",
            created_s=int(datetime.now(tz=UTC).timestamp()),
            model=self.profile.id,
            text=text,
            finish_reason="length" if cut else "stop",
            tokens_in=call.tokens_in,
            tokens_out=tokens_out,
        )
        said = tokens_out / max(1, result.tokens_out)
        return answer, result.first_token_s + (result.latency_s - result.first_token_s) * said

    async def _streamed(
        self, request: web.Request, call: ChatCall, answer: Answer, span: tuple[float, float]
    ) -> web.StreamResponse:
        """Writes the answer as server-sent events, spread evenly over `span` (loop times of first and last token)."""
        first, last = span
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        for share, chunk in chunks(answer, call.include_usage):
            await _sleep_until(first + (last - first) * share)
            await response.write(b"data: " + orjson.dumps(chunk) + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response


async def _sleep_until(due: float) -> None:
    remaining = due - asyncio.get_running_loop().time()
    if remaining > MIN_SLEEP_S:
        await asyncio.sleep(remaining)


def _json(body: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
