"""Contextual Thompson sampling against the closed form for two Gaussian scores."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from gateway.core.policies.contextual_thompson import ContextualThompson, ContextualThompsonSnapshot
from gateway.core.policies.linucb import LinUcb
from gateway.core.statistics import ArmStatistics, observations, zero
from tests.builders import make_arm


def evidence(n: int, seed: int) -> ArmStatistics:
    """Sums of n random observations with 4 features, the first of them 1."""
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=(n, 4))
    xs[:, 0] = 1.0
    return observations(xs, rng.random(n))


X = np.array([1.0, 0.5, -1.0, 0.25])
ARMS = [make_arm(id=f"a{i}") for i in range(3)]
SUMS = [evidence(6, 0), evidence(9, 1), zero(4)]


def fit(**given: float) -> ContextualThompsonSnapshot:
    """A snapshot over three arms, one of them unseen."""
    algorithm = ContextualThompson(noise=given.get("noise", 0.25), draws=int(given.get("draws", 64)))
    return algorithm.fit(ARMS, SUMS, 0)


def test_scores_are_greedy_linucb() -> None:
    """The posterior mean is LinUCB's estimate without its bound: both are the same ridge regression."""
    rng = np.random.default_rng(0)
    greedy = LinUcb(alpha=0.0).fit(ARMS, SUMS, 0).propose(X, range(3), rng)
    np.testing.assert_allclose(fit().propose(X, range(3), rng).scores, greedy.scores, rtol=1e-12)


@pytest.mark.parametrize("noise", [0.05, 0.25, 2.0])
def test_share_is_the_gaussian_probability_of_being_best(noise: float) -> None:
    """Of two arms, P(best) = Phi((m1 - m2) / sqrt(s1^2 + s2^2)) with s^2 = noise^2 x' inv x, within 4.5 errors."""
    n = 200_000
    shares = fit(noise=noise, draws=n).propose(X, range(2), np.random.default_rng(1)).probabilities
    centre = (SUMS[0].tallies.reward + SUMS[1].tallies.reward) / 15
    mean, variance = [], []
    for sums in SUMS[:2]:
        ridged = sums.gram + np.eye(4)
        mean.append(X @ np.linalg.solve(ridged, sums.moment - centre * sums.gram[:, 0]))
        variance.append(noise**2 * X @ np.linalg.solve(ridged, X))
    expected = NormalDist().cdf((mean[0] - mean[1]) / math.sqrt(sum(variance)))
    assert abs(shares[0] - expected) < 4.5 * math.sqrt(expected * (1 - expected) / n)


def test_little_noise_is_greedy() -> None:
    """As the noise goes to 0, all of the probability goes to the highest mean."""
    proposal = fit(noise=1e-9).propose(X, range(3), np.random.default_rng(2))
    assert proposal.probabilities[int(np.argmax(proposal.scores))] == 1.0


def test_evidence_replaces_exploration() -> None:
    """An arm that is best by a margin gets more of the probability as evidence for both grows."""
    shares = []
    for n in (1, 20, 400):
        sums = [observations(np.ones((n, 1)), np.full(n, reward)) for reward in (0.8, 0.7)]
        snapshot = ContextualThompson(draws=10_000).fit(ARMS[:2], sums, 0)
        shares.append(snapshot.propose(np.ones(1), range(2), np.random.default_rng(3)).probabilities[0])
    assert shares == sorted(shares)
    assert shares[-1] > 0.99


def test_judges_only_the_eligible() -> None:
    """Arrays are aligned with the eligible arms, whatever their order."""
    everyone = fit().propose(X, range(3), np.random.default_rng(4))
    some = fit().propose(X, [2, 0], np.random.default_rng(4))
    assert some.scores == [everyone.scores[2], everyone.scores[0]]
    assert len(some.probabilities) == 2


@pytest.mark.parametrize("noise", [1e-300, 1000.0])
@pytest.mark.parametrize("scale", [0.0, 1e-200, 1e200, 1e308, math.inf])
def test_shares_are_finite_whatever_comes(noise: float, scale: float) -> None:
    """Vanishing or exploding features and noise still give a distribution and finite scores."""
    with np.errstate(over="ignore"):
        x = X * scale
    proposal = fit(noise=noise).propose(x, range(3), np.random.default_rng(5))
    assert np.isfinite(proposal.scores).all()
    assert sum(proposal.probabilities) == pytest.approx(1.0, abs=1e-12)
