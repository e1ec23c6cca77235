"""The upstream's contract over the transform lane, on OpenAI's wire and on those of the providers it is made for."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from gateway.adapters.asyncio_transport import AsyncioTransport
from gateway.adapters.litellm_catalog import lookup
from gateway.adapters.litellm_loading import load_litellm
from gateway.adapters.litellm_transform import TransformUpstream
from gateway.adapters.litellm_transform_families import FAMILIES
from gateway.adapters.litellm_upstream import LitellmUpstream, Route
from gateway.core.values import Arm, Completion, Price
from gateway.errors import UpstreamError
from gateway.flows.ports import Call, Reply, ReplyStream, Upstream
from tests.contract.upstream_fixtures import CANARY, LIMITS, Lane, request, rest
from tests.contract.upstream_suite import EVENTS, UpstreamContract, first
from tests.neighbours.dialect_provider import Claude, DialectProvider, Gemini, Tongue
from tests.neighbours.scripted_provider import Script, ScriptedProvider

# pydantic says so once for each of litellm's own types, whenever it happens to be built.
pytestmark = pytest.mark.filterwarnings("ignore:.* on TypedDict class .* using the `ReadOnly` qualifier:UserWarning")


async def lane(model: str, api_base: str) -> TransformUpstream:
    routes = {"arm": Route(model=model, api_key=CANARY, api_base=api_base)}
    upstream = TransformUpstream(routes, AsyncioTransport(), LitellmUpstream(routes))
    await upstream.warm()
    assert not upstream.unproven
    return upstream


class TestOpenAIsWire(UpstreamContract):
    """Every promise of the port, where litellm has next to nothing to translate."""

    resends = 1

    async def build(self, api_base: str) -> Upstream:
        return await lane("hosted_vllm/arm", api_base)


OPENAIS_ONLY = (
    "test_known_fields_pass", "test_unknown_fields_pass", "test_steering_fields_never_pass",
    "test_the_arms_key_and_no_other", "test_the_body_stays_as_it_was", "test_usage_is_always_asked_for",
    "test_the_body_is_openais", "test_every_chunk_is_openais", "test_whole_and_streamed_say_the_same",
    "test_usage_reaches_only_a_client_that_asked", "test_usage_beside_content_is_moved_to_its_own_chunk",
    "test_parallel_tool_calls", "test_refusal_and_reasoning", "test_several_choices", "test_log_probabilities",
    "test_a_finish_reason_beside_content", "test_an_error_object_in_a_200_keeps_its_status",
)  # fmt: skip
"""Tests whose scripts or expectations are OpenAI's own JSON; the equivalence tests say as much of other wires."""


class DialectContract(UpstreamContract):
    """The port's promises for a provider with a wire of its own."""

    locals().update(dict.fromkeys(OPENAIS_ONLY))

    resends = 1
    tongue: ClassVar[type[Tongue]]

    async def build(self, api_base: str) -> Upstream:
        return await lane(self.tongue.model, api_base)

    @pytest.fixture
    async def provider(self) -> AsyncIterator[ScriptedProvider]:
        async with DialectProvider(self.tongue) as provider:
            yield provider


class TestClaude(DialectContract):
    """Anthropic."""

    tongue = Claude

    @pytest.mark.parametrize("end", [{"done": False}, {"cut_after": EVENTS}, {"stall_after": EVENTS}])
    async def test_an_end_without_done_is_an_end(self, lane: Lane, end: dict[str, Any]) -> None:
        """With its finish reason the answer is whole; here the counts come in the same event."""
        lane.script(**end)
        streamed = await asyncio.wait_for(lane.stream(), 10)
        assert (streamed.text, streamed.completion.finish_reason) == ("Hello, world!", "stop")
        assert not streamed.completion.usage_estimated


class TestGemini(DialectContract):
    """Google AI Studio."""

    tongue = Gemini
    # It always counts, and litellm takes an answer without counts for none.
    test_missing_usage_is_estimated = None  # type: ignore[assignment]
    test_estimated_usage_is_sent_where_it_was_asked_for = None  # type: ignore[assignment]

    async def test_the_first_chunk_does_not_wait_for_the_last(self, lane: Lane) -> None:
        """What the provider has sent is delivered while the rest is still to be written."""
        lane.script(hold_after=3)
        stream = await asyncio.wait_for(lane.upstream.open(request()), 10)
        chunks = await asyncio.wait_for(first(stream, 3), 10)
        assert [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks] == ["", "Hello", ", "]
        assert lane.provider.finished_streams == 0
        lane.provider.release()
        assert len(await rest(stream)) == 3
        assert stream.completion().text == "Hello, world!"


LOADED = """
import asyncio, sys
from gateway.adapters.asyncio_transport import AsyncioTransport
from gateway.adapters.litellm_catalog import lookup
from gateway.adapters.litellm_loading import load_litellm
from gateway.adapters.litellm_transform import TransformUpstream
from gateway.adapters.litellm_transform_families import FAMILIES
from gateway.adapters.litellm_upstream import LitellmUpstream, Route
routes = {"arm": Route(model="anthropic/x", api_key="k")}
upstream = TransformUpstream(routes, AsyncioTransport(), LitellmUpstream(routes))
assert not upstream.ready and not upstream.unproven
asyncio.run(upstream.close())
loaded = {"litellm", "openai", "httpx", "pydantic"} & sys.modules.keys()
assert not loaded, loaded
"""


def test_litellm_is_not_imported_before_it_is_needed() -> None:
    """Importing the lane, making it and closing it cost nothing: not litellm, and none of what it brings."""
    subprocess.run([sys.executable, "-c", LOADED], check=True)


class Rest(LitellmUpstream):
    """The lane behind, which only counts what comes to it."""

    def __init__(self) -> None:
        super().__init__({})
        self.calls: list[Call] = []

    async def complete(self, call: Call) -> Reply:
        self.calls.append(call)
        return Reply(body={}, completion=COMPLETION)

    async def open(self, call: Call) -> ReplyStream:
        self.calls.append(call)
        raise UpstreamError("counted", arm_id=call.arm.id)


COMPLETION = Completion(id="x", text="", finish_reason="stop", tokens_in=0, tokens_out=0, latency_s=0, first_token_s=0)
REMOTE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}]


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", {}),
        ("gemini/gemini-2.5-flash", {"messages": REMOTE}),
        ("gemini/gemini-2.5-flash", {"messages": [{"role": "user", "content": "x", "cache_control": {}}]}),
    ],
)
async def test_what_does_not_fit_goes_the_long_way(model: str, fields: dict[str, Any]) -> None:
    """An arm of an unproven family, and a request for which litellm would have to fetch or store something first."""
    rest = Rest()
    upstream = TransformUpstream({"arm": Route(model=model, api_key="k")}, AsyncioTransport(), rest)
    await upstream.complete(request(**fields))
    with pytest.raises(UpstreamError, match="counted"):
        await upstream.open(request(**fields))
    assert len(rest.calls) == 2
    await upstream.close()


async def test_an_unproven_arm_goes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this version of litellm translates otherwise, the lane steps aside and says for whom."""
    monkeypatch.setitem(FAMILIES, "gemini", FAMILIES["anthropic"])
    rest = Rest()
    route = Route(model="gemini/gemini-not-proven", api_key="k")
    upstream = TransformUpstream({"arm": route}, AsyncioTransport(), rest)
    await upstream.warm()
    assert upstream.unproven == ("arm",)
    await upstream.complete(request())
    assert len(rest.calls) == 1
    await upstream.close()


async def test_the_cost_comes_from_the_table_where_no_price_is_configured() -> None:
    """Streamed or not; a configured price is left to the flow, which knows it."""
    async with DialectProvider(Claude) as provider:
        upstream = await lane(Claude.model, provider.url)
        table = lookup(Claude.model)
        assert table is not None
        assert table.price is not None
        expected = pytest.approx(table.price.cost_usd(11, 7))
        assert (await upstream.complete(request())).completion.cost_usd == expected
        stream = await upstream.open(request())
        assert await rest(stream)
        assert stream.completion().cost_usd == expected
        arm = Arm(id="arm", model=Claude.model, price=Price(input_usd=1.0, output_usd=1.0))
        reply = await upstream.complete(Call(arm=arm, body=request().body, limits=LIMITS))
        assert reply.completion.cost_usd is None
        await upstream.close()


async def test_nothing_is_logged_or_printed_and_no_task_is_left(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """litellm would talk of prompts and keys, and record calls in tasks of its own; here it is never asked to."""
    async with DialectProvider(Claude) as provider:
        upstream = await lane(Claude.model, provider.url)
        capfd.readouterr()
        before = asyncio.all_tasks()
        with caplog.at_level(logging.DEBUG):
            await upstream.complete(request())
            await rest(await upstream.open(request()))
            provider.scripts["arm"] = Script(status=500)
            with pytest.raises(UpstreamError):
                await upstream.complete(request())
        spoken = [record for record in caplog.records if not record.name.startswith(("asyncio", "aiohttp"))]
        assert not spoken, [(record.name, record.getMessage()) for record in spoken]
        assert capfd.readouterr() == ("", "")
        assert {task for task in asyncio.all_tasks() - before if "RequestHandler" not in repr(task)} == set()
        await upstream.close()


def test_what_a_model_can_do_is_looked_up_once() -> None:
    """litellm asks its table several times a request: what is remembered of it is what it says."""
    litellm = load_litellm()
    utils = litellm.utils
    for key in ("supports_reasoning", "supports_vision", "supports_no_such_thing"):
        for provider, model in (("anthropic", "claude-sonnet-4-5"), ("gemini", "gemini-2.5-flash"), ("openai", "x")):
            said = utils._supports_factory(model=model, custom_llm_provider=provider, key=key)
            row = litellm.model_cost.get(model if provider == "anthropic" else f"{provider}/{model}") or {}
            assert said is bool(row.get(key))
            assert utils._supports_factory(model, provider, key) is said
