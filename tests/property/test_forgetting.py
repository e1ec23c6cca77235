"""Aged sums, kept up bucket by bucket, against adding all buckets up afresh."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.forgetting import AgedSums, Forgetting
from gateway.core.statistics import ArmStatistics, observations, zero

unhurried = settings(deadline=None)
"""A busy machine is no failure."""

FORGETTING = [Forgetting(half_life_requests=80.0), Forgetting()]
STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(-3, 130), st.integers(0, 40)),
    st.tuples(st.just("take"), st.integers(-3, 130), st.just(0)),
    # Mostly forwards, now and then a clock that is set back, once in a while a long time without a word.
    st.tuples(st.just("read"), st.sampled_from([0, 1, 3, 7, 10, 25, 60, 400, 100_000, -2, -30, -500]), st.just(0)),
)


def evidence(bucket: int, n: int) -> ArmStatistics:
    """Sums of n observations that are a function of the bucket."""
    rng = np.random.default_rng(1_000 * n + bucket + 3)
    return observations(rng.normal(size=(n, 2)), rng.random(n))


def afresh(forgetting: Forgetting, buckets: dict[int, ArmStatistics], now: float) -> ArmStatistics:
    """The definition: sum over the buckets that count of weight times sums."""
    total = zero(2)
    for bucket, sums in buckets.items():
        if bucket >= forgetting.oldest(now) or not forgetting.active:
            total += sums.scaled(forgetting.weight(bucket, now))
    return total


@pytest.mark.parametrize("forgetting", FORGETTING, ids=["80 requests", "never"])
@unhurried
@given(steps=st.lists(STEPS, max_size=60))
def test_kept_sums_are_the_weighted_sums(forgetting: Forgetting, steps: list[tuple[str, int, int]]) -> None:
    """Whatever is put in, changed, taken away and read when: each reading is the sum over the buckets there are."""
    sums, buckets, now, largest = AgedSums(forgetting, 2), dict[int, ArmStatistics](), 0.0, 0.0
    for what, number, n in steps:
        if what == "put":
            buckets[number] = evidence(number, n)
            sums.put(number, buckets[number])
            largest = max(largest, float(np.abs(buckets[number].gram).max(initial=0.0)))
        elif what == "take":
            buckets.pop(number, None)
            sums.put(number, None)
        else:
            now += number
            expected, found = afresh(forgetting, buckets, now), sums.at(now)
            for one, other in (
                (found.gram, expected.gram),
                (found.moment, expected.moment),
                (found.tallies.values(), expected.tallies.values()),
            ):
                np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-12 * max(1.0, largest))


@unhurried
@given(seed=st.integers(0, 2**32))
def test_a_long_life_stays_exact(seed: int) -> None:
    """Over 200 buckets with late changes, rounding does not pile up: the error stays below 1e-12 of the sums."""
    forgetting, rng = FORGETTING[0], np.random.default_rng(seed)
    sums, buckets, now = AgedSums(forgetting, 2), dict[int, ArmStatistics](), 0.0
    for bucket in range(200):
        now = (bucket + rng.random()) * forgetting.width
        for changed in {bucket, max(0, bucket - int(rng.integers(0, 90)))}:
            buckets[changed] = evidence(changed, int(rng.integers(0, 30)))
            sums.put(changed, buckets[changed])
        found = sums.at(now)
    expected = afresh(forgetting, buckets, now)
    np.testing.assert_allclose(found.gram, expected.gram, rtol=0.0, atol=1e-10)
    assert found.tallies.values() == pytest.approx(expected.tallies.values(), abs=1e-10)
