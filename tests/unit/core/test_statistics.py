"""Sums of one arm: what is in them, and what never gets in."""

from __future__ import annotations

import math
import struct
from dataclasses import fields

import numpy as np
import pytest

from gateway.core.statistics import ArmStatistics, Tallies, observations, revision, zero
from gateway.core.values import FloatArray


def sample(d: int = 3, n: int = 7, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Feature vectors (n, d) with a leading 1, and rewards (n,)."""
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=(n, d))
    xs[:, 0] = 1.0
    return xs, rng.random(n)


def test_sums_are_the_normal_equations() -> None:
    """Adding observations gives X'X and X'r: solving them is ordinary least squares."""
    xs, rewards = sample()
    total = zero(3)
    for x, reward in zip(xs, rewards, strict=True):
        total += revision(x, None, float(reward))
    expected = np.linalg.lstsq(xs, rewards, rcond=None)[0]
    np.testing.assert_allclose(np.linalg.solve(total.gram, total.moment), expected, rtol=1e-9)


def test_tallies_give_mean_and_variance() -> None:
    """Count, sum and sum of squares are enough for the mean and the variance of the rewards."""
    xs, rewards = sample(n=50)
    tallies = observations(xs, rewards).tallies
    mean = tallies.reward / tallies.rewarded
    assert mean == pytest.approx(np.mean(rewards))
    assert tallies.reward_squared / tallies.rewarded - mean**2 == pytest.approx(np.var(rewards))


def test_many_at_once_equals_one_by_one() -> None:
    """`observations` is a faster way of writing a loop of `revision`."""
    xs, rewards = sample(d=5, n=20)
    total = zero(5)
    for x, reward in zip(xs, rewards, strict=True):
        total += revision(x, None, float(reward))
    at_once = observations(xs, rewards)
    np.testing.assert_allclose(at_once.gram, total.gram, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(at_once.moment, total.moment, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(at_once.tallies.values(), total.tallies.values(), rtol=1e-9)


def test_none_at_once_is_zero() -> None:
    """No observation adds nothing."""
    nothing = observations(np.zeros((0, 4)), np.zeros(0))
    assert nothing.to_bytes() == zero(4).to_bytes()


def test_revision_leaves_the_gram_matrix_alone() -> None:
    """A later reward of the same decision is no new evidence of x: only the moment and the reward move."""
    x = np.array([1.0, 2.0])
    change = revision(x, 0.25, 0.75, rated=True)
    np.testing.assert_array_equal(change.gram, np.zeros((2, 2)))
    np.testing.assert_allclose(change.moment, [0.5, 1.0])
    assert change.tallies.rewarded == 0.0
    assert change.tallies.reward == 0.5
    assert change.tallies.reward_squared == pytest.approx(0.75**2 - 0.25**2)
    assert change.tallies.rated == 1.0


def test_scaled_is_forgetting() -> None:
    """Scaling by 1/2 twice halves every sum twice, so the ratio of sums, the estimate, stays."""
    xs, rewards = sample()
    total = observations(xs, rewards)
    faded = total.scaled(0.5).scaled(0.5)
    np.testing.assert_allclose(faded.gram, total.gram / 4)
    np.testing.assert_allclose(faded.moment, total.moment / 4)
    np.testing.assert_allclose(faded.tallies.values(), np.array(total.tallies.values()) / 4)


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_refuses_a_weight_that_is_no_weight(weight: float) -> None:
    """Forgetting never turns evidence around or makes it infinite."""
    with pytest.raises(ValueError, match="weight"):
        zero(2).scaled(weight)


@pytest.mark.parametrize("reward", [-0.01, 1.01, math.nan, math.inf, -math.inf])
def test_refuses_a_reward_out_of_range(reward: float) -> None:
    """A reward is a finite number in [0, 1], alone or among many; nothing else reaches the sums."""
    with pytest.raises(ValueError, match="reward"):
        revision(np.ones(2), None, reward)
    with pytest.raises(ValueError, match="reward"):
        observations(np.ones((2, 2)), np.array([0.5, reward]))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_refuses_features_that_are_not_finite(value: float) -> None:
    """One broken feature would spoil an arm for ever."""
    with pytest.raises(ValueError, match="feature"):
        revision(np.array([1.0, value]), None, 0.5)
    with pytest.raises(ValueError, match="feature"):
        observations(np.array([[1.0, value]]), np.array([0.5]))


def test_decoded_sums_can_be_added() -> None:
    """What comes from the store is as good as what was observed here."""
    total = observations(*sample())
    decoded = ArmStatistics.from_bytes(total.to_bytes())
    assert (decoded + zero(3)).to_bytes() == total.to_bytes()


def blob_with(index: int, value: float) -> bytes:
    """Encoded sums whose number at this position was overwritten."""
    blob = bytearray(observations(*sample()).to_bytes())
    struct.pack_into("<d", blob, len(blob) - 8 * (len(fields(Tallies)) + 3 + 9) + 8 * index, value)
    return bytes(blob)


@pytest.mark.parametrize("index", [0, len(fields(Tallies)), len(fields(Tallies)) + 3])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_refuses_bytes_with_a_number_that_is_not_finite(index: int, value: float) -> None:
    """Tallies, moment and Gram matrix are all checked."""
    with pytest.raises(ValueError, match="finite"):
        ArmStatistics.from_bytes(blob_with(index, value))


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (b"", "short"),
        (b"GWST", "short"),
        (b"XXXX" + zero(2).to_bytes()[4:], "not statistics"),
        (b"GWST\x02\x00" + zero(2).to_bytes()[6:], "version"),
        (zero(2).to_bytes()[:-1], "length"),
        (zero(2).to_bytes() + b"\x00", "length"),
        (b"GWST\x01\x00\xff\xff\xff\xff" + zero(2).to_bytes()[10:], "length"),
    ],
)
def test_refuses_bytes_that_are_no_statistics(blob: bytes, message: str) -> None:
    """Cut, padded, foreign or of another version: an error that says so, never a wrong sum or a huge allocation."""
    with pytest.raises(ValueError, match=message):
        ArmStatistics.from_bytes(blob)
