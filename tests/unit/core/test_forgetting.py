"""Forgetting by buckets: against continuous decay, at its borders, and without any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.core.forgetting import AgedSums, Forgetting
from gateway.core.statistics import ArmStatistics, observations, zero

HOUR_S = 3600.0
NOW_S = 1_750_000_000.0
BY_TIME = Forgetting(half_life_s=HOUR_S)
BY_TRAFFIC = Forgetting(half_life_requests=800.0)
NEVER = Forgetting()


def evidence(reward: float, n: int = 1) -> ArmStatistics:
    """n observations of a constant with this reward."""
    return observations(np.ones((n, 1)), np.full(n, reward))


def aged(forgetting: Forgetting, buckets: dict[int, ArmStatistics], now: float) -> ArmStatistics:
    """What one-dimensional sums in these buckets come to by now."""
    sums = AgedSums(forgetting, 1)
    for bucket, part in buckets.items():
        sums.put(bucket, part)
    return sums.at(now)


@pytest.mark.parametrize(("forgetting", "half_life", "now"), [(BY_TIME, HOUR_S, NOW_S), (BY_TRAFFIC, 800.0, 1e6)])
@pytest.mark.parametrize("half_lives", [0.3, 1.0, 2.5, 7.0])
def test_weights_follow_the_half_life(forgetting: Forgetting, half_life: float, now: float, half_lives: float) -> None:
    """A bucket's weight is that of continuous decay, to the half bucket: a factor of 2^(1/16)."""
    age = half_lives * half_life
    weight = forgetting.weight(forgetting.bucket(now - age), now)
    assert 2 ** (-1 / 16) - 1e-12 <= weight / 0.5**half_lives <= 2 ** (1 / 16) + 1e-12


@pytest.mark.parametrize("forgetting", [BY_TIME, BY_TRAFFIC])
def test_one_half_life_is_exactly_a_half(forgetting: Forgetting) -> None:
    """Between two moments one half-life apart, a bucket that is over loses half of its weight."""
    early = 1e6
    bucket = forgetting.bucket(early) - 1
    ratio = forgetting.weight(bucket, early + forgetting.half_life) / forgetting.weight(bucket, early)
    assert ratio == pytest.approx(0.5)


def test_eight_buckets_make_a_half_life() -> None:
    """Buckets are an eighth of a half-life wide, and begin at multiples of their width."""
    assert BY_TIME.width == HOUR_S / 8
    assert BY_TIME.bucket(0.0) == 0
    assert BY_TIME.bucket(449.999) == 0
    assert BY_TIME.bucket(450.0) == 1
    assert BY_TIME.bucket(HOUR_S) == 8


@pytest.mark.parametrize("ahead", [0, 1, 1000])
def test_the_future_never_counts_more_than_once(ahead: int) -> None:
    """A replica whose clock is ahead writes into a bucket to come: it counts in full, not more."""
    weight = BY_TIME.weight(BY_TIME.bucket(NOW_S) + ahead, NOW_S)
    assert weight <= 1.0
    assert weight == 1.0 or ahead == 0


@pytest.mark.parametrize("forgetting", [BY_TIME, BY_TRAFFIC])
@pytest.mark.parametrize("now", [0.0, 12_345.6, 1e6 + 0.5, NOW_S])
def test_oldest_is_the_first_that_counts(forgetting: Forgetting, now: float) -> None:
    """The oldest bucket weighs at least 2^-10, the one before it less; about 80 buckets are kept."""
    oldest = forgetting.oldest(now)
    assert forgetting.weight(oldest, now) >= 2.0**-10 * (1 - 1e-6)
    assert forgetting.weight(oldest - 1, now) < 2.0**-10 * (1 + 1e-6)
    assert 79 <= forgetting.bucket(now) - oldest <= 80


def test_aged_sums_are_the_weighted_sums() -> None:
    """What is fitted on is sum over buckets of weight times sums."""
    newest = BY_TIME.bucket(NOW_S)
    total = aged(BY_TIME, {newest: evidence(0.9, 4), newest - 8: evidence(0.1, 2)}, NOW_S)
    now, hour = BY_TIME.weight(newest, NOW_S), BY_TIME.weight(newest - 8, NOW_S)
    np.testing.assert_allclose(total.moment, [now * 3.6 + hour * 0.2])
    np.testing.assert_allclose(total.gram, [[now * 4 + hour * 2]])
    assert total.tallies.rewarded == pytest.approx(now * 4 + hour * 2)


@pytest.mark.parametrize("forgetting", [BY_TIME, BY_TRAFFIC, NEVER])
def test_nothing_observed_is_zero(forgetting: Forgetting) -> None:
    """An arm without a bucket, or whose buckets were all taken away, has the neutral element for its sums."""
    sums = AgedSums(forgetting, 1)
    assert sums.at(NOW_S).to_bytes() == zero(1).to_bytes()
    for bucket in (3, 4, 5):
        sums.put(bucket, evidence(0.3))
    sums.at(10 * BY_TRAFFIC.width)
    for bucket in (3, 4, 5):
        sums.put(bucket, None)
    assert sums.at(NOW_S).to_bytes() == zero(1).to_bytes()


def test_what_has_faded_leaves_nothing_behind() -> None:
    """When the last bucket's time is up the sums are exactly zero: a remainder of rounding would look like evidence."""
    newest = BY_TIME.bucket(NOW_S)
    sums = AgedSums(BY_TIME, 1)
    for bucket in range(newest - 20, newest + 1):
        sums.put(bucket, evidence(0.1 + 0.03 * (newest - bucket), 7))
    for half_lives in range(20):
        last = sums.at(NOW_S + half_lives * HOUR_S)
    assert last.to_bytes() == zero(1).to_bytes()


def test_recent_evidence_wins() -> None:
    """After a change, one half-life of new evidence outweighs as much of the old: the estimate crosses the middle."""
    newest = BY_TIME.bucket(NOW_S)
    total = aged(BY_TIME, {newest - i: evidence(0.9 if i < 9 else 0.1, 10) for i in range(200)}, NOW_S)
    assert total.tallies.reward / total.tallies.rewarded > 0.5


def test_dropping_old_buckets_changes_nothing() -> None:
    """The sums are the same before and after the store forgets, so replicas that pull at different times agree."""
    newest = BY_TIME.bucket(NOW_S)
    buckets = {newest - i: evidence(0.5) for i in range(0, 300, 7)}
    kept = {bucket: sums for bucket, sums in buckets.items() if bucket >= BY_TIME.oldest(NOW_S)}
    assert len(kept) < len(buckets)
    before, after = (aged(BY_TIME, given, NOW_S) for given in (buckets, kept))
    assert before.to_bytes() == after.to_bytes()


def test_without_forgetting_everything_counts() -> None:
    """One bucket for ever, weight 1, nothing dropped; buckets left from a time with forgetting count in full too."""
    assert NEVER.bucket(NOW_S) == 0
    assert NEVER.weight(0, NOW_S) == 1.0
    assert NEVER.oldest(NOW_S) == 0
    assert not NEVER.active
    assert aged(NEVER, {0: evidence(0.5, 3), -7: evidence(0.5, 2)}, NOW_S).tallies.rewarded == 5.0


def test_without_forgetting_the_sums_are_handed_through() -> None:
    """The one bucket's sums are the result, the same object: who reads sees at once that nothing changed."""
    only = evidence(0.5, 3)
    assert aged(NEVER, {0: only}, NOW_S) is only


def test_sums_are_left_as_they_are() -> None:
    """Ageing reads what was put in; the store's totals are the same objects."""
    newest = BY_TIME.bucket(NOW_S)
    buckets = {bucket: evidence(0.5) for bucket in (newest - 9, newest - 1, newest)}
    aged(BY_TIME, buckets, NOW_S)
    assert all(sums.to_bytes() == evidence(0.5).to_bytes() for sums in buckets.values())


def test_refuses_two_half_lives() -> None:
    """Time or traffic, not both: the message names the two settings."""
    with pytest.raises(ValueError, match="half_life_s or half_life_requests, not both"):
        Forgetting(half_life_s=1.0, half_life_requests=1.0)


@pytest.mark.parametrize("name", ["half_life_s", "half_life_requests"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_half_life_is_positive_and_finite(name: str, value: float) -> None:
    """Read from the configuration, anything else is refused: no forgetting is said by leaving it out."""
    with pytest.raises(ValidationError):
        TypeAdapter(Forgetting).validate_python({name: value})
