"""The upstream's contract over litellm, by each of its two ways to OpenAI's wire, and what only this lane promises."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar

import numpy as np
import pytest

from gateway.adapters.litellm_catalog import lookup
from gateway.adapters.litellm_loading import load_litellm
from gateway.adapters.litellm_upstream import LitellmUpstream, Route
from gateway.core.values import Arm, Price
from gateway.errors import UpstreamError
from gateway.flows.ports import Call, Upstream
from tests.contract.upstream_fixtures import CANARY, LIMITS, Lane, request
from tests.contract.upstream_suite import UpstreamContract

# litellm prepares a call in a thread, which cannot be cancelled: the coroutine that it returns then is never awaited,
# and nothing has been sent.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:coroutine '(OpenAIChatCompletion|BaseLLMHTTPHandler)\..*' was never awaited:RuntimeWarning"
)


class LitellmContract(UpstreamContract):
    """Every promise of the port, for a provider that litellm reaches by this prefix."""

    prefix: ClassVar[str]

    async def build(self, api_base: str) -> Upstream:
        upstream = LitellmUpstream({"arm": Route(model=f"{self.prefix}/arm", api_key=CANARY, api_base=api_base)})
        await upstream.warm()
        return upstream


class TestOpenAISdk(LitellmContract):
    """The providers that litellm reaches through OpenAI's SDK."""

    prefix = "openai"

    async def test_no_key_of_the_environment_goes_to_another_host(
        self, lane: Lane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server of one's own needs no key, and must not be sent the one that is meant for OpenAI."""
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
        upstream = LitellmUpstream({"arm": Route(model="openai/arm", api_base=lane.provider.url)})
        await upstream.complete(request())
        assert "environment" not in str(lane.provider.requests[0].headers)

    async def test_an_unknown_provider_is_the_operators_mistake(self, lane: Lane) -> None:
        """It is found when the arm is called, names the model, and lets another arm serve."""
        upstream = LitellmUpstream({"arm": Route(model="no-such-provider-or-model")})
        with pytest.raises(UpstreamError, match="no-such-provider") as caught:
            await upstream.complete(request())
        assert (caught.value.status, caught.value.code) == (502, "upstream_misconfigured")

    async def test_routes_may_add_arguments_but_not_tries(self, lane: Lane) -> None:
        """What a provider needs beyond a key comes from its configuration; retries stay ours."""
        extra = {"extra_headers": {"x-tenant": "t"}, "max_retries": 5, "num_retries": 5, "timeout": 0.0001}
        route = Route(model="openai/arm", api_key=CANARY, api_base=lane.provider.url, extra=extra)
        upstream = LitellmUpstream({"arm": route})
        lane.script(status=500)
        with pytest.raises(UpstreamError):
            await upstream.complete(request())
        assert lane.hits == 1
        assert lane.provider.requests[0].headers["x-tenant"] == "t"

    async def test_the_cost_comes_from_the_table_where_no_price_is_configured(self, lane: Lane) -> None:
        """Streamed or not; a configured price is left to the flow, which knows it."""
        url = f"{lane.provider.url}"
        upstream = LitellmUpstream({"arm": Route(model="openai/gpt-4o-mini", api_key=CANARY, api_base=url)})
        table = lookup("openai/gpt-4o-mini")
        assert table is not None
        assert table.price is not None
        expected = table.price.cost_usd(11, 7)
        call = request()
        assert (await upstream.complete(call)).completion.cost_usd == pytest.approx(expected)
        stream = await upstream.open(call)
        assert [block async for block in stream]
        assert stream.completion().cost_usd == pytest.approx(expected)
        priced = Arm(id="arm", model="openai/gpt-4o-mini", price=Price(input_usd=1.0, output_usd=1.0))
        reply = await upstream.complete(Call(arm=priced, body=call.body, limits=LIMITS))
        assert reply.completion.cost_usd is None

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_the_providers_own_price_wins(self, lane: Lane, streamed: bool) -> None:
        """Aggregators report what they charge."""
        lane.script(usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "cost": 0.125})
        assert (await lane.either(streamed=streamed)).cost_usd == 0.125

    async def test_nothing_is_logged_or_printed(
        self, lane: Lane, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """litellm talks on several channels, of prompts and keys too: here it is silent, in success and failure."""
        with caplog.at_level(logging.DEBUG):
            await lane.complete(messages=[{"role": "user", "content": "canary prompt"}])
            await lane.stream(messages=[{"role": "user", "content": "canary prompt"}])
            lane.script(status=500)
            with pytest.raises(UpstreamError):
                await lane.complete()
        spoken = [record for record in caplog.records if not record.name.startswith(("asyncio", "aiohttp"))]
        assert not spoken, [(record.name, record.getMessage()) for record in spoken]
        assert capfd.readouterr() == ("", "")

    async def test_no_task_is_left_behind(self, lane: Lane) -> None:
        """litellm records calls in background tasks of its own; here it has nothing to record."""

        def ours() -> set[asyncio.Task[object]]:
            return {task for task in asyncio.all_tasks() if "RequestHandler" not in repr(task)}

        before = ours()
        for _ in range(3):
            await lane.complete()
            await lane.stream()
        lane.script(status=500)
        with pytest.raises(UpstreamError):
            await lane.stream()
        for _ in range(200):  # the collector may just be closing a generator of litellm's, in a task of its own
            if ours() == before:
                break
            await asyncio.sleep(0.01)
        assert ours() == before


class TestHttpHandler(LitellmContract):
    """The providers that litellm reaches through its own HTTP handler."""

    prefix = "hosted_vllm"


def test_the_catalog_reads_what_litellm_reads() -> None:
    """Price and context of litellm's own lookup, for models drawn at random from all its chat models."""
    litellm = load_litellm()
    # Of an ollama model litellm would ask a server; of lemonade's it says less than its table.
    odd = ("ollama", "lemonade")
    rows = [(name, row) for name, row in litellm.model_cost.items() if row.get("mode") == "chat"]
    chat = sorted(name for name, row in rows if not any(word in row["litellm_provider"] for word in odd))
    drawn = np.random.default_rng(7).choice(chat, 300, replace=False).tolist()
    compared = 0
    for name in drawn:
        row = litellm.model_cost[name]
        model = name if name.startswith(f"{row['litellm_provider']}/") else f"{row['litellm_provider']}/{name}"
        ours = lookup(model)
        try:
            theirs = litellm.get_model_info(model)
        except Exception:  # noqa: BLE001, RUF100, S112 -- its lookup does not know every key of its own table
            continue
        assert ours is not None, model
        if theirs["key"] != name:
            continue
        compared += 1
        if row.get("input_cost_per_token") is not None and row.get("output_cost_per_token") is not None:
            assert ours.price == Price(
                input_usd=theirs["input_cost_per_token"], output_usd=theirs["output_cost_per_token"]
            )
        assert ours.max_context_tokens == (theirs["max_input_tokens"] or theirs["max_tokens"] or None)
        assert ("tools" in ours.supports) == bool(theirs["supports_function_calling"])
        assert ("vision" in ours.supports) == bool(theirs["supports_vision"])
    assert compared > 200
