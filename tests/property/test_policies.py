"""One suite over every algorithm: whatever the evidence and the request, a proposal is a distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.choice import choose
from gateway.core.policies.base import Algorithm, Proposal
from gateway.core.policies.contextual_thompson import ContextualThompson
from gateway.core.policies.fixed import Fixed
from gateway.core.policies.linucb import LinUcb
from gateway.core.policies.split import Split
from gateway.core.policies.thompson import Thompson
from gateway.core.statistics import ArmStatistics, Tallies, observations, zero
from gateway.core.values import FloatArray
from tests.builders import make_arm

ALGORITHMS: list[Algorithm] = [
    LinUcb(),
    LinUcb(prior_mean=1.0, alpha=10.0, ridge=1e-6),
    Thompson(),
    ContextualThompson(),
    ContextualThompson(noise=100.0, ridge=1e-6, prior_mean=0.0),
    Fixed(arm="a1"),
    Split(weights={"a0": 0.5, "a2": 2.0}),
]
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: a.kind)
unhurried = settings(deadline=None, max_examples=40)
"""A busy machine is no failure."""

SHAPES = ["plain", "constant", "duplicated", "sparse", "tiny", "large", "indefinite"]


def features(shape: str, n: int, d: int, rng: np.random.Generator) -> FloatArray:
    """n feature vectors whose first entry is 1; all but the plain and the scaled ones make a singular Gram matrix."""
    xs = rng.normal(size=(n, d)) * {"tiny": 1e-160, "large": 1e150}.get(shape, 1.0)
    if shape == "constant":
        xs[:] = 1.0
    if shape == "duplicated":
        xs[:] = xs[:, :1]
    if shape == "sparse":
        xs *= rng.random((n, d)) < 0.05
    xs[:, 0] = 1.0
    return xs


def evidence(shape: str, n: int, d: int, rng: np.random.Generator) -> ArmStatistics:
    """Sums of n observations, with n pulls."""
    total = observations(features(shape, n, d, rng), rng.random(n))
    if shape == "indefinite":  # what rounding can leave of a singular matrix after many additions
        total = replace(total, gram=total.gram - 1e-6 * np.eye(d))
    return replace(total, tallies=replace(total.tallies, pulls=float(n)))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[ArmStatistics], FloatArray, np.random.Generator]:
    """Sums of 1 to 6 arms in up to 40 dimensions, each arm of its own shape, a request, and a source of chance."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    d = draw(st.sampled_from([1, 2, 3, 8, 40]))
    counts = draw(st.lists(st.integers(0, 30), min_size=1, max_size=6))
    sums = [evidence(draw(st.sampled_from(SHAPES)), n, d, rng) for n in counts]
    return sums, features(draw(st.sampled_from(SHAPES)), 1, d, rng)[0], rng


def propose(algorithm: Algorithm, sums: list[ArmStatistics], x: FloatArray, seed: int = 0) -> Proposal:
    """A proposal over all arms, named a0, a1, ..."""
    arms = [make_arm(id=f"a{i}") for i in range(len(sums))]
    return algorithm.fit(arms, sums, 0).propose(x, range(len(sums)), np.random.default_rng(seed))


def assert_distribution(probabilities: Sequence[float], k: int) -> None:
    """k numbers >= 0 that sum to 1."""
    assert len(probabilities) == k
    assert np.isfinite(probabilities).all()
    assert min(probabilities) >= 0.0
    assert abs(sum(probabilities) - 1.0) <= 1e-12


@every_algorithm
@unhurried
@given(world=worlds())
def test_a_proposal_is_a_distribution(
    algorithm: Algorithm, world: tuple[list[ArmStatistics], FloatArray, np.random.Generator]
) -> None:
    """Probabilities sum to 1 and scores are finite for singular, tiny, huge and indefinite evidence."""
    sums, x, _ = world
    proposal = propose(algorithm, sums, x)
    assert_distribution(proposal.probabilities, len(sums))
    assert len(proposal.scores) == len(sums)
    assert np.isfinite(proposal.scores).all()


@every_algorithm
@pytest.mark.parametrize("shape", SHAPES)
def test_two_hundred_dimensions(algorithm: Algorithm, shape: str) -> None:
    """The same in 200 dimensions, with fewer observations than features: the Gram matrix is singular."""
    rng = np.random.default_rng(0)
    sums = [evidence(shape, n, 200, rng) for n in (0, 3, 50)]
    proposal = propose(algorithm, sums, features(shape, 1, 200, rng)[0])
    assert_distribution(proposal.probabilities, 3)
    assert np.isfinite(proposal.scores).all()


@every_algorithm
@unhurried
@given(world=worlds(), data=st.data())
def test_every_eligible_arm_has_a_propensity(
    algorithm: Algorithm, world: tuple[list[ArmStatistics], FloatArray, np.random.Generator], data: st.DataObject
) -> None:
    """With the floor, each eligible arm of a learner can be drawn; arms that are not eligible never are."""
    sums, x, rng = world
    k = len(sums)
    eligible = data.draw(st.lists(st.integers(0, k - 1), min_size=1, unique=True))
    snapshot = algorithm.fit([make_arm(id=f"a{i}") for i in range(k)], sums, 0)
    choice = choose(snapshot, algorithm.exploration, x, eligible, [s.tallies.pulls for s in sums], rng)
    assert_distribution(choice.probabilities, len(eligible))
    assert choice.index in eligible
    if algorithm.exploration is not None:
        assert min(choice.probabilities) >= algorithm.exploration.exploration_floor / len(eligible) * (1 - 1e-9)


def sampled_often(algorithm: Algorithm) -> Algorithm:
    """The same algorithm with so many draws that its shares are close to their expectation."""
    return replace(algorithm, draws=10_000) if isinstance(algorithm, Thompson | ContextualThompson) else algorithm


@every_algorithm
@unhurried
@given(
    seed=st.integers(0, 2**32),
    counts=st.lists(st.integers(0, 30), min_size=3, max_size=3),
    order=st.permutations(range(3)),
)
@example(seed=0, counts=[0, 0, 0], order=[2, 0, 1])
@example(seed=0, counts=[4, 0, 0], order=[2, 1, 0])
def test_arms_are_judged_by_evidence_not_by_position(
    algorithm: Algorithm, seed: int, counts: list[int], order: list[int]
) -> None:
    """Listing the arms in another order permutes scores and probabilities: exactly, or as far as draws can tell."""
    often, rng = sampled_often(algorithm), np.random.default_rng(seed)
    sums = [evidence("plain", n, 4, rng) for n in counts]
    arms = [make_arm(id=f"a{i}") for i in range(3)]
    x = features("plain", 1, 4, rng)[0]
    one = often.fit(arms, sums, 0).propose(x, range(3), np.random.default_rng(1))
    shuffled = often.fit([arms[i] for i in order], [sums[i] for i in order], 0)
    other = shuffled.propose(x, range(3), np.random.default_rng(2))
    np.testing.assert_allclose(other.scores, [one.scores[i] for i in order], rtol=1e-9, atol=1e-12)
    # The difference of two shares of 10,000 draws has a standard deviation of at most 0.0071.
    tolerance = 0.04 if often is not algorithm else 1e-12
    np.testing.assert_allclose(other.probabilities, [one.probabilities[i] for i in order], rtol=0, atol=tolerance)


@every_algorithm
def test_more_reward_is_never_judged_worse(algorithm: Algorithm) -> None:
    """Raising every reward of one arm does not lower its score, and a learner then scores it highest."""
    rng = np.random.default_rng(3)
    xs = features("plain", 40, 3, rng)
    rewards = rng.uniform(0.3, 0.5, 40)
    low, high = observations(xs, rewards), observations(xs, rewards + 0.4)
    x = features("plain", 1, 3, rng)[0]
    before, after = (propose(algorithm, [low, arm, low], x) for arm in (low, high))
    assert after.scores[1] >= before.scores[1]
    if algorithm.exploration is not None:
        assert after.scores[1] == max(after.scores)


@every_algorithm
def test_a_snapshot_keeps_nothing_of_the_requests(algorithm: Algorithm) -> None:
    """Proposing does not change a snapshot: the same chance gives the same proposal before and after others."""
    rng = np.random.default_rng(4)
    sums = [evidence("plain", 9, 3, rng) for _ in range(3)]
    snapshot = algorithm.fit([make_arm(id=f"a{i}") for i in range(3)], sums, 0)
    xs = features("plain", 5, 3, rng)
    first = snapshot.propose(xs[0], range(3), np.random.default_rng(5))
    for x in xs:
        snapshot.propose(x, [2, 1], rng)
    again = snapshot.propose(xs[0], range(3), np.random.default_rng(5))
    assert (first.probabilities, first.scores) == (again.probabilities, again.scores)


@every_algorithm
def test_empty_sums_are_enough(algorithm: Algorithm) -> None:
    """Before the first reward every algorithm decides, pulls without rewards included."""
    pulled = replace(zero(3), tallies=Tallies(pulls=2.0))
    assert_distribution(propose(algorithm, [zero(3), pulled, zero(3)], np.ones(3)).probabilities, 3)
