"""The contract of the state store, part two: a rating is stored once and revises the sums exactly."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from gateway.core.statistics import ArmStatistics
from gateway.core.values import Reward
from gateway.errors import NotFoundError
from gateway.flows.ports import StateStore
from tests.builders import (
    KEY,
    NOW_S,
    make_batch,
    make_decision,
    make_feedback,
    make_rating,
    make_reward,
    make_settled,
    make_statistics,
    plain,
)
from tests.contract.store_fixtures import Connect, StoreFixtures, found, sums, total


def rated_reward(value: float) -> Reward:
    return make_reward(value, source="feedback")


def close(a: ArmStatistics, b: ArmStatistics) -> bool:
    """Equal to 1e-9 in everything but the count of ratings."""
    x, y = (np.concatenate([sums.gram.ravel(), sums.moment, sums.tallies.values()[:-1]]) for sums in (a, b))
    return bool(np.allclose(x, y, rtol=0.0, atol=1e-9))


class RatingContract(StoreFixtures):
    """`rate`, and what `record` and `find` say of ratings."""

    async def test_a_rating_is_stored(self, store: StateStore) -> None:
        """Feedback and the reward that follows are found at once; the outcome stays."""
        batch = make_batch()
        await store.record(batch)
        feedback = make_feedback(score=None, signals={"dwell_time_seconds": 12.5, "copied": 1.0}, comment="gut ✓")
        before = await found(store)
        assert await store.rate(make_rating(feedback=feedback, version=before.version))
        after = await found(store, "chatcmpl-dec-1")
        assert after.feedback == feedback
        assert after.settled is not None
        assert after.settled.reward == rated_reward(0.9)
        assert plain(after.settled.outcome) == plain(batch.settled[0].outcome)
        assert after.version > before.version

    @pytest.mark.parametrize("first", [None, 0.0, 0.3, 1.0])
    async def test_a_late_reward_counts_as_if_known_at_once(self, store: StateStore, first: float | None) -> None:
        """After any number of revisions the sums are those of the last reward alone."""
        await store.record(make_batch(reward=first))
        for value in (0.9, 0.1, 0.7):
            record = await found(store)
            assert await store.rate(make_rating(reward=rated_reward(value), version=record.version))
        revised = await total(store)
        assert close(revised, make_statistics(reward=0.7))
        assert revised.tallies.rated == 1.0

    async def test_the_arm_that_answered_is_revised(self, store: StateStore) -> None:
        """After a fallback it is not the arm that was decided for."""
        decision = make_decision(arm_id="small")
        await store.record(make_batch(decisions=(decision,), arm_id="large"))
        assert await store.rate(make_rating())
        assert (await sums(store)).totals.keys() == {("large", 5)}
        assert close(await total(store, "large"), make_statistics(reward=0.9))

    async def test_an_unknown_decision_cannot_be_rated(self, store: StateStore) -> None:
        """NotFoundError, by decision id only: a completion id is not one."""
        await store.record(make_batch())
        for id in ("dec-2", "chatcmpl-dec-1", "\ud800"):
            with pytest.raises(NotFoundError):
                await store.rate(make_rating(decision_id=id))

    async def test_an_outdated_rating_is_not_stored(self, store: StateStore) -> None:
        """Whoever computed from an older record is told so, and nothing has changed."""
        await store.record(make_batch())
        version = (await found(store)).version
        assert await store.rate(make_rating(version=version))
        before = plain((await found(store), await sums(store)))
        other = make_rating(feedback=make_feedback(score=0.0), reward=rated_reward(0.0), version=version)
        assert not await store.rate(other)
        assert plain((await found(store), await sums(store))) == before

    async def test_of_100_ratings_at_once_one_counts(self, connect: Connect) -> None:
        """Ratings computed from the same version exclude each other, between replicas as well."""
        stores = [await connect(), await connect()]
        await stores[0].record(make_batch())
        rewards = [rated_reward(n / 100) for n in range(100)]
        answers = await asyncio.gather(
            *(stores[n % 2].rate(make_rating(reward=reward)) for n, reward in enumerate(rewards))
        )
        assert answers.count(True) == 1
        settled = (await found(stores[0])).settled
        assert settled is not None
        assert settled.reward == rewards[answers.index(True)]
        assert close(await total(stores[1]), make_statistics(reward=settled.reward.value))

    async def test_raters_that_try_again_all_succeed(self, connect: Connect) -> None:
        """Reading again and rating again ends; the sums are those of whichever reward was last."""
        stores = [await connect(), await connect()]
        await stores[0].record(make_batch())

        async def insist(store: StateStore, value: float) -> None:
            while True:
                record = await found(store)
                rating = make_rating(reward=rated_reward(value), version=record.version)
                if await store.rate(rating):
                    return

        before = (await found(stores[0])).version
        await asyncio.gather(*(insist(stores[n % 2], n / 20) for n in range(20)))
        record = await found(stores[0])
        assert record.version == before + 20
        assert record.settled is not None
        assert record.settled.reward is not None
        assert close(await total(stores[0]), make_statistics(reward=record.settled.reward.value))
        assert (await total(stores[0])).tallies.rated == 1.0

    async def test_feedback_before_the_outcome_is_named_when_it_settles(self, store: StateStore) -> None:
        """The recorder learns which of its decisions had been rated already, also when it has to send twice."""
        early, late = make_batch("early"), make_batch("late")
        decisions = (*early.decisions, *late.decisions)
        await store.record(make_batch("first", decisions=decisions, settled=(), deltas=()))
        version = (await found(store, "early")).version
        assert await store.rate(make_rating(decision_id="early", reward=None, version=version))
        outcomes = make_batch("second", decisions=(), settled=(*early.settled, *late.settled))
        assert list(await store.record(outcomes)) == ["early"]
        assert list(await store.record(outcomes)) == ["early"]
        record = await found(store, "early")
        assert record.feedback == make_feedback()
        assert await store.rate(make_rating(decision_id="early", version=record.version))
        assert (await total(store)).tallies.rated == 1.0

    async def test_an_outcome_outdates_a_rating_computed_without_it(self, store: StateStore) -> None:
        """Otherwise feedback could be stored after the settling, without its reward, and teach nobody."""
        await store.record(make_batch("first", decisions=(make_decision(),), settled=(), deltas=()))
        unsettled = await found(store)
        await store.record(make_batch())
        assert not await store.rate(make_rating(reward=None, version=unsettled.version))
        assert await store.rate(make_rating(version=(await found(store)).version))

    async def test_a_rating_that_came_first_is_found_until_it_has_its_reward(self, store: StateStore) -> None:
        """Whoever dies between storing an outcome and rewarding its earlier rating leaves it to the next one."""
        await store.record(make_batch(settled=(), deltas=()))
        await store.rate(make_rating(reward=None, version=0))
        assert list(await store.rated_early(0.0)) == []
        await store.record(make_batch("late", decisions=(), settled=(make_settled(),)))
        assert list(await store.rated_early(0.0)) == ["dec-1"]
        assert list(await store.rated_early(NOW_S + 1.0)) == []
        await store.rate(make_rating(version=2))
        assert list(await store.rated_early(0.0)) == []

    async def test_a_rating_without_reward_leaves_the_sums(self, store: StateStore) -> None:
        """The feedback is kept, the stored reward and the sums stay as they are."""
        await store.record(make_batch())
        before = await found(store)
        version = (await sums(store)).version
        assert await store.rate(make_rating(reward=None))
        after = await found(store)
        assert after.feedback == make_feedback()
        assert plain(after.settled) == plain(before.settled)
        assert await store.sums(KEY, version) is None

    async def test_a_decision_of_no_learner_has_no_sums(self, store: StateStore) -> None:
        """A pinned model can be rated; its reward is stored, and no sums change."""
        await store.record(make_batch(settled=(make_settled(key=None, reward=None),), deltas=()))
        assert await store.rate(make_rating())
        settled = (await found(store)).settled
        assert settled is not None
        assert settled.reward == rated_reward(0.9)
        assert await store.sums(KEY, 0) is None

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1, 1e308])
    async def test_a_reward_that_is_none_is_refused(self, store: StateStore, value: float) -> None:
        """A ValueError for what is not in [0, 1]; not even the feedback is stored."""
        await store.record(make_batch())
        before = plain((await found(store), await sums(store)))
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            await store.rate(make_rating(reward=rated_reward(value)))
        assert plain((await found(store), await sums(store))) == before

    async def test_a_reward_needs_an_outcome(self, store: StateStore) -> None:
        """Without one nobody can say whose sums it belongs to."""
        await store.record(make_batch(settled=(), deltas=()))
        version = (await found(store)).version
        with pytest.raises(ValueError, match="no outcome"):
            await store.rate(make_rating(version=version))
        assert (await found(store)).feedback is None

    async def test_a_change_in_a_dropped_bucket_is_forgotten(self, store: StateStore) -> None:
        """A difference of rewards without its trial would be a reward out of nothing."""
        await store.record(make_batch())
        await store.drop_buckets(KEY, 6)
        assert await store.rate(make_rating())
        assert (await found(store)).feedback == make_feedback()
        assert (await sums(store)).totals == {}
