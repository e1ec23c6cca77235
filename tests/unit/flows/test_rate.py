"""Rating: exact revision, durable promises, and the refusals of the public face."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from gateway.core.values import Feedback
from gateway.errors import ConflictError, GoneError, NotFoundError, StoreError
from tests.builders import make_request
from tests.world import World, open_world


async def _answer(world: World, seed: int = 0) -> str:
    messages = [{"role": "user", "content": f"What is {seed} + 2?"}]
    answer = await world.serve.chat(make_request(messages=messages), world.clock.monotonic())
    answer.finished()
    return answer.decision.id


async def test_a_late_rating_equals_having_known_it_at_once(tmp_path: Path) -> None:
    """Sums after late ratings are, to 1e-9, those rebuilt from the decisions with their final rewards."""
    async with open_world(tmp_path) as world:
        ids = [await _answer(world, i) for i in range(12)]
        for i, id in enumerate(ids):
            await world.rate.rate(id, "acme", Feedback(score=(i % 5) / 4), revise=False)
            if i % 4 == 0:
                await world.rate.rate(id, "acme", Feedback(score=0.9), revise=True)
        records = [record for id in ids if (record := await world.store.find(id)) is not None]
        for arm_id, sums in world.learner.statistics().items():
            moment = np.zeros_like(sums.moment)
            gram = np.zeros_like(sums.gram)
            total = 0.0
            for record in records:
                assert record.settled is not None
                assert record.settled.reward is not None
                if record.settled.outcome.arm_id == arm_id:
                    x = record.decision.context.features
                    moment = moment + record.settled.reward.value * x
                    gram = gram + np.outer(x, x)
                    total += record.settled.reward.value
            np.testing.assert_allclose(sums.moment, moment, atol=1e-9)
            np.testing.assert_allclose(sums.gram, gram, atol=1e-9)
            assert sums.tallies.reward == pytest.approx(total, abs=1e-9)
        assert sum(t.rewarded for t in world.learner.tallies().values()) == 12.0
        assert sum(t.rated for t in world.learner.tallies().values()) == 12.0


async def test_the_same_rating_again_changes_nothing(tmp_path: Path) -> None:
    """A client's retry of its feedback counts once, a hundred of them at the same time too."""
    async with open_world(tmp_path) as world:
        id = await _answer(world)
        first = await world.rate.rate(id, "acme", Feedback(score=0.25), revise=False)
        before = {arm: sums.to_bytes() for arm, sums in world.learner.statistics().items()}
        again = await asyncio.gather(
            *(world.rate.rate(id, "acme", Feedback(score=0.25), revise=False) for _ in range(100))
        )
        assert all(rated == first for rated in again)
        assert {arm: sums.to_bytes() for arm, sums in world.learner.statistics().items()} == before


async def test_a_differing_second_rating_needs_revise(tmp_path: Path) -> None:
    """409 unless the client says that it means it."""
    async with open_world(tmp_path) as world:
        id = await _answer(world)
        await world.rate.rate(id, "acme", Feedback(score=0.25), revise=False)
        with pytest.raises(ConflictError):
            await world.rate.rate(id, "acme", Feedback(score=0.75), revise=False)
        rated = await world.rate.rate(id, "acme", Feedback(score=0.75), revise=True)
        assert rated.reward is not None
        assert rated.reward.parts["quality"] == 0.75


async def test_the_completions_own_id_will_do(tmp_path: Path) -> None:
    """Clients that see no headers rate by the id in the body."""
    async with open_world(tmp_path) as world:
        id = await _answer(world)
        record_id = f"chatcmpl-{world.upstream.calls[0].arm.id}"
        rated = await world.rate.rate(record_id, "acme", Feedback(score=1.0), revise=False)
        assert rated.decision_id == id


async def test_another_tenants_decision_looks_unknown(tmp_path: Path) -> None:
    """The same 404, word for word but for the id: tenants learn nothing of each other."""
    async with open_world(tmp_path) as world:
        id = await _answer(world)
        with pytest.raises(NotFoundError) as other:
            await world.rate.rate(id, "umbrella", Feedback(score=1.0), revise=False)
        with pytest.raises(NotFoundError) as unknown:
            await world.rate.rate("dec_0", "umbrella", Feedback(score=1.0), revise=False)
        assert str(other.value).replace(id, "dec_0") == str(unknown.value)


async def test_too_late_is_gone(tmp_path: Path) -> None:
    """410 past the time to live; the sums stay as they were."""
    async with open_world(tmp_path) as world:
        id = await _answer(world)
        world.clock.advance(3601.0)
        with pytest.raises(GoneError):
            await world.rate.rate(id, "acme", Feedback(score=1.0), revise=False)


async def test_feedback_before_the_answer_is_complete_counts(tmp_path: Path) -> None:
    """Rated while the stream still runs, on another replica: accepted without a reward, rewarded when it settles."""
    async with open_world(tmp_path) as one, open_world(tmp_path) as two:
        answer = await one.serve.chat(make_request(), one.clock.monotonic())
        await one.sync.flush()
        rated = await two.rate.rate(answer.decision.id, "acme", Feedback(score=0.0), revise=False)
        assert rated.reward is None
        answer.finished()
        await one.sync.flush()
        record = await one.store.find(answer.decision.id)
        assert record is not None
        assert record.settled is not None
        assert record.settled.reward is not None
        assert record.settled.reward.source == "feedback"
        assert record.settled.reward.parts["quality"] == 0.0
        await two.sync.flush()
        tallies = two.learner.tallies()[answer.arm_id]
        assert tallies.rewarded == 1.0
        assert tallies.reward == pytest.approx(record.settled.reward.value)


async def test_feedback_that_overtakes_the_log_is_accepted(tmp_path: Path) -> None:
    """A rating one millisecond after the decision, at a replica that has not heard of it, waits for the log."""
    async with open_world(tmp_path) as one, open_world(tmp_path) as two:
        id = await _answer(one)
        rating = asyncio.get_running_loop().create_task(two.rate.rate(id, "acme", Feedback(score=1.0), revise=False))
        await asyncio.sleep(0.1)
        await one.sync.flush()
        assert (await rating).decision_id == id


async def test_a_rating_orphaned_by_a_crash_is_rewarded_by_the_next_replica(tmp_path: Path) -> None:
    """Rated early, settled, and dead before the reward followed: whoever joins next makes up for it."""
    async with open_world(tmp_path) as one:
        answer = await one.serve.chat(make_request(), one.clock.monotonic())
        await one.sync.flush()
        await one.rate.rate(answer.decision.id, "acme", Feedback(score=0.0), revise=False)
        answer.finished()
        one.sync.on_rated = None  # dies here
        await one.sync.flush()
    async with open_world(tmp_path) as two:
        await two.sync.tick()
        await two.sync.flush()
        record = await two.store.find(answer.decision.id)
        assert record is not None
        assert record.settled is not None
        assert record.settled.reward is not None
        assert record.settled.reward.source == "feedback"
        assert two.learner.tallies()[answer.arm_id].reward == pytest.approx(record.settled.reward.value)


async def test_a_failing_store_leaves_early_ratings_to_the_next_round(tmp_path: Path) -> None:
    """Whether a store fails or a caller is cancelled while one early rating is rewarded, none of them is forgotten."""
    async with open_world(tmp_path) as world:
        answers = [await world.serve.chat(make_request(unit=f"u{i}"), world.clock.monotonic()) for i in range(3)]
        await world.sync.flush()
        for answer in answers:
            await world.rate.rate(answer.decision.id, "acme", Feedback(score=0.0), revise=False)
            answer.finished()

        async def failing(decision_id: str) -> None:
            raise StoreError(f"away, {decision_id}")

        world.sync.on_rated = failing
        with pytest.raises(StoreError):
            await world.sync.flush()
        world.sync.on_rated = world.rate.settle_late
        await world.sync.flush()
        records = [await world.store.find(answer.decision.id) for answer in answers]
        assert [r.settled.reward.source for r in records if r and r.settled and r.settled.reward] == ["feedback"] * 3
