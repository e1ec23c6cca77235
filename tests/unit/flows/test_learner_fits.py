"""What the learner's fits are made on, and when one is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from gateway.core.forgetting import Forgetting
from gateway.core.policies.base import Snapshot
from gateway.core.policies.fixed import FixedSnapshot
from gateway.core.policies.linucb import LinUcb
from gateway.core.statistics import ArmStatistics, Tallies, observations, revision, zero
from gateway.core.values import Arm
from gateway.flows.learner import Learner, Observation
from gateway.flows.ports import Sums
from tests.unit.flows.evidence import Store, assert_close, many, observation
from tests.world import make_learner


@dataclass
class _Recorder:
    """An algorithm that remembers the sums of each fit; `broken`: it raises instead."""

    kind: str = "recorder"
    exploration: None = None
    fits: list[Sequence[ArmStatistics]] = field(default_factory=list)
    broken: bool = False

    def fit(
        self, arms: Sequence[Arm], statistics: Sequence[ArmStatistics], bias: int, previous: Snapshot | None = None
    ) -> FixedSnapshot:
        if self.broken:
            raise FloatingPointError
        self.fits.append(statistics)
        return FixedSnapshot(row=0)


def _recorded(forgetting: Forgetting | None = None) -> tuple[Learner, _Recorder, int]:
    recorder = _Recorder()
    learner, describer = make_learner(algorithm=recorder, forgetting=forgetting)
    return learner, recorder, describer.schema.dimension


def _refit(learner: Learner, now_s: float) -> bool:
    """One periodic round: whether there was anything to fit."""
    work = learner.prepare(now_s)
    if work is not None:
        learner.adopt(work())
    return work is not None


def test_each_of_the_first_five_hundred_rewards_is_fitted_at_once() -> None:
    """A learner that has seen little learns from every single reward; without a new one there is nothing to do."""
    learner, recorder, d = _recorded()
    for seed in range(500):
        learner.observe(observation(d, seed), now_s=1.0)
        assert _refit(learner, 1.0)
        assert recorder.fits[-1][0].tallies.rewarded == seed + 1
        assert not _refit(learner, 1.0)


def test_a_fit_lags_behind_by_at_most_a_five_hundredth() -> None:
    """With 5,000 rewards nine more can wait, the tenth cannot; the other arm's sums stay the object they were."""
    learner, recorder, d = _recorded()
    learner.pulled(Sums(version=1, totals={("small", 0): many(d, 5000), ("large", 0): many(d, 2000)}), 1.0)
    assert _refit(learner, 1.0)
    for seed in range(9):
        learner.observe(observation(d, seed), now_s=1.1)
        assert not _refit(learner, 1.1)
    learner.observe(observation(d, 9), now_s=1.1)
    assert _refit(learner, 1.1)
    (_, before), (small, after) = recorder.fits[-2:]
    assert small.tallies.rewarded == 5010
    assert after is before


def test_no_reward_waits_for_more_than_a_quarter_of_a_second() -> None:
    """One reward among many thousands counts that much later, for it may be the first of its kind."""
    learner, recorder, d = _recorded()
    learner.pulled(Sums(version=1, totals={("small", 0): many(d, 50_000)}), 1.0)
    assert _refit(learner, 1.0)
    learner.observe(observation(d, 1), now_s=1.125)
    assert not _refit(learner, 1.24)
    assert _refit(learner, 1.25)
    assert recorder.fits[-1][0].tallies.rewarded == 50_001


def test_what_comes_back_from_the_store_is_no_news() -> None:
    """A replica's own rows, pushed and pulled, are fitted already; what another added, or a rating changed, is not."""
    learner, recorder, d = _recorded()
    store = Store()
    for seed in range(20):
        learner.observe(observation(d, seed), now_s=1.0)
    assert _refit(learner, 1.0)
    store.add(learner.take())
    learner.pulled(store.sums(), 1.0)
    assert not _refit(learner, 1.0)
    for added in (many(d, 3), revision(np.ones(d), 0.2, 0.9, rated=True), revision(np.ones(d), 0.9, 0.8)):
        place = ("small", 0)
        store.totals[place] = store.totals[place] + added
        store.version += 1
        learner.pulled(store.sums(), 1.0)
        assert _refit(learner, 1.0)
        assert_close(recorder.fits[-1][0], store.totals[place])


def test_a_fit_that_failed_is_tried_again() -> None:
    """Only an adopted snapshot counts as fitted: what the failed one held is still due, with what came since."""
    learner, recorder, d = _recorded()
    learner.observe(observation(d, 1), now_s=1.0)
    recorder.broken = True
    with pytest.raises(FloatingPointError):
        _refit(learner, 1.0)
    recorder.broken = False
    learner.observe(observation(d, 2), now_s=1.0)
    assert _refit(learner, 1.0)
    assert recorder.fits[-1][0].tallies.rewarded == 2


def test_sums_of_another_dimension_are_left_out() -> None:
    """What the store holds under this key but cannot be ours neither counts nor stops the rest."""
    learner, _, d = _recorded()
    learner.pulled(Sums(version=1, totals={("small", 0): many(d + 1, 5), ("large", 0): many(d, 7)}), 1.0)
    learner.observe(observation(d, 1), now_s=1.0)
    assert (learner.tallies()["small"].rewarded, learner.tallies()["large"].rewarded) == (1.0, 7.0)


@pytest.mark.parametrize("forgetting", [Forgetting(half_life_s=800.0), Forgetting(half_life_requests=800.0)])
def test_fits_see_the_sums_weighed_by_age(forgetting: Forgetting) -> None:
    """Whatever was observed, pushed and pulled when: a full refresh fits on sum over buckets of weight times sums, and
    between two of them each arm's fitted evidence is within 0.2 % of that for rows and 1 % for age."""
    learner, recorder, d = _recorded(forgetting)
    store, buckets = Store(), dict[tuple[str, int], ArmStatistics]()
    rng, now_s = np.random.default_rng(5), 1_000.0

    def aged(arm_id: str, now: float) -> ArmStatistics:
        total = zero(d)
        for (arm, bucket), part in buckets.items():
            if arm == arm_id and bucket >= forgetting.oldest(now):
                total += part.scaled(forgetting.weight(bucket, now))
        return total

    def observe(seed: int) -> None:
        row = observation(d, seed, arm_id=str(rng.choice(["small", "large"])), reward=float(rng.random()))
        place = (row.arm_id, learner.observe(row, now_s))
        one = observations(row.x[None, :], np.array([row.reward]))
        one += ArmStatistics(gram=np.zeros((d, d)), moment=np.zeros(d), tallies=row.tallies)
        buckets[place] = buckets[place] + one if place in buckets else one

    for step in range(300):
        for _ in range(int(rng.choice([1, 1, 40]))):
            now_s += 1.0
            observe(step)
        if step % 7 == 0:
            store.add(learner.take())
            learner.pulled(store.sums(), now_s)
        _refit(learner, now_s)
        if step % 5:
            continue
        now = now_s if forgetting.half_life_s else learner._coordinate(now_s)
        for arm_id, fitted in zip(("small", "large"), recorder.fits[-1], strict=True):
            expected = aged(arm_id, now).tallies.rewarded
            assert fitted.tallies.rewarded == pytest.approx(expected, rel=0.0121, abs=1e-9)
        if step % 50 == 0:
            learner.observe(Observation(arm_id="small", x=np.ones(d), reward=None, tallies=Tallies()), now_s)
            learner.refresh(now_s)
            for arm_id, fitted in zip(("small", "large"), recorder.fits[-1], strict=True):
                assert_close(fitted, aged(arm_id, now))


def test_refitting_only_what_changed_gives_the_same_choices() -> None:
    """Fitted round by round or from nothing on the same sums, LinUCB scores alike."""
    algorithm = LinUcb()
    learner, describer = make_learner(algorithm=algorithm)
    d, rng = describer.schema.dimension, np.random.default_rng(1)
    for seed in range(60):
        learner.observe(observation(d, seed, arm_id=("small", "large")[seed % 5 == 0], reward=float(rng.random())), 1.0)
        _refit(learner, 1.0)
    afresh = algorithm.fit(learner.arms, list(learner.statistics().values()), describer.schema.bias)
    x = observation(d, 99).x
    scores = learner.choose(x, (0, 1), rng).scores
    np.testing.assert_allclose(scores, afresh.propose(x, (0, 1), rng).scores, rtol=1e-9)
