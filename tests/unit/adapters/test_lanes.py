"""Each call takes its arm's lane."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from gateway.adapters.lanes import Lanes
from gateway.core.values import Arm
from gateway.errors import UpstreamError
from gateway.flows.ports import Call, Limits, Reply, ReplyStream

LIMITS = Limits(connect_s=1, first_token_s=1, idle_s=1, total_s=1)


@dataclass
class Named:
    """An upstream that says its name where an answer would be, and counts what is asked of it."""

    name: str
    ready: bool = False
    closed: int = 0
    calls: list[str] = field(default_factory=list)

    async def complete(self, call: Call) -> Reply:
        self.calls.append(f"complete {call.arm.id}")
        raise UpstreamError(self.name, arm_id=call.arm.id)

    async def open(self, call: Call) -> ReplyStream:
        self.calls.append(f"open {call.arm.id}")
        raise UpstreamError(self.name, arm_id=call.arm.id)

    async def warm(self) -> None:
        self.ready = True

    async def close(self) -> None:
        self.closed += 1


def call(arm_id: str) -> Call:
    return Call(arm=Arm(id=arm_id, model="m"), body={}, limits=LIMITS)


async def test_each_arm_has_its_lane() -> None:
    """Whole or streamed."""
    one, two = Named("one"), Named("two")
    lanes = Lanes({"a": one, "b": two, "c": two})
    for arm_id, name in (("a", "one"), ("b", "two"), ("c", "two")):
        with pytest.raises(UpstreamError, match=name):
            await lanes.complete(call(arm_id))
        with pytest.raises(UpstreamError, match=name):
            await lanes.open(call(arm_id))
    assert (one.calls, len(two.calls)) == (["complete a", "open a"], 4)


async def test_an_arm_without_a_lane() -> None:
    """It is an upstream's error, so that another arm can serve."""
    with pytest.raises(UpstreamError, match="lost") as caught:
        await Lanes({}).complete(call("lost"))
    assert caught.value.arm_id == "lost"


async def test_ready_when_all_are() -> None:
    """A lane that needs no loading never holds the others up."""
    slow, slower = Named("slow"), Named("slower")
    lanes = Lanes({"a": slow}, loading=(slow, slower))
    await slow.warm()
    assert [lanes.ready, Lanes({"a": Named("x")}).ready] == [False, True]
    await lanes.warm()
    assert lanes.ready


async def test_each_lane_is_closed_once() -> None:
    """However many arms it serves."""
    one, two = Named("one"), Named("two")
    await Lanes({"a": one, "b": two, "c": two}).close()
    assert (one.closed, two.closed) == (1, 1)
