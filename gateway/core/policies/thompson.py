"""Beta-Bernoulli Thompson sampling without context, for rewards anywhere in [0, 1].

For each arm k, with n_k rewarded decisions and the prior count p:

    mean reward of k ~ Beta(p + sum r, p + n_k - sum r)

Chapelle and Li, "An Empirical Evaluation of Thompson Sampling", NIPS 2011; Agrawal and Goyal, "Analysis of Thompson
Sampling for the Multi-armed Bandit Problem", COLT 2012. A reward between 0 and 1 counts as that fraction of a success.

**The propensity.** The probability that an arm is best has no closed form, and a replay needs the exact number. So the
sampling is done in two steps: draw M posterior samples of all arms, let f_k be the share of draws in which arm k is
best, and choose from f. Given the draws, f is the exact propensity and importance weights with it are unbiased (an
arm with f_k = 0 in these draws is reached through the exploration floor). Over the draws, E[f_k] is the posterior
probability that k is best, so the choice follows Thompson sampling exactly, for every M, 1 included; a larger M makes
the propensities smoother and the importance weights smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from gateway.core.policies.base import Exploration, Proposal, Snapshot
from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm, FloatArray

_LARGEST_COUNT = 1e12
"""Beyond this a Beta sample is its mean to the sixth digit, and the sampler stays far from overflow."""


def shares_of_best(samples: FloatArray) -> list[float]:
    """Share of the rows of `samples`, shape (draws, k), in which each column is the highest: k shares, summing to 1.

    Columns that tie in a row share it evenly.
    """
    best = samples >= samples.max(axis=1, keepdims=True)
    shares: list[float] = (best / best.sum(axis=1, keepdims=True)).mean(axis=0).tolist()
    return shares


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThompsonSnapshot:
    """Fitted Beta posteriors, read-only arrays of shape (K,)."""

    alpha: FloatArray
    """Prior plus successes."""
    beta: FloatArray
    """Prior plus failures."""
    draws: int

    def propose(self, x: FloatArray, eligible: Sequence[int], rng: np.random.Generator) -> Proposal:
        """Share of posterior draws in which each arm is best; the scores are posterior means in [0, 1]."""
        del x  # no context
        alpha, beta = self.alpha.take(eligible), self.beta.take(eligible)
        samples = rng.beta(alpha, beta, size=(self.draws, len(eligible)))
        return Proposal(probabilities=shares_of_best(samples), scores=(alpha / (alpha + beta)).tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Thompson(Exploration):
    """Thompson sampling over each arm's mean reward; blind to the request."""

    kind: Literal["thompson"] = "thompson"
    prior: Annotated[float, Interval(ge=0.01, le=1000.0)] = 1.0
    """Successes and failures, each, that an arm starts with; 1 is the uniform prior."""
    draws: Annotated[int, Interval(ge=1, le=10_000)] = 64
    """M, posterior samples per decision."""

    @property
    def exploration(self) -> Exploration:
        """Its own floor and warm-up."""
        return self

    def fit(
        self, arms: Sequence[Arm], statistics: Sequence[ArmStatistics], bias: int, previous: Snapshot | None = None
    ) -> ThompsonSnapshot:
        """Count successes and failures; see `Algorithm.fit`."""
        del arms, bias, previous  # only the counts matter
        count = np.array([s.tallies.rewarded for s in statistics])
        reward = np.array([s.tallies.reward for s in statistics])
        # Rounding may leave a sum a hair below 0, or above its count, after many revisions.
        successes = np.clip(np.nan_to_num(reward), 0.0, _LARGEST_COUNT)
        failures = np.clip(np.nan_to_num(count) - successes, 0.0, _LARGEST_COUNT)
        alpha, beta = self.prior + successes, self.prior + failures
        alpha.setflags(write=False)
        beta.setflags(write=False)
        return ThompsonSnapshot(alpha=alpha, beta=beta, draws=self.draws)
