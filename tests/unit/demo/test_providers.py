"""Rules of the simulated provider as a server: it says over HTTP exactly what `outcome` says without."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.demo.profiles import PROFILES, SCHOLAR, SWIFT, Degradation, ModelProfile, outcome
from gateway.demo.providers import SimulatedProvider
from gateway.demo.questions import by_prompt, draw_questions

SEED = 5
KEY = "demo-key"
QUESTIONS = draw_questions(30, 29)
REGISTRY = by_prompt(QUESTIONS)


def steady(profile: ModelProfile, error_rate: float = 0.0) -> ModelProfile:
    """The profile at a hundredth of its latency, failing at the given rate only."""
    return replace(
        profile,
        first_token_s=profile.first_token_s / 100,
        per_token_s=profile.per_token_s / 100,
        error_rate=error_rate,
    )


def provider(profile: ModelProfile, degradation: Degradation | None = None) -> SimulatedProvider:
    """A provider of the test's questions."""
    return SimulatedProvider(profile, REGISTRY, key=KEY, seed=SEED, degradation=degradation)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the right key."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        yield session


async def post(
    client: aiohttp.ClientSession, server: SimulatedProvider, body: object, **options: Any
) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of a chat completion."""
    async with client.post(f"{server.base_url}/chat/completions", json=body, **options) as response:
        return response.status, await response.json()


async def stream(client: aiohttp.ClientSession, server: SimulatedProvider, body: dict[str, Any]) -> list[str]:
    """The data of all events of a streamed chat completion."""
    async with client.post(f"{server.base_url}/chat/completions", json={**body, "stream": True}) as response:
        assert response.content_type == "text/event-stream"
        events = (await response.text()).split("\n\n")
    assert events.pop() == ""
    assert all(event.startswith("data: ") for event in events)
    return [event.removeprefix("data: ") for event in events]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
async def test_answers_are_the_outcome_s_streamed_or_not(client: aiohttp.ClientSession, profile: ModelProfile) -> None:
    """Text and usage over the wire equal the counterfactual that is computed without a call."""
    calm = steady(profile)
    async with provider(calm) as server:
        for question in QUESTIONS[:12]:
            expected = outcome(calm, question, SEED)
            usage = {
                "prompt_tokens": expected.tokens_in,
                "completion_tokens": expected.tokens_out,
                "total_tokens": expected.tokens_in + expected.tokens_out,
            }
            status, body = await post(client, server, question.body(calm.id))
            assert (status, body["model"]) == (200, calm.id)
            assert body["choices"][0]["message"]["content"] == expected.text
            assert body["choices"][0]["finish_reason"] == "stop"
            assert body["usage"] == usage

            wish = {**question.body(calm.id), "stream_options": {"include_usage": True}}
            *events, done = await stream(client, server, wish)
            chunks = [json.loads(event) for event in events]
            assert done == "[DONE]"
            said = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
            assert "".join(said) == expected.text
            assert chunks[-1]["usage"] == usage


async def test_usage_is_streamed_only_where_it_was_asked_for(client: aiohttp.ClientSession) -> None:
    """Without `stream_options.include_usage` no chunk speaks of usage, and the last one gives the finish reason."""
    async with provider(steady(SWIFT)) as server:
        *events, done = await stream(client, server, QUESTIONS[0].body("swift"))
    chunks = [json.loads(event) for event in events]
    assert done == "[DONE]"
    assert all("usage" not in chunk for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_token_limit_cuts_the_answer(client: aiohttp.ClientSession, name: str) -> None:
    """The first tokens come, and the finish reason is `length`; a limit that is not reached changes nothing."""
    full = outcome(steady(SCHOLAR), QUESTIONS[0], SEED)
    async with provider(steady(SCHOLAR)) as server:
        _, body = await post(client, server, {**QUESTIONS[0].body("scholar"), name: 3})
        _, whole = await post(client, server, {**QUESTIONS[0].body("scholar"), name: full.tokens_out})
    assert body["choices"][0]["message"]["content"] == full.text[:12]
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 3
    assert whole["choices"][0]["message"]["content"] == full.text
    assert whole["choices"][0]["finish_reason"] == "stop"


async def test_a_degradation_is_heard_from_its_question_on(client: aiohttp.ClientSession) -> None:
    """The server and `outcome` agree on the drift too."""
    calm = steady(SWIFT)
    fall = Degradation(model_id="swift", from_question=6, skill_factor=0.0)
    async with provider(calm, fall) as server:
        for question in QUESTIONS[:12]:
            _, body = await post(client, server, question.body("swift"))
            expected = outcome(calm, question, SEED, fall)
            assert body["choices"][0]["message"]["content"] == expected.text
            assert question.id < 6 or expected.quality < 0.5


async def test_faults_are_500s_and_each_call_is_a_new_attempt(client: aiohttp.ClientSession) -> None:
    """The n-th call for a question fails exactly where `outcome` says so of attempt n; all calls count."""
    shaky = steady(SWIFT, error_rate=0.5)
    async with provider(shaky) as server:
        for attempt in range(6):
            status, body = await post(client, server, QUESTIONS[3].body("swift"))
            fails = outcome(shaky, QUESTIONS[3], SEED, attempt=attempt).fails
            assert status == (500 if fails else 200)
            if fails:
                assert body["error"]["type"] == "server_error"
        assert server.calls == 6


async def test_an_unknown_prompt_gets_a_polite_word(client: aiohttp.ClientSession) -> None:
    """One can chat with the provider by hand; it says which model speaks."""
    async with provider(steady(SWIFT)) as server:
        body = {"model": "swift", "messages": [{"role": "user", "content": "Good morning"}]}
        status, said = await post(client, server, body)
    assert status == 200
    assert "swift" in said["choices"][0]["message"]["content"]


@pytest.mark.parametrize("key", ["Bearer wrong", "Bearer ", "demo-key", "Basic demo-key", ""])
async def test_a_wrong_key_is_refused_everywhere(client: aiohttp.ClientSession, key: str) -> None:
    """401 in OpenAI's shape, for completions and for the list of models; a refused call does not count."""
    headers = {"Authorization": key}
    async with provider(steady(SWIFT)) as server:
        status, body = await post(client, server, QUESTIONS[0].body("swift"), headers=headers)
        async with client.get(f"{server.base_url}/models", headers=headers) as response:
            assert response.status == 401
        assert server.calls == 0
    assert status == 401
    assert body["error"]["code"] == "invalid_api_key"


async def test_another_model_s_name_is_not_found(client: aiohttp.ClientSession) -> None:
    """404 with `model_not_found`: one server, one model."""
    async with provider(steady(SWIFT)) as server:
        status, body = await post(client, server, QUESTIONS[0].body("scholar"))
        assert server.calls == 0
    assert (status, body["error"]["code"], body["error"]["param"]) == (404, "model_not_found", "model")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"model": "swift"}'])
async def test_a_bad_body_is_a_400(client: aiohttp.ClientSession, data: bytes) -> None:
    """What cannot be read is refused in OpenAI's shape, not with a crash."""
    async with (
        provider(steady(SWIFT)) as server,
        client.post(f"{server.base_url}/chat/completions", data=data) as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/chat/completions", 405)])
async def test_unknown_routes_and_methods_have_openai_s_error_shape(
    client: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    """A client that parses errors as JSON never meets aiohttp's plain text."""
    async with provider(steady(SWIFT)) as server, client.request(method, f"{server.base_url}{path}") as response:
        assert response.status == status
        assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_the_model_list_holds_the_model(client: aiohttp.ClientSession) -> None:
    """`GET /v1/models` names the profile's id."""
    async with provider(steady(SWIFT)) as server, client.get(f"{server.base_url}/models") as response:
        assert [entry["id"] for entry in (await response.json())["data"]] == ["swift"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_latency_is_really_waited_for(client: aiohttp.ClientSession, streamed: bool) -> None:
    """An answer is not there before its outcome's latency has passed (less 2 ms: the server does not sleep for 1)."""
    question = QUESTIONS[1]
    expected = outcome(SCHOLAR, question, SEED)
    assert not expected.fails
    async with provider(SCHOLAR) as server:
        started = asyncio.get_running_loop().time()
        await (stream if streamed else post)(client, server, question.body("scholar"))
        elapsed_s = asyncio.get_running_loop().time() - started
    assert elapsed_s >= expected.latency_s - 0.002


async def test_a_client_that_leaves_early_harms_nobody(client: aiohttp.ClientSession) -> None:
    """A stream that is cut by its reader does not disturb the next call."""
    async with provider(SCHOLAR) as server:
        body = {**QUESTIONS[1].body("scholar"), "stream": True}
        async with client.post(f"{server.base_url}/chat/completions", json=body) as response:
            await response.content.readany()
        status, _ = await post(client, server, QUESTIONS[2].body("scholar"))
    assert status == 200


async def test_ids_of_concurrent_answers_differ(client: aiohttp.ClientSession) -> None:
    """Each answer has an id of its own, also when several are under way."""
    async with provider(steady(SWIFT)) as server:
        answers = await asyncio.gather(*(post(client, server, QUESTIONS[0].body("swift")) for _ in range(5)))
    assert len({body["id"] for _, body in answers}) == 5


async def test_an_address_exists_only_while_serving() -> None:
    """Asking too early says what to do; a stopped provider gives its port back and may be stopped again."""
    server = provider(steady(SWIFT))
    with pytest.raises(RuntimeError, match=r"start\(\)"):
        _ = server.base_url
    await server.start()
    assert server.base_url.startswith("http://127.0.0.1:")
    await server.stop()
    await server.stop()
    with pytest.raises(RuntimeError):
        _ = server.base_url
