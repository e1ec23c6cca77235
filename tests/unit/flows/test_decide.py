"""Deciding: the propensity tells the truth, and a broken learner never reaches a caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.core.policies.split import Split
from gateway.core.rollout import RolloutState
from gateway.core.values import ChatRequest
from gateway.errors import RequestError
from gateway.flows.decide import new_id, served_mode
from tests.builders import NOW_S, make_arm, make_request
from tests.world import open_world


def _request(i: int) -> ChatRequest:
    return make_request(unit=f"unit-{i}")


@pytest.mark.parametrize("percentage", [0.0, 1.0, 25.0, 100.0])
async def test_shares_and_propensities_agree(tmp_path: Path, percentage: float) -> None:
    """Over many units each arm's share is what the logged propensities say, whoever served."""
    algorithm = Split(weights={"small": 0.75, "large": 0.25})
    state = RolloutState(stage="canary", percentage=percentage)
    async with open_world(tmp_path, algorithm=algorithm, rollout=state) as world:
        decisions = [world.decide.decide(world.policy, _request(i)) for i in range(4000)]
        expected = percentage / 100 * 0.75
        share = np.mean([d.arm_id == "small" for d in decisions])
        # 99.9 % interval of a binomial share
        assert abs(share - expected) <= 3.29 * np.sqrt(expected * (1 - expected) / 4000) + 1e-12
        for d in decisions:
            assert d.propensity == pytest.approx(expected if d.arm_id == "small" else 1 - expected)
            assert d.mode in ("live", "baseline")
            assert d.mode == "live" or d.arm_id == "large"


async def test_the_same_unit_is_always_admitted_alike(tmp_path: Path) -> None:
    """Sticky: a unit that the learner serves today is served by the learner tomorrow."""
    async with open_world(tmp_path, rollout=RolloutState(stage="canary", percentage=50)) as world:
        for i in range(50):
            modes = {world.decide.decide(world.policy, _request(i)).mode for _ in range(5)}
            assert len(modes) == 1


async def test_a_learner_that_raises_leaves_the_baseline_serving(tmp_path: Path) -> None:
    """Learning may fail, serving may not."""
    async with open_world(tmp_path) as world:

        def broken(*_: Any) -> None:
            raise FloatingPointError("singular")

        world.learner.choose = broken  # type: ignore[method-assign,assignment]
        decision = world.decide.decide(world.policy, make_request())
        assert (decision.arm_id, decision.mode, decision.propensity) == ("large", "baseline", 1.0)
        assert decision.reason == "learner failed: FloatingPointError"
        assert decision.order == ("large", "small")


async def test_the_kill_switch_is_named_as_the_reason(tmp_path: Path) -> None:
    """Killed means the baseline, whatever the stage, and the learner is not asked."""
    async with open_world(tmp_path, rollout=RolloutState(stage="full", killed=True)) as world:
        decision = world.decide.decide(world.policy, make_request())
        assert (decision.arm_id, decision.mode, decision.reason) == ("large", "baseline", "kill switch")
        assert decision.proposal is None


async def test_an_ineligible_baseline_is_replaced(tmp_path: Path) -> None:
    """A baseline that cannot serve the request gives way to the first arm that can."""
    arms = (make_arm(id="small", supports=frozenset({"vision"})), make_arm(id="large", supports=frozenset()))
    async with open_world(tmp_path, arms=arms, rollout=RolloutState()) as world:
        decision = world.decide.decide(world.policy, make_request(needs=frozenset({"vision"})))
        assert (decision.arm_id, decision.order) == ("small", ("small",))
        with pytest.raises(RequestError):
            world.decide.decide(world.policy, make_request(needs=frozenset({"vision", "audio"})))


async def test_fallbacks_follow_the_scores(tmp_path: Path) -> None:
    """The decision's arm first, then the others from the best score down."""
    arms = tuple(make_arm(id=name) for name in "abcd")
    async with open_world(tmp_path, arms=arms) as world:
        for i in range(20):
            decision = world.decide.decide(world.policy, _request(i))
            rest = [decision.scores[id] for id in decision.order[1:]]
            assert decision.order[0] == decision.arm_id
            assert sorted(decision.order) == list("abcd")
            assert rest == sorted(rest, reverse=True)


def test_ids_are_unguessable() -> None:
    """128 random bits each, behind the second in which they were made."""
    ids = {new_id(NOW_S) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(id.startswith("dec_") and len(bytes.fromhex(id[12:])) == 16 for id in ids)
    assert {int(id[4:12], 16) for id in ids} == {int(NOW_S)}


async def test_an_answer_from_another_arm_is_called_a_fallback(tmp_path: Path) -> None:
    """The mode a client reads says what happened, not what was planned."""
    async with open_world(tmp_path) as world:
        decision = world.decide.decide(world.policy, make_request())
        assert served_mode(decision, decision.arm_id) == "live"
        assert served_mode(decision, "another") == "fallback"


async def test_a_request_may_be_left_out_of_shadowing(tmp_path: Path) -> None:
    """x-gateway-shadow: off: in the shadow stage the learner is not asked; in the others it changes nothing."""
    async with open_world(tmp_path, rollout=RolloutState(stage="shadow")) as world:
        decision = world.decide.decide(world.policy, make_request(shadowed=False))
        assert (decision.mode, decision.arm_id, decision.proposal) == ("baseline", "large", None)
        assert world.decide.decide(world.policy, make_request()).proposal is not None
    async with open_world(tmp_path) as world:
        assert world.decide.decide(world.policy, make_request(shadowed=False)).mode == "live"
