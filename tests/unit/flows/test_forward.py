"""Forwarding: attempts are bounded by order, number, deadline and budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.rollout import RolloutState
from gateway.core.values import Completion
from gateway.errors import UpstreamError
from gateway.flows.forward import ForwardingError
from gateway.flows.ports import Call
from tests.builders import make_arm, make_completion, make_request
from tests.world import open_world

ARMS = tuple(make_arm(id=name) for name in "abcde")


async def test_no_more_attempts_than_configured(tmp_path: Path) -> None:
    """max_attempts counts the first call too, and no arm is asked twice."""
    async with open_world(tmp_path, arms=ARMS, max_attempts=3) as world:
        world.upstream.script = lambda call: UpstreamError("down", arm_id=call.arm.id)
        decision = world.decide.decide(world.policy, make_request())
        with pytest.raises(ForwardingError) as caught:
            await world.forward.complete(world.policy, decision, make_request())
        asked = [call.arm.id for call in world.upstream.calls]
        assert asked == list(decision.order[:3])
        assert [attempt.arm_id for attempt in caught.value.failed] == asked


async def test_the_clients_deadline_only_lowers_ours(tmp_path: Path) -> None:
    """x-gateway-timeout-s below the policy's limit is what the upstream gets; above it changes nothing."""
    async with open_world(tmp_path) as world:
        for asked, expected in ((2.0, 2.0), (1e6, 600.0)):
            request = make_request(timeout_s=asked)
            decision = world.decide.decide(world.policy, request)
            await world.forward.complete(world.policy, decision, request)
            assert world.upstream.calls[-1].limits.total_s == pytest.approx(expected)


async def test_later_attempts_have_what_is_left_of_the_deadline(tmp_path: Path) -> None:
    """One deadline for all attempts together; when it is over there is no further one."""
    async with open_world(tmp_path, arms=ARMS) as world:

        def slow(call: Call) -> Completion | UpstreamError:
            world.clock.advance(4.0)
            return UpstreamError("slow", arm_id=call.arm.id)

        world.upstream.script = slow
        request = make_request(timeout_s=6.0)
        decision = world.decide.decide(world.policy, request)
        with pytest.raises(ForwardingError):
            await world.forward.complete(world.policy, decision, request)
        assert [call.limits.total_s for call in world.upstream.calls] == pytest.approx([6.0, 2.0])


async def test_the_clients_body_reaches_the_upstream_unchanged(tmp_path: Path) -> None:
    """The flow passes the body on as it is: what may be sent is the adapter's business."""
    async with open_world(tmp_path) as world:
        request = make_request()
        decision = world.decide.decide(world.policy, request)
        await world.forward.complete(world.policy, decision, request)
        assert world.upstream.calls[0].body is request.body


async def test_an_outage_uses_up_the_retry_budget(tmp_path: Path) -> None:
    """With every arm down, calls stay within requests x 1.2 plus the floor."""
    async with open_world(tmp_path) as world:
        world.upstream.script = lambda call: UpstreamError("down", arm_id=call.arm.id)
        for _ in range(200):
            request = make_request()
            decision = world.decide.decide(world.policy, request)
            with pytest.raises(ForwardingError):
                await world.forward.complete(world.policy, decision, request)
        assert len(world.upstream.calls) <= 200 * 1.2 + 3


async def test_a_dead_baseline_beside_a_healthy_arm_fails_nobody(tmp_path: Path) -> None:
    """Falling over is what retries are for: a hundred requests in a row are answered by the other arm."""
    async with open_world(tmp_path, rollout=RolloutState()) as world:
        world.upstream.script = lambda call: (
            UpstreamError("down", arm_id="large") if call.arm.id == "large" else make_completion()
        )
        for _ in range(100):
            request = make_request()
            decision = world.decide.decide(world.policy, request)
            forwarded = await world.forward.complete(world.policy, decision, request)
            assert (decision.arm_id, forwarded.arm.id) == ("large", "small")


async def test_no_attempt_is_made_in_the_last_moment(tmp_path: Path) -> None:
    """A second arm that gets a few milliseconds would only be blamed for the first one's delay."""
    async with open_world(tmp_path, arms=ARMS) as world:

        def slow(call: Call) -> Completion | UpstreamError:
            world.clock.advance(1.95)
            return UpstreamError("slow", arm_id=call.arm.id)

        world.upstream.script = slow
        request = make_request(timeout_s=2.0)
        decision = world.decide.decide(world.policy, request)
        with pytest.raises(ForwardingError) as caught:
            await world.forward.complete(world.policy, decision, request)
        assert [attempt.arm_id for attempt in caught.value.failed] == [decision.arm_id]
