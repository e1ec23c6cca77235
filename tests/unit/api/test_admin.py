"""Administration: what is shown adds up, what is switched takes effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serving import serving

PATH = "/admin/policies/default"


async def test_a_policy_shows_its_arms(tmp_path: Path) -> None:
    """Pulls and rewards are those of the requests served, and spend is their cost."""
    async with serving(tmp_path) as client:
        for _ in range(8):
            await client.chat()
        _, policy, _ = await client.send("GET", PATH)
        assert (policy["stage"], policy["baseline"], policy["algorithm"]) == ("full", "org/large", "linucb")
        assert sum(arm["pulls"] for arm in policy["arms"]) == 8
        assert sum(arm["rewarded"] for arm in policy["arms"]) == 8
        spend = sum(arm["pulls"] * (arm["mean_cost_usd"] or 0) for arm in policy["arms"])
        assert policy["spend_usd"] == pytest.approx(spend)
        assert {arm["state"] for arm in policy["arms"]} == {"warming_up"}
        _, every, _ = await client.send("GET", "/admin/policies")
        assert every == {"policies": [policy]}


@pytest.mark.parametrize("stage", ["off", "shadow", "canary", "full"])
async def test_a_stage_is_set_at_once(tmp_path: Path, stage: str) -> None:
    """The answer and the next request's mode both say so."""
    async with serving(tmp_path) as client:
        status, policy, _ = await client.send("PUT", f"{PATH}/rollout", {"stage": stage, "percentage": 100})
        assert (status, policy["stage"]) == (200, stage)
        mode = {"off": "baseline", "shadow": "shadow", "canary": "live", "full": "live"}[stage]
        assert (await client.chat())[2]["x-gateway-mode"] == mode


async def test_a_percentage_alone_means_canary(tmp_path: Path) -> None:
    """As the command line sends it."""
    async with serving(tmp_path) as client:
        _, policy, _ = await client.send("PUT", f"{PATH}/rollout", {"percentage": 0})
        assert (policy["stage"], policy["percentage"]) == ("canary", 0.0)
        for _ in range(10):
            assert (await client.chat())[2]["x-gateway-mode"] == "baseline"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"stage": "half"}, "stage"),
        ({"stage": 5}, "stage"),
        ({"percentage": 101}, "percentage"),
        ({"percentage": "25"}, "percentage"),
        ({"percentage": True}, "percentage"),
        ({"percent": 25}, "percent"),
    ],
)
async def test_a_wrong_rollout_changes_nothing(tmp_path: Path, body: dict[str, Any], param: str | None) -> None:
    """400 naming the field; stage and version stay."""
    async with serving(tmp_path) as client:
        _, before, _ = await client.send("GET", PATH)
        status, answer, _ = await client.send("PUT", f"{PATH}/rollout", body)
        assert status == 400
        assert param is None or answer["error"]["param"] == param
        assert (await client.send("GET", PATH))[1] == before


async def test_the_kill_switch(tmp_path: Path) -> None:
    """The baseline serves at once; setting a stage again ends it."""
    async with serving(tmp_path) as client:
        _, policy, _ = await client.send("POST", f"{PATH}/kill", {})
        assert policy["killed"] is True
        _, _, headers = await client.chat()
        assert (headers["x-gateway-mode"], headers["x-gateway-model"]) == ("baseline", "org/large")
        await client.send("PUT", f"{PATH}/rollout", {"stage": "full"})
        assert (await client.chat())[2]["x-gateway-mode"] == "live"


async def test_a_decision_tells_its_story(tmp_path: Path) -> None:
    """Scores, propensity, outcome, reward with parts, feedback: and never the prompt or the answer."""
    async with serving(tmp_path) as client:
        prompt = [{"role": "user", "content": "canary prompt"}]
        _, _, headers = await client.chat(messages=prompt)
        id = headers["x-gateway-decision-id"]
        await client.send("POST", "/v1/feedback", {"id": id, "thumb": "up", "comment": "nice"})
        status, record, _ = await client.send("GET", f"/admin/decisions/{id}")
        assert status == 200
        assert set(record["scores"]) == {"small", "org/large"}
        assert 0 < record["propensity"] <= 1
        assert record["outcome"]["status"] == "answered"
        assert record["reward"]["source"] == "feedback"
        assert record["feedback"] == {"score": 1.0, "signals": {}, "comment": "nice"}
        assert "canary" not in str(record)
        _, listing, _ = await client.send("GET", "/admin/decisions?limit=5")
        assert [entry["id"] for entry in listing["decisions"]] == [id]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1001", "²"])
async def test_a_wrong_limit_is_refused(tmp_path: Path, limit: str) -> None:
    """400 naming `limit`."""
    async with serving(tmp_path) as client:
        status, answer, _ = await client.send("GET", f"/admin/decisions?limit={limit}")
        assert (status, answer["error"]["param"]) == (400, "limit")
