"""The algebra of the sums: addition in any order, exact encoding, revision as if known at once."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.statistics import ArmStatistics, Tallies, revision, zero
from gateway.core.values import FloatArray

TALLY_COUNT = len(fields(Tallies))
HEADER_BYTES = 10
unhurried = settings(deadline=None)
"""A busy machine is no failure."""

rewards = st.floats(0.0, 1.0)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def sums(draw: st.DrawFn, d: int | None = None, elements: st.SearchStrategy[float] | None = None) -> ArmStatistics:
    """Sums with any finite numbers in them, not only those that observations make."""
    size = draw(st.integers(0, 4)) if d is None else d
    many = st.floats(-1e6, 1e6) if elements is None else elements
    drawn = draw(st.lists(many, min_size=TALLY_COUNT + size + size**2, max_size=TALLY_COUNT + size + size**2))
    tallies = Tallies(**dict(zip((f.name for f in fields(Tallies)), drawn, strict=False)))
    rest = np.array(drawn[TALLY_COUNT:])
    return ArmStatistics(gram=rest[size:].reshape(size, size), moment=rest[:size], tallies=tallies)


@st.composite
def vectors(draw: st.DrawFn, d: int = 3) -> FloatArray:
    """A feature vector with a leading 1."""
    return np.array([1.0, *draw(st.lists(st.floats(-10, 10), min_size=d - 1, max_size=d - 1))])


def flat(statistics: ArmStatistics) -> FloatArray:
    """Every number in one array."""
    return np.concatenate((statistics.tallies.values(), statistics.moment, statistics.gram.ravel()))


def assert_same(one: ArmStatistics, other: ArmStatistics) -> None:
    """Equal to 1e-9, relative to the size of the numbers added."""
    np.testing.assert_allclose(flat(one), flat(other), rtol=1e-9, atol=1e-9)


@unhurried
@given(sums(d=2), sums(d=2))
def test_addition_commutes(a: ArmStatistics, b: ArmStatistics) -> None:
    """Two replicas may report in either order."""
    assert_same(a + b, b + a)


@unhurried
@given(sums(d=2), sums(d=2), sums(d=2))
def test_addition_associates(a: ArmStatistics, b: ArmStatistics, c: ArmStatistics) -> None:
    """Replicas may be merged in any grouping."""
    assert_same((a + b) + c, a + (b + c))


@unhurried
@given(sums(d=3))
def test_zero_is_neutral(a: ArmStatistics) -> None:
    """Nothing observed changes nothing."""
    assert_same(a + zero(3), a)


@unhurried
@given(sums(d=2), sums(d=2), st.floats(0, 10))
def test_forgetting_distributes(a: ArmStatistics, b: ArmStatistics, weight: float) -> None:
    """Buckets may be merged before or after they are weighed."""
    np.testing.assert_allclose(
        flat((a + b).scaled(weight)), flat(a.scaled(weight) + b.scaled(weight)), rtol=1e-9, atol=1e-7
    )


@unhurried
@given(sums(d=2), sums(d=2), st.floats(-10, 10))
def test_adding_with_a_weight(a: ArmStatistics, b: ArmStatistics, weight: float) -> None:
    """Every number of the one plus weight times that of the other, tallies included; a negative weight takes away."""
    np.testing.assert_allclose(flat(a.plus(b, weight)), flat(a) + weight * flat(b), rtol=1e-12, atol=1e-9)


@unhurried
@given(st.lists(sums(d=0), max_size=6))
def test_a_total_is_adding_one_by_one(many: list[ArmStatistics]) -> None:
    """Tallies summed at once are those added one after the other, in every field; of none they are zero."""
    one_by_one = sum((part.tallies for part in many), start=Tallies())
    assert Tallies.total([part.tallies for part in many]).values() == pytest.approx(one_by_one.values(), abs=1e-6)


@unhurried
@given(sums(elements=numbers))
def test_encoding_is_exact(a: ArmStatistics) -> None:
    """Every finite number survives bit by bit: subnormal, huge, and the sign of zero."""
    decoded = ArmStatistics.from_bytes(a.to_bytes())
    assert decoded.dimension == a.dimension
    assert flat(decoded).tobytes() == flat(a).tobytes()
    assert decoded.gram.shape == (a.dimension, a.dimension)


@unhurried
@given(sums(), st.data())
def test_any_other_length_is_refused(a: ArmStatistics, data: st.DataObject) -> None:
    """A cut or padded blob is an error, never a wrong sum."""
    blob = a.to_bytes()
    cut = data.draw(st.integers(0, len(blob) - 1))
    extra = data.draw(st.binary(min_size=1, max_size=16))
    for corrupted in (blob[:cut], blob + extra):
        with pytest.raises(ValueError, match="statistics"):
            ArmStatistics.from_bytes(corrupted)


@unhurried
@given(sums(), st.integers(0, HEADER_BYTES - 1), st.integers(1, 255))
def test_a_damaged_header_is_refused(a: ArmStatistics, position: int, flipped: int) -> None:
    """Magic, version and dimension are all checked: any changed byte among them is noticed."""
    blob = bytearray(a.to_bytes())
    blob[position] ^= flipped
    with pytest.raises(ValueError, match="statistics"):
        ArmStatistics.from_bytes(bytes(blob))


@unhurried
@given(st.binary(max_size=300))
def test_noise_is_refused(blob: bytes) -> None:
    """Bytes from elsewhere are an error and not statistics."""
    with pytest.raises(ValueError, match="statistics"):
        ArmStatistics.from_bytes(blob)


@unhurried
@given(sums(d=2), st.sampled_from([math.nan, math.inf, -math.inf]), st.integers(0, TALLY_COUNT + 5))
def test_a_number_that_is_not_finite_is_refused(a: ArmStatistics, value: float, position: int) -> None:
    """One NaN would spread through every later addition, so it does not come in."""
    blob = bytearray(a.to_bytes())
    start = HEADER_BYTES + 8 * position
    blob[start : start + 8] = np.array(value, dtype="<f8").tobytes()
    with pytest.raises(ValueError, match="finite"):
        ArmStatistics.from_bytes(bytes(blob))


@unhurried
@given(sums(d=3), vectors(), st.lists(rewards, min_size=2, max_size=5))
def test_revised_equals_known_at_once(before: ArmStatistics, x: FloatArray, values: list[float]) -> None:
    """However often a reward is revised, the sums end as if the last value had been known from the start."""
    revised = before + revision(x, None, values[0])
    for old, new in pairwise(values):
        revised += revision(x, old, new)
    assert_same(revised, before + revision(x, None, values[-1]))


@unhurried
@given(vectors(), rewards, rewards)
def test_a_rating_is_counted_where_it_is_given(x: FloatArray, old: float, new: float) -> None:
    """Whether the rating comes with the first reward or later, one rated decision with one reward remains."""
    late = revision(x, None, old) + revision(x, old, new, rated=True)
    at_once = revision(x, None, new, rated=True)
    assert late.tallies.rated == at_once.tallies.rated == 1.0
    assert_same(late, at_once)


@unhurried
@given(
    vectors(),
    st.one_of(
        st.sampled_from([math.nan, math.inf, -math.inf]), st.floats(max_value=-1e-300), st.floats(1.0, exclude_min=True)
    ),
)
def test_a_reward_out_of_range_is_refused(x: FloatArray, reward: float) -> None:
    """Only finite rewards in [0, 1] reach the sums."""
    with pytest.raises(ValueError, match="reward"):
        revision(x, None, reward)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(12)), st.integers(1, 4))
def test_replicas_agree(order: list[int], replicas: int) -> None:
    """Twelve observations, dealt to any number of replicas in any order, come to the same totals."""
    rng = np.random.default_rng(0)
    rows = [(np.array([1.0, *rng.normal(size=2)]), float(rng.random())) for _ in range(12)]
    alone = zero(3)
    for x, reward in rows:
        alone += revision(x, None, reward)
    parts = [zero(3) for _ in range(replicas)]
    for i in order:
        parts[i % replicas] += revision(rows[i][0], None, rows[i][1])
    merged = zero(3)
    for part in parts:
        merged += part
    assert_same(merged, alone)
