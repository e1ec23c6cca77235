"""Serving: one decision per request, one settlement per decision, however it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.core.rollout import RolloutState
from gateway.core.values import Completion
from gateway.errors import NotFoundError, UpstreamError, UpstreamInvalidError, UpstreamRejectedError
from gateway.flows.ports import Call, Reply
from gateway.flows.serve import ServingError
from tests.builders import make_completion, make_request
from tests.fakes import FakeStream
from tests.world import open_world


async def test_an_answer_is_decided_logged_and_learned(tmp_path: Path) -> None:
    """After a whole answer the store holds decision, outcome and reward, and the sums of its arm hold one pull."""
    async with open_world(tmp_path) as world:
        answer = await world.serve.chat(make_request(), world.clock.monotonic())
        assert isinstance(answer.result, Reply)
        answer.finished()
        await world.sync.flush()
        record = await world.store.find(answer.decision.id)
        assert record is not None
        assert record.settled is not None
        assert record.settled.outcome.status == "answered"
        assert record.settled.reward is not None
        tallies = world.learner.tallies()[answer.arm_id]
        assert (tallies.pulls, tallies.rewarded) == (1.0, 1.0)
        assert tallies.reward == pytest.approx(record.settled.reward.value)
        cost = world.policy.arm(answer.arm_id).price
        assert cost is not None
        assert tallies.cost_usd == pytest.approx(cost.cost_usd(12, 3))


async def test_finishing_twice_settles_once(tmp_path: Path) -> None:
    """A cancellation that arrives after the end must not count the request a second time."""
    async with open_world(tmp_path) as world:
        answer = await world.serve.chat(make_request(), world.clock.monotonic())
        answer.finished()
        answer.finished(aborted=True)
        assert [outcome.status for outcome in world.meter.outcomes] == ["answered"]


async def test_a_failing_arm_falls_over_and_both_are_remembered(tmp_path: Path) -> None:
    """Another arm answers; the failed call counts as a failure of the first arm and teaches nothing of its quality."""
    async with open_world(tmp_path) as world:

        def script(call: Call) -> Completion | UpstreamError:
            if len(world.upstream.calls) == 1:
                return UpstreamError("down", arm_id=call.arm.id)
            return make_completion()

        world.upstream.script = script
        answer = await world.serve.chat(make_request(), world.clock.monotonic())
        first, second = (call.arm.id for call in world.upstream.calls)
        assert (answer.arm_id, answer.mode, answer.attempts) == (second, "fallback", 2)
        answer.finished()
        tallies = world.learner.tallies()
        assert (tallies[first].failures, tallies[first].rewarded, tallies[first].pulls) == (1.0, 0.0, 0.0)
        assert (tallies[second].pulls, tallies[second].rewarded) == (1.0, 1.0)


async def test_a_models_own_failure_is_worth_nothing(tmp_path: Path) -> None:
    """An unreadable reply is the model's fault: its arm earns reward 0 although another arm saved the request."""
    async with open_world(tmp_path) as world:

        def script(call: Call) -> Completion | UpstreamError:
            if len(world.upstream.calls) == 1:
                return UpstreamInvalidError("no choices", arm_id=call.arm.id)
            return make_completion()

        world.upstream.script = script
        answer = await world.serve.chat(make_request(), world.clock.monotonic())
        answer.finished()
        failed = world.learner.tallies()[world.upstream.calls[0].arm.id]
        assert (failed.pulls, failed.rewarded, failed.reward, failed.failures) == (1.0, 1.0, 0.0, 1.0)


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_an_empty_answer_is_worth_nothing(tmp_path: Path, text: str) -> None:
    """Cheap and quick does not make up for saying nothing."""
    async with open_world(tmp_path) as world:
        world.upstream.script = lambda call: make_completion(text=text)
        answer = await world.serve.chat(make_request(), world.clock.monotonic())
        answer.finished()
        assert (world.meter.outcomes[0].status, world.meter.outcomes[0].attempts) == ("failed", 1)
        reward = world.meter.rewards[0]
        assert reward is not None
        assert reward.value == 0.0


async def test_all_arms_down_is_an_error_with_its_decision(tmp_path: Path) -> None:
    """The client learns the last error and the decision's id; infrastructure earns no reward."""
    async with open_world(tmp_path) as world:
        world.upstream.script = lambda call: UpstreamError("down", arm_id=call.arm.id)
        with pytest.raises(ServingError) as caught:
            await world.serve.chat(make_request(), world.clock.monotonic())
        assert caught.value.attempts == 2
        assert caught.value.cause.status == 502
        assert [outcome.status for outcome in world.meter.outcomes] == ["unreachable"]
        assert world.meter.rewards == [None]
        assert sum(t.failures for t in world.learner.tallies().values()) == 2.0


async def test_a_rejected_request_is_not_sent_elsewhere(tmp_path: Path) -> None:
    """What one provider refuses as such, the next would refuse as well: one call, no reward."""
    async with open_world(tmp_path) as world:
        world.upstream.script = lambda call: UpstreamRejectedError("bad schema", arm_id=call.arm.id)
        with pytest.raises(ServingError):
            await world.serve.chat(make_request(), world.clock.monotonic())
        assert len(world.upstream.calls) == 1
        assert [outcome.status for outcome in world.meter.outcomes] == ["rejected"]
        assert world.meter.rewards == [None]


async def test_a_client_that_leaves_before_the_answer_is_settled_as_aborted(tmp_path: Path) -> None:
    """Cancellation while waiting for the provider leaves one outcome, neither good nor bad."""
    async with open_world(tmp_path) as world:
        world.upstream.gate = asyncio.Event()
        waiting = asyncio.get_running_loop().create_task(world.serve.chat(make_request(), world.clock.monotonic()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert [outcome.status for outcome in world.meter.outcomes] == ["aborted"]
        assert world.meter.rewards == [None]


async def test_a_stream_that_breaks_is_not_called_a_success(tmp_path: Path) -> None:
    """The error reaches whoever sends the stream, the upstream is closed, and the outcome is the failure."""
    async with open_world(tmp_path) as world:
        answer = await world.serve.chat(make_request(stream=True), world.clock.monotonic())
        broken = FakeStream([b"data: one\n\n", UpstreamError("cut", arm_id=answer.arm_id)], make_completion())
        answer.result = broken
        with pytest.raises(UpstreamError, match="cut"):
            async for _ in answer.blocks():
                pass
        answer.finished()
        assert broken.closed
        assert [outcome.status for outcome in world.meter.outcomes] == ["unreachable"]


async def test_a_pinned_model_is_logged_but_teaches_nobody(tmp_path: Path) -> None:
    """A client's own choice of model says nothing of how the policy should choose; feedback on it neither."""
    async with open_world(tmp_path) as world:
        answer = await world.serve.chat(make_request(model="small"), world.clock.monotonic())
        answer.finished()
        assert (answer.arm_id, answer.mode, answer.decision.propensity) == ("small", "pinned", 1.0)
        await world.sync.flush()
        assert await world.store.find(answer.decision.id) is not None
        assert sum(t.pulls + t.rewarded for t in world.learner.tallies().values()) == 0.0


async def test_an_unknown_model_is_named_with_the_known_ones(tmp_path: Path) -> None:
    """404 with param `model`, before anything is decided or sent."""
    async with open_world(tmp_path) as world:
        with pytest.raises(NotFoundError, match="auto, auto:default, small, large") as caught:
            await world.serve.chat(make_request(model="auto:other"), world.clock.monotonic())
        assert (caught.value.param, caught.value.code) == ("model", "model_not_found")
        assert not world.upstream.calls


@pytest.mark.parametrize(("state", "mode"), [(RolloutState(), "baseline"), (RolloutState(stage="shadow"), "shadow")])
async def test_without_admission_the_baseline_serves(tmp_path: Path, state: RolloutState, mode: str) -> None:
    """Off and shadow: every answer is the baseline's, with propensity 1."""
    async with open_world(tmp_path, rollout=state) as world:
        for i in range(20):
            answer = await world.serve.chat(make_request(unit=f"u{i}"), world.clock.monotonic())
            assert (answer.arm_id, answer.mode, answer.decision.propensity) == ("large", mode, 1.0)
