"""Linear Thompson sampling: one Gaussian posterior per arm over the request's features.

With inv_a, theta_a and c as in LinUCB (ridge regression on centred rewards) and noise s:

    reward of a at x ~ Normal(c + x'theta_a, s^2 x' inv_a x)

Agrawal and Goyal, "Thompson Sampling for Contextual Bandits with Linear Payoffs", ICML 2013, with one weight vector
per arm. The arms' posteriors are independent, so it is enough to sample the score at x, a scalar per arm, instead of
the weights. The propensity is the share of M draws in which an arm is best; `thompson` says why that is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from gateway.core.policies.base import Exploration, Proposal, Snapshot
from gateway.core.policies.linucb import LinearPosterior
from gateway.core.policies.thompson import shares_of_best
from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContextualThompsonSnapshot:
    """Fitted linear Gaussian posteriors."""

    posterior: LinearPosterior
    noise: float
    draws: int

    def propose(self, x: FloatArray, eligible: Sequence[int], rng: np.random.Generator) -> Proposal:
        """Share of posterior draws in which each arm is best at x; the scores are the posterior means."""
        mean, width = self.posterior.judge(x)
        scores = [mean[row] for row in eligible]
        spread = [self.noise * width[row] for row in eligible]
        samples = np.array(scores) + np.array(spread) * rng.standard_normal((self.draws, len(eligible)))
        return Proposal(probabilities=shares_of_best(samples), scores=scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualThompson(Exploration):
    """Thompson sampling over a linear model of the request's features, one per arm."""

    kind: Literal["contextual_thompson"] = "contextual_thompson"
    noise: Annotated[float, Interval(gt=0.0, le=1000.0)] = 0.25
    """Standard deviation of one reward around its mean, in reward units; a larger one explores more."""
    ridge: Annotated[float, Interval(gt=0.0, le=1e9)] = 1.0
    """Weight of the prior, in observations with unit features."""
    prior_mean: Annotated[float, Interval(ge=0.0, le=1.0)] | None = None
    """Reward an unknown arm is taken for: None the pooled mean of all arms, 1.0 the optimistic start."""
    draws: Annotated[int, Interval(ge=1, le=10_000)] = 64
    """M, posterior samples per decision."""

    @property
    def exploration(self) -> Exploration:
        """Its own floor and warm-up."""
        return self

    def fit(
        self, arms: Sequence[Arm], statistics: Sequence[ArmStatistics], bias: int, previous: Snapshot | None = None
    ) -> ContextualThompsonSnapshot:
        """Solve all arms; see `Algorithm.fit`."""
        del arms  # only their sums matter
        known = previous.posterior if isinstance(previous, ContextualThompsonSnapshot) else None
        posterior = LinearPosterior.fitted(
            statistics, ridge=self.ridge, prior_mean=self.prior_mean, bias=bias, previous=known
        )
        return ContextualThompsonSnapshot(posterior=posterior, noise=self.noise, draws=self.draws)
