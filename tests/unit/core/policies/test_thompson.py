"""Thompson sampling against closed forms of the Beta distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gateway.core.policies.thompson import Thompson, ThompsonSnapshot, shares_of_best
from gateway.core.statistics import ArmStatistics, Tallies, observations, zero
from tests.builders import make_arm

X = np.ones(1)


def arm(successes: float, failures: float) -> ArmStatistics:
    """Sums of an arm with this evidence."""
    return ArmStatistics(
        gram=np.zeros((1, 1)), moment=np.zeros(1), tallies=Tallies(rewarded=successes + failures, reward=successes)
    )


def fit(statistics: list[ArmStatistics], **given: float) -> ThompsonSnapshot:
    """A snapshot over as many arms as there are sums."""
    algorithm = Thompson(prior=given.get("prior", 1.0), draws=int(given.get("draws", 64)))
    return algorithm.fit([make_arm(id=f"a{i}") for i in range(len(statistics))], statistics, 0)


def log_beta(a: float, b: float) -> float:
    """Logarithm of the Beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def probability_of_best(a1: int, b1: int, a2: int, b2: int) -> float:
    """P(Beta(a1, b1) > Beta(a2, b2)) for integer parameters, where the double integral is a finite sum."""
    return sum(
        math.exp(log_beta(a2 + i, b1 + b2) - math.log(b1 + i) - log_beta(1 + i, b1) - log_beta(a2, b2))
        for i in range(a1)
    )


def test_posterior_counts_fractions_of_success() -> None:
    """alpha = prior + sum r and beta = prior + n - sum r, for rewards anywhere in [0, 1]."""
    rewards = np.array([0.25, 0.5, 1.0, 0.0, 0.9])
    snapshot = fit([observations(np.ones((5, 1)), rewards), zero(1)], prior=2.0)
    np.testing.assert_allclose(snapshot.alpha, [2.0 + 2.65, 2.0])
    np.testing.assert_allclose(snapshot.beta, [2.0 + 2.35, 2.0])


def test_scores_are_posterior_means() -> None:
    """Fallbacks go by what the arms are worth on average, not by the luck of a draw."""
    proposal = fit([arm(3, 1), arm(0, 2)]).propose(X, range(2), np.random.default_rng(0))
    np.testing.assert_allclose(proposal.scores, [4 / 6, 1 / 4])


@pytest.mark.parametrize(("one", "other"), [((3, 1), (2, 2)), ((0, 0), (5, 2)), ((30, 10), (28, 12))])
def test_expected_share_is_the_probability_of_being_best(one: tuple[int, int], other: tuple[int, int]) -> None:
    """Over the draws, the mean share is the posterior probability of being best, within 4.5 standard errors."""
    n = 200_000
    shares = fit([arm(*one), arm(*other)], draws=n).propose(X, range(2), np.random.default_rng(1)).probabilities
    expected = probability_of_best(one[0] + 1, one[1] + 1, other[0] + 1, other[1] + 1)
    assert abs(shares[0] - expected) < 4.5 * math.sqrt(expected * (1 - expected) / n)


def test_the_choice_is_thompson_sampling_however_few_draws() -> None:
    """Choosing from the shares of 3 draws picks an arm as often as choosing the best of 1 draw: its probability."""
    snapshot, rng, n = fit([arm(3, 1), arm(2, 2)], draws=3), np.random.default_rng(2), 20_000
    chosen = sum(rng.random() < snapshot.propose(X, range(2), rng).probabilities[0] for _ in range(n))
    expected = probability_of_best(4, 2, 3, 3)
    assert abs(chosen / n - expected) < 4.5 * math.sqrt(expected * (1 - expected) / n)


def test_shares_are_multiples_of_one_over_draws() -> None:
    """Each draw has one best arm, so M draws give shares that are whole multiples of 1 / M."""
    proposal = fit([zero(1)] * 3, draws=7).propose(X, range(3), np.random.default_rng(3))
    shares = np.array(proposal.probabilities)
    np.testing.assert_allclose(shares * 7, np.round(shares * 7), atol=1e-12)
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)


def test_ties_in_a_draw_are_shared() -> None:
    """Where floating point cannot tell arms apart, position does not decide."""
    shares = shares_of_best(np.array([[1.0, 1.0, 0.0], [0.0, 0.5, 0.2]]))
    np.testing.assert_allclose(shares, [0.25, 0.75, 0.0])


def test_judges_only_the_eligible() -> None:
    """An arm that is not eligible takes no share, however good it is."""
    proposal = fit([arm(1, 9), arm(99, 1), arm(9, 1)]).propose(X, [2, 0], np.random.default_rng(4))
    np.testing.assert_allclose(proposal.scores, [10 / 12, 2 / 12])
    assert proposal.probabilities[0] > 0.9


@pytest.mark.parametrize(
    "tallies",
    [
        Tallies(rewarded=1e300, reward=1e299),
        Tallies(rewarded=1e-300, reward=1e-300),
        Tallies(rewarded=3.0, reward=3.0 + 1e-9),
        Tallies(rewarded=3.0, reward=-1e-9),
        Tallies(rewarded=math.inf, reward=math.nan),
    ],
)
@pytest.mark.parametrize("prior", [0.01, 1.0, 1000.0])
def test_shares_are_finite_whatever_comes(tallies: Tallies, prior: float) -> None:
    """Huge, tiny, slightly impossible or broken counts: still a distribution over the arms."""
    broken = ArmStatistics(gram=np.zeros((1, 1)), moment=np.zeros(1), tallies=tallies)
    proposal = fit([broken, zero(1)], prior=prior).propose(X, range(2), np.random.default_rng(5))
    assert np.isfinite(proposal.scores).all()
    assert min(proposal.probabilities) >= 0.0
    assert sum(proposal.probabilities) == pytest.approx(1.0, abs=1e-12)
