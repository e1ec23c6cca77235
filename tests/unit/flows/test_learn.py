"""Settling: costs, failing reward functions, and what is written down."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from gateway.core.reward import RewardSettings
from gateway.flows.learn import Ending
from tests.builders import make_arm, make_completion, make_request
from tests.world import open_world


async def test_a_reward_that_is_not_finite_never_reaches_the_sums(tmp_path: Path) -> None:
    """The operator's own function may err: the request is served, nothing is taught, the log says why."""
    settings = RewardSettings(function="any.module:name")
    async with open_world(tmp_path, reward=settings, reward_function=lambda *_: float("nan")) as world:
        with structlog.testing.capture_logs() as logs:
            answer = await world.serve.chat(make_request(), world.clock.monotonic())
            answer.finished()
        tallies = world.learner.tallies()[answer.arm_id]
        assert (tallies.pulls, tallies.rewarded, tallies.reward) == (1.0, 0.0, 0.0)
        assert "reward_refused" in [entry["event"] for entry in logs]


async def test_the_configured_price_overrules_the_providers(tmp_path: Path) -> None:
    """An arm with a price is charged by it; one without by what the provider said, else nothing."""
    arms = (make_arm(id="small", price=None), make_arm(id="large"))
    async with open_world(tmp_path, arms=arms) as world:
        completion = make_completion(cost_usd=0.5)
        decision = world.decide.decide(world.policy, make_request())
        for arm_id in ("small", "large"):
            world.learn.settle(
                decision, make_request(), Ending(arm_id=arm_id, status="answered", completion=completion)
            )
        assert [outcome.cost_usd for outcome in world.meter.outcomes] == pytest.approx([0.5, 12e-6 + 3 * 2e-6])


async def test_prompts_and_answers_are_not_logged(tmp_path: Path) -> None:
    """No prompt, no answer text and no key stands in any event."""
    async with open_world(tmp_path) as world:
        world.upstream.script = lambda call: make_completion(text="canary-answer")
        with structlog.testing.capture_logs() as logs:
            messages = [{"role": "user", "content": "canary-prompt"}]
            answer = await world.serve.chat(make_request(messages=messages), world.clock.monotonic())
            answer.finished()
        assert world.access.settled_ids == [answer.decision.id]
        assert "canary" not in repr(logs)


async def test_an_aborted_answer_is_charged_but_not_judged(tmp_path: Path) -> None:
    """What was streamed before the client left costs money, and says nothing of quality."""
    async with open_world(tmp_path) as world:
        answer = await world.serve.chat(make_request(), world.clock.monotonic())
        answer.finished(aborted=True)
        outcome = world.meter.outcomes[0]
        assert outcome.status == "aborted"
        assert outcome.cost_usd > 0
        assert outcome.quality is None
        assert world.meter.rewards == [None]
