"""LinUCB against a second, plain implementation, and where arithmetic is at its worst."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gateway.core.policies.linucb import LinUcb, LinUcbSnapshot, pooled_mean
from gateway.core.statistics import ArmStatistics, Tallies, observations, zero
from gateway.core.values import FloatArray
from tests.builders import make_arm

RNG = np.random.default_rng(0)
"""Passed on and never asked: LinUCB's choice is deterministic."""


ORDERS = [np.random.default_rng(seed).permutation(200) for seed in range(5)]


def rows(n: int, d: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Feature vectors (n, d) with the bias in column 1, and rewards (n,)."""
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=(n, d))
    xs[:, 1] = 1.0
    return xs, rng.random(n)


def with_pulls(statistics: ArmStatistics, pulls: float) -> ArmStatistics:
    """The same evidence with this many pulls."""
    d = statistics.dimension
    return statistics + ArmStatistics(gram=np.zeros((d, d)), moment=np.zeros(d), tallies=Tallies(pulls=pulls))


def fit(algorithm: LinUcb, statistics: list[ArmStatistics], bias: int = 0) -> LinUcbSnapshot:
    """A snapshot over as many arms as there are sums."""
    return algorithm.fit([make_arm(id=f"a{i}") for i in range(len(statistics))], statistics, bias)


def plain_score(xs: FloatArray, rewards: FloatArray, x: FloatArray, algorithm: LinUcb, centre: float) -> float:
    """LinUCB's score of one arm from its raw observations, by least squares on rows augmented with sqrt(ridge) I."""
    d = x.shape[0]
    augmented = np.vstack((xs, math.sqrt(algorithm.ridge) * np.eye(d)))
    theta = np.linalg.lstsq(augmented, np.concatenate((rewards - centre, np.zeros(d))), rcond=None)[0]
    width = math.sqrt(x @ np.linalg.solve(augmented.T @ augmented, x))
    return float(centre + x @ theta + algorithm.alpha * width)


@pytest.mark.parametrize("prior_mean", [None, 0.0, 0.7, 1.0])
@pytest.mark.parametrize("ridge", [0.01, 1.0, 30.0])
def test_scores_equal_ridge_regression_on_centred_rewards(prior_mean: float | None, ridge: float) -> None:
    """Scores from the sums are those of a ridge regression on the raw, centred rewards, for every arm at once."""
    algorithm = LinUcb(alpha=0.3, ridge=ridge, prior_mean=prior_mean)
    data = [rows(n, 6, seed) for seed, n in enumerate((40, 3, 11))]
    everything = np.concatenate([rewards for _, rewards in data])
    centre = float(everything.mean()) if prior_mean is None else prior_mean
    snapshot = fit(algorithm, [observations(*d) for d in data], bias=1)
    x = rows(1, 6, 99)[0][0]
    expected = [plain_score(xs, rewards, x, algorithm, centre) for xs, rewards in data]
    proposal = snapshot.propose(x, range(3), RNG)
    np.testing.assert_allclose(proposal.scores, expected, rtol=1e-9)
    np.testing.assert_array_equal(proposal.probabilities, np.eye(3)[int(np.argmax(expected))])


def test_judges_only_the_eligible_in_their_order() -> None:
    """Arrays are aligned with the eligible arms, whatever their order."""
    snapshot = fit(LinUcb(), [observations(*rows(9, 4, seed)) for seed in range(5)], bias=1)
    x = rows(1, 4, 99)[0][0]
    everyone = snapshot.propose(x, range(5), RNG)
    some = snapshot.propose(x, [4, 0, 2], RNG)
    assert some.scores == [everyone.scores[row] for row in (4, 0, 2)]
    assert some.probabilities == [float(score == max(some.scores)) for score in some.scores]


def test_an_unseen_arm_is_worth_the_prior_mean_plus_its_bound() -> None:
    """Without evidence theta is 0 and inv is I / ridge: score = c + alpha |x| / sqrt(ridge)."""
    x = np.array([1.0, 2.0, 2.0])
    proposal = fit(LinUcb(alpha=0.4, ridge=4.0, prior_mean=0.6), [zero(3)]).propose(x, range(1), RNG)
    np.testing.assert_allclose(proposal.scores, [0.6 + 0.4 * 3.0 / 2.0])


def test_prior_mean_none_pools_all_arms() -> None:
    """The centre is the mean of all rewards, not the mean of the arms' means; a half without any."""
    many = observations(np.ones((9, 1)), np.full(9, 0.9))
    one = observations(np.ones((1, 1)), np.array([0.4]))
    assert pooled_mean([many, one]) == pytest.approx((9 * 0.9 + 0.4) / 10)
    assert pooled_mean([zero(1), zero(1)]) == 0.5


@pytest.mark.parametrize("tallies", [Tallies(rewarded=1.0, reward=1.0 + 1e-9), Tallies(rewarded=5e-324, reward=1e308)])
def test_pooled_mean_is_a_reward(tallies: Tallies) -> None:
    """Rounding and damaged sums cannot make the centre anything but a number in [0, 1]."""
    assert 0.0 <= pooled_mean([ArmStatistics(gram=np.zeros((1, 1)), moment=np.zeros(1), tallies=tallies)]) <= 1.0


def test_optimistic_start_tries_every_arm() -> None:
    """With prior mean 1 an arm without evidence beats every arm that disappointed."""
    seen = observations(np.ones((50, 1)), np.full(50, 0.95))
    proposal = fit(LinUcb(prior_mean=1.0, alpha=0.0), [seen, zero(1)]).propose(np.ones(1), range(2), RNG)
    assert proposal.probabilities == [0.0, 1.0]


def test_a_tie_goes_to_the_least_pulled_then_to_all() -> None:
    """Equal scores: the arm with fewer pulls; equal pulls too: each the same probability."""
    snapshot = fit(LinUcb(), [with_pulls(zero(2), pulls) for pulls in (3.0, 1.0, 1.0, 2.0)])
    x = np.array([1.0, 0.3])
    assert snapshot.propose(x, range(4), RNG).probabilities == [0.0, 0.5, 0.5, 0.0]
    assert snapshot.propose(x, [3, 0], RNG).probabilities == [1.0, 0.0]


def test_rounding_breaks_no_tie() -> None:
    """The same observations added in another order are the same evidence, whatever the last bits say."""
    xs, rewards = rows(200, 5, 7)
    sums = [sum((observations(xs[i : i + 1], rewards[i : i + 1]) for i in order), zero(5)) for order in ORDERS]
    x = rows(1, 5, 99)[0][0]
    proposal = fit(LinUcb(), sums, bias=1).propose(x, range(len(sums)), RNG)
    assert len(set(proposal.scores)) > 1
    np.testing.assert_allclose(proposal.probabilities, 1 / len(sums))


def test_pulls_do_not_matter_without_a_tie() -> None:
    """A better score wins however often its arm was pulled."""
    good = with_pulls(observations(np.ones((5, 1)), np.full(5, 0.9)), 1000.0)
    bad = observations(np.ones((5, 1)), np.full(5, 0.8))
    assert fit(LinUcb(), [bad, good]).propose(np.ones(1), range(2), RNG).probabilities == [0.0, 1.0]


def test_alpha_zero_is_greedy() -> None:
    """Without a bound the score is the estimate, which approaches the mean reward as evidence grows."""
    seen = observations(np.ones((100_000, 1)), np.full(100_000, 0.8))
    proposal = fit(LinUcb(alpha=0.0, prior_mean=0.0), [seen]).propose(np.ones(1), range(1), RNG)
    np.testing.assert_allclose(proposal.scores, [0.8 * 100_000 / 100_001], rtol=1e-12)


def test_the_bound_never_grows_with_evidence() -> None:
    """More observations make the width at any x smaller, whatever they were."""
    xs, rewards = rows(64, 5, 3)
    x = rows(1, 5, 99)[0][0]
    widths = [fit(LinUcb(), [observations(xs[:n], rewards[:n])]).posterior.judge(x)[1][0] for n in (0, 1, 8, 64)]
    assert widths == sorted(widths, reverse=True)


HUGE = ArmStatistics(gram=np.full((3, 3), 1e307), moment=np.full(3, 1e307), tallies=Tallies(rewarded=1.0, reward=1.0))
OVERFLOWED = ArmStatistics(gram=np.full((3, 3), np.inf), moment=np.full(3, np.nan), tallies=Tallies())
NEGATIVE = ArmStatistics(gram=-np.eye(3), moment=np.ones(3), tallies=Tallies(rewarded=1.0, reward=0.5))
CONSTANT = observations(np.ones((1000, 3)), np.full(1000, 0.5))


@pytest.mark.parametrize("ridge", [1e-300, 1e-9, 1.0, 1e300])
@pytest.mark.parametrize("x", [np.zeros(3), np.ones(3), np.full(3, 1e200), np.array([1.0, np.inf, np.nan])])
@pytest.mark.parametrize("arm", [zero(3), HUGE, OVERFLOWED, NEGATIVE, CONSTANT])
def test_scores_are_finite_whatever_comes(ridge: float, x: FloatArray, arm: ArmStatistics) -> None:
    """Singular, overflowed, indefinite or huge: the scores are numbers, and a choice is made."""
    snapshot = fit(LinUcb(ridge=ridge, alpha=1000.0), [arm, CONSTANT, zero(3)])
    proposal = snapshot.propose(x, range(3), RNG)
    assert np.isfinite(proposal.scores).all()
    assert min(snapshot.posterior.judge(x)[1]) >= 0.0
    assert sum(proposal.probabilities) == pytest.approx(1.0, abs=1e-12)


def test_a_slightly_negative_gram_matrix_is_read_as_singular() -> None:
    """Rounding may leave an eigenvalue below 0, even below -ridge: nothing is known there, and the width says so."""
    arm = ArmStatistics(gram=np.diag([10.0, -3e-6]), moment=np.zeros(2), tallies=Tallies())
    width = fit(LinUcb(ridge=1e-6), [arm]).posterior.judge(np.array([0.0, 1.0]))[1]
    np.testing.assert_allclose(width, [1e3], rtol=1e-6)


def test_overwhelming_evidence_leaves_no_width() -> None:
    """Where the true width is below rounding, its square may come out negative: it is read as 0, never as unknown."""
    for seed in range(30):
        v = np.random.default_rng(seed).normal(size=20)
        arm = ArmStatistics(gram=1e18 * np.outer(v, v), moment=np.zeros(20), tallies=Tallies())
        assert fit(LinUcb(), [arm]).posterior.judge(v)[1][0] < 1e-3


def test_constant_features_estimate_the_mean() -> None:
    """A Gram matrix of rank 1 in 200 dimensions is no obstacle: the estimate at the constant is the mean reward."""
    arm = observations(np.ones((1000, 200)), np.full(1000, 0.75))
    proposal = fit(LinUcb(alpha=0.0, prior_mean=0.0), [arm]).propose(np.ones(200), range(1), RNG)
    # The only eigenvalue is 1000 * 200, against which a ridge of 1 shrinks the estimate.
    np.testing.assert_allclose(proposal.scores, [0.75 * 200_000 / 200_001], rtol=1e-9)


def test_a_broken_arm_does_not_disturb_the_others() -> None:
    """An arm whose sums overflowed is judged as unseen; the other arm's score does not change."""
    x = np.array([1.0, 0.5, -0.5])
    algorithm = LinUcb(prior_mean=0.5)
    alone = fit(algorithm, [CONSTANT]).propose(x, range(1), RNG).scores[0]
    both = fit(algorithm, [OVERFLOWED, CONSTANT]).propose(x, range(2), RNG).scores
    unseen = fit(algorithm, [zero(3)]).propose(x, range(1), RNG).scores[0]
    np.testing.assert_allclose(both, [unseen, alone], rtol=1e-12)


def in_one_dimension(value: float) -> ArmStatistics:
    """Sums whose Gram matrix is the diagonal (10, value), without rewards."""
    return ArmStatistics(gram=np.diag([10.0, value]), moment=np.zeros(2), tallies=Tallies())


@pytest.mark.parametrize("ridge", [1e-6, 1.0, 100.0])
@pytest.mark.parametrize("share", [-2.0, -1.0, -0.999_999, -0.5, -0.01, -1e-4, 0.0])
def test_no_width_exceeds_that_of_an_unknown_arm(ridge: float, share: float) -> None:
    """However far rounding has pushed an eigenvalue below 0, the width there is the prior's, to half a thousandth."""
    width = fit(LinUcb(ridge=ridge), [in_one_dimension(share * ridge)]).posterior.judge(np.array([0.0, 1.0]))[1][0]
    assert width == pytest.approx(1.0 / math.sqrt(ridge), rel=5.1e-4)


@pytest.mark.parametrize("d", [2, 3, 48, 49, 97, 150, 200])
def test_widths_are_those_of_the_inverse_in_any_dimension(d: int) -> None:
    """However the matrix is cut into blocks: width^2 = x' A^-1 x, by solving A y = x."""
    xs, rewards = rows(3 * d, d, d)
    x = rows(1, d, 99)[0][0]
    expected = math.sqrt(x @ np.linalg.solve(xs.T @ xs + 0.5 * np.eye(len(x)), x))
    width = fit(LinUcb(ridge=0.5), [observations(xs, rewards)], bias=1).posterior.judge(x)[1][0]
    assert width == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e8, 1e9, 1e10, 1e12])
def test_widths_are_as_exact_as_the_sums_on_both_sides_of_the_limit(scale: float) -> None:
    """Whichever way the matrix is inverted, the closed form of one eigenvector plus the ridge holds, to what rounding
    the sums themselves costs: eps times the evidence, in units of the ridge."""
    v = np.random.default_rng(1).normal(size=12)
    arm = ArmStatistics(gram=scale * np.outer(v, v), moment=np.zeros(12), tallies=Tallies())
    x = np.random.default_rng(2).normal(size=12)
    along = (x @ v) / math.sqrt(v @ v)
    expected = math.sqrt(along**2 / (scale * (v @ v) + 1.0) + (x @ x - along**2))
    width = fit(LinUcb(), [arm]).posterior.judge(x)[1][0]
    assert width == pytest.approx(expected, rel=1e-12 + 4.0 * float(np.finfo(float).eps) * scale * float(v @ v))


def test_taking_over_from_the_previous_snapshot_changes_nothing() -> None:
    """Refitted with some arms' sums unchanged, the scores are bit by bit those of a fit from nothing.

    The new rewards move the pooled mean, and with it the estimates of the arms that did not change.
    """
    algorithm, x = LinUcb(), rows(1, 5, 99)[0][0]
    old = [observations(*rows(n, 5, n)) for n in (30, 3, 11)]
    new = [old[0], old[1] + observations(*rows(40, 5, 7)), old[2]]
    arms = [make_arm(id=f"a{i}") for i in range(3)]
    before = fit(algorithm, old, bias=1)
    again = algorithm.fit(arms, new, 1, before)
    afresh = algorithm.fit(arms, new, 1)
    assert again.propose(x, range(3), RNG) == afresh.propose(x, range(3), RNG)
    assert again.propose(x, range(3), RNG).scores[0] != before.propose(x, range(3), RNG).scores[0]
    np.testing.assert_array_equal(again.posterior.inv[[0, 2]], before.posterior.inv[[0, 2]])


def test_only_arms_that_changed_are_solved() -> None:
    """An arm whose sums are the same object costs nothing: not even arrays spoilt in the meantime are looked at."""
    arm, other = (observations(*rows(9, 3, seed)) for seed in (1, 2))
    before = fit(LinUcb(prior_mean=0.5), [arm, other])
    arm.gram[:] = np.nan
    after = LinUcb(prior_mean=0.5).fit([], [arm, other + other], 0, before)
    np.testing.assert_array_equal(after.posterior.stack[0], before.posterior.stack[0])
    assert not np.array_equal(after.posterior.stack[1], before.posterior.stack[1])


def test_a_snapshot_is_immutable() -> None:
    """Requests share a snapshot, so nobody can write into its arrays, and the sums it came from stay as they are."""
    arm = observations(*rows(5, 3, 0))
    before = arm.to_bytes()
    snapshot = fit(LinUcb(), [arm])
    posterior = snapshot.posterior
    for array in (posterior.theta, posterior.inv, posterior.flat, posterior.solved):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
    assert arm.to_bytes() == before
