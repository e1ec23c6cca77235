"""Sync: a store that fails loses nothing and doubles nothing; switches travel; a kill needs no store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.core.rollout import RolloutState, change
from gateway.errors import StoreError
from gateway.flows.ports import Batch, StateStore
from tests.builders import make_request
from tests.world import World, open_world


class FlakyStore:
    """Forwards to a real store, but fails as told: before the work is done, or after (a lost reply)."""

    def __init__(self, real: StateStore) -> None:
        self._real = real
        self.fail_before = 0
        self.lose_reply = 0
        self.refuse = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def record(self, batch: Batch) -> Sequence[str]:
        if self.refuse:
            self.refuse -= 1
            raise ValueError("not finite")
        if self.fail_before:
            self.fail_before -= 1
            raise StoreError("away")
        rated = await self._real.record(batch)
        if self.lose_reply:
            self.lose_reply -= 1
            raise StoreError("reply lost")
        return rated

    async def put_rollout(self, policy: str, state: RolloutState) -> bool:
        if self.fail_before:
            raise StoreError("away")
        return await self._real.put_rollout(policy, state)

    async def rollouts(self) -> object:
        if self.fail_before:
            raise StoreError("away")
        return await self._real.rollouts()


async def _answer(world: World) -> str:
    answer = await world.serve.chat(make_request(), world.clock.monotonic())
    answer.finished()
    return answer.decision.id


def _flaky(world: World) -> FlakyStore:
    assert isinstance(world.store, FlakyStore)
    return world.store


@pytest.mark.parametrize("fault", ["fail_before", "lose_reply"])
async def test_a_failed_push_counts_once_in_the_end(tmp_path: Path, fault: str) -> None:
    """Whether the store failed before or after its work, every outcome is in the sums exactly once."""
    async with open_world(tmp_path, wrap=FlakyStore) as world:  # type: ignore[arg-type]
        for i in range(12):
            await _answer(world)
            setattr(_flaky(world), fault, 1 if i % 3 else 0)
            await world.sync.tick()
        await world.sync.flush()
        assert world.sync.backlog == 0
        assert sum(t.pulls for t in world.learner.tallies().values()) == 12.0
        sums = await world.store.sums(world.learner.key, 0)
        assert sums is not None
        assert sum(s.tallies.pulls for s in sums.totals.values()) == 12.0


async def test_health_follows_the_store(tmp_path: Path) -> None:
    """A failed round makes the store degraded, the next good one heals it; `flush` raises, `tick` does not."""
    async with open_world(tmp_path, wrap=FlakyStore) as world:  # type: ignore[arg-type]
        seen: list[tuple[bool, int]] = []

        async def tick() -> None:
            await world.sync.tick()
            seen.append((world.sync.healthy, world.sync.backlog))

        await tick()
        await _answer(world)
        _flaky(world).fail_before = 2
        await tick()
        with pytest.raises(StoreError):
            await world.sync.flush()
        await tick()
        assert seen == [(True, 0), (False, 2), (True, 0)]


async def test_a_poisoned_batch_does_not_hold_up_the_next(tmp_path: Path) -> None:
    """What the store will never take is dropped, counted, and stops counting in this replica too."""
    async with open_world(tmp_path, wrap=FlakyStore) as world:  # type: ignore[arg-type]
        await _answer(world)
        _flaky(world).refuse = 1
        await world.sync.flush()
        assert world.meter.losses == [("batches", 1)]
        assert sum(t.pulls for t in world.learner.tallies().values()) == 0.0
        kept = await _answer(world)
        await world.sync.flush()
        assert await world.store.find(kept) is not None


async def test_a_change_reaches_another_replica(tmp_path: Path) -> None:
    """What one replica switches, the other serves by after its next round."""
    async with open_world(tmp_path) as one, open_world(tmp_path) as two:
        await one.sync.put_switch(
            "default", lambda state: change(state, stage=None, percentage=25, now_s=1.0, by="test")
        )
        await two.sync.tick()
        assert two.switches.state("default") == one.switches.state("default")
        assert two.switches.state("default").percentage == 25.0


async def test_two_replicas_change_at_once(tmp_path: Path) -> None:
    """A replica that was overtaken starts over from the newer state: no change is lost, versions never fork."""
    async with open_world(tmp_path) as one, open_world(tmp_path) as two:

        def to(percentage: float) -> Callable[[RolloutState], RolloutState]:
            return lambda state: change(state, stage=None, percentage=percentage, now_s=1.0, by="test")

        for percentage in (10, 20, 30):
            for world in (one, two):
                await world.sync.put_switch("default", to(percentage))
        stored = (await one.store.rollouts())["default"]
        assert (stored.version, stored.percentage) == (6, 30.0)


async def test_kill_works_without_the_store(tmp_path: Path) -> None:
    """The kill is in force here at once, and reaches the store and the others as soon as it answers."""
    async with open_world(tmp_path, wrap=FlakyStore) as one, open_world(tmp_path) as two:  # type: ignore[arg-type]
        _flaky(one).fail_before = 1
        await one.sync.kill("default", by="test")
        assert one.switches.state("default").share == 0.0
        _flaky(one).fail_before = 0
        await one.sync.tick()
        await two.sync.tick()
        assert two.switches.state("default").killed
        await two.sync.put_switch("default", lambda s: change(s, stage="full", percentage=None, now_s=2.0, by="test"))
        await one.sync.tick()
        assert one.switches.state("default").share == 1.0


async def test_a_restart_continues_where_it_was(tmp_path: Path) -> None:
    """A new replica on the same file knows the sums and the switches of the old one, to the last bit."""
    async with open_world(tmp_path) as world:
        for _ in range(20):
            await _answer(world)
        await world.sync.put_switch(
            "default", lambda state: change(state, stage="shadow", percentage=None, now_s=1.0, by="test")
        )
        await world.sync.flush()
        before = world.learner.statistics()
    async with open_world(tmp_path) as world:
        await world.sync.tick()
        after = world.learner.statistics()
        assert world.switches.state("default").stage == "shadow"
        for arm_id, sums in before.items():
            assert after[arm_id].to_bytes() == sums.to_bytes()
