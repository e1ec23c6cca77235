"""Disjoint LinUCB: one ridge regression per arm, and the benefit of the doubt where an arm is little known.

For each arm a, with A_a = sum x x', b_a = sum r x, ridge l, prior mean c, and x[bias] = 1:

    inv_a = (A_a + l I)^-1        theta_a = inv_a (b_a - c A_a[:, bias])
    score_a(x) = c + x'theta_a + alpha sqrt(x' inv_a x)

Li, Chu, Langford and Schapire, "A Contextual-Bandit Approach to Personalized News Article Recommendation", WWW 2010,
Algorithm 1, on centred rewards: sum (r - c) x = b - c A[:, bias] because the feature at `bias` is always 1. The ridge
then pulls an unknown arm towards c and not towards 0, where a first arm with good rewards would look best for ever.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from annotated_types import Interval

from gateway.core.policies.base import Exploration, IntArray, Proposal
from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm, FloatArray

_LIMIT = 1e6
"""Means and widths are held within it: far beyond any reward, it binds only where floating point gave up."""

_TIE = 1e-12
"""Scores closer than this, relative to the best, differ by rounding only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearPosterior:
    """The ridge regressions of K arms, stacked; read-only arrays."""

    centre: float
    """c, the mean reward that an arm without evidence is taken for."""
    theta: FloatArray
    """Shape (K, d): what x says beyond the centre."""
    inv: FloatArray
    """Shape (K, d, d), symmetric and positive: inverse of the ridged Gram matrix."""

    @classmethod
    def fitted(cls, statistics: Sequence[ArmStatistics], *, ridge: float, prior_mean: float | None, bias: int) -> Self:
        """Solve every arm at once; `prior_mean` None takes the pooled mean. Never raises for the right shapes."""
        centre = pooled_mean(statistics) if prior_mean is None else prior_mean
        gram = np.stack([s.gram for s in statistics]).astype(np.float64)
        moment = np.stack([s.moment for s in statistics]).astype(np.float64)
        broken = ~(np.isfinite(gram).all(axis=(1, 2)) & np.isfinite(moment).all(axis=1))
        gram[broken], moment[broken] = 0.0, 0.0  # sums that overflowed say nothing: such an arm counts as unseen
        with np.errstate(all="ignore"):
            # Eigenvalues instead of a plain inverse: rounding may leave a singular Gram matrix slightly negative, and
            # a Cholesky factor or a variance would then not exist. Clipped at 0, the inverse is at most 1 / ridge.
            values, vectors = np.linalg.eigh(gram)
            precision = np.maximum(values, 0.0) + ridge
            inv = (vectors / precision[:, None, :]) @ vectors.transpose(0, 2, 1)
            theta = (inv @ (moment - centre * gram[:, :, bias])[:, :, None])[:, :, 0]
        theta.setflags(write=False)
        inv.setflags(write=False)
        return cls(centre=centre, theta=theta, inv=inv)

    def judge(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean reward at x, shape (d,), and its width sqrt(x' inv x), for all arms: two finite arrays of shape (K,)."""
        with np.errstate(all="ignore"):
            mean = self.centre + self.theta @ x
            # Rounding may leave the square of a tiny width below 0. fmax also makes 0 of what is not a number.
            width = np.sqrt(np.fmax(0.0, (self.inv @ x) @ x))
        # In this order a mean that is not a number becomes the lowest and not the highest.
        return np.fmin(np.fmax(mean, -_LIMIT), _LIMIT), np.fmin(width, _LIMIT)


def pooled_mean(statistics: Sequence[ArmStatistics]) -> float:
    """Mean reward over all arms' sums, in [0, 1]; 0.5 where there are none."""
    rewarded = sum(s.tallies.rewarded for s in statistics)
    mean = sum(s.tallies.reward for s in statistics) / rewarded if rewarded > 0 else 0.5
    return min(1.0, max(0.0, mean)) if math.isfinite(mean) else 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinUcbSnapshot:
    """Fitted LinUCB."""

    posterior: LinearPosterior
    alpha: float
    pulls: FloatArray
    """Shape (K,): decisions per arm at the time of the fit; the least pulled wins a tie."""

    def propose(self, x: FloatArray, eligible: IntArray, rng: np.random.Generator) -> Proposal:
        """All probability on the highest score; on a tie the least pulled, shared evenly if that ties too."""
        del rng  # the choice is a function of the sums alone
        mean, width = self.posterior.judge(x)
        scores = (mean + self.alpha * width)[eligible]
        top = scores.max()
        best = scores >= top - _TIE * max(1.0, abs(top))
        ties = np.count_nonzero(best)
        if ties > 1:
            pulls = self.pulls[eligible]
            best &= pulls <= pulls[best].min()
            ties = np.count_nonzero(best)
        return Proposal(probabilities=best / ties, scores=scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinUcb(Exploration):
    """Disjoint LinUCB over the request's features."""

    kind: Literal["linucb"] = "linucb"
    alpha: Annotated[float, Interval(ge=0.0, le=1000.0)] = 0.05
    """What a width sqrt(x' inv x) of 1 adds to a score, in reward units."""
    ridge: Annotated[float, Interval(gt=0.0, le=1e9)] = 1.0
    """Weight of the prior, in observations with unit features."""
    prior_mean: Annotated[float, Interval(ge=0.0, le=1.0)] | None = None
    """Reward an unknown arm is taken for: None the pooled mean of all arms, 1.0 the optimistic start."""

    @property
    def exploration(self) -> Exploration:
        """Its own floor and warm-up."""
        return self

    def fit(self, arms: Sequence[Arm], statistics: Sequence[ArmStatistics], bias: int) -> LinUcbSnapshot:
        """Solve all arms; see `Algorithm.fit`."""
        del arms  # only their sums matter
        posterior = LinearPosterior.fitted(statistics, ridge=self.ridge, prior_mean=self.prior_mean, bias=bias)
        pulls = np.array([s.tallies.pulls for s in statistics])
        pulls.setflags(write=False)
        return LinUcbSnapshot(posterior=posterior, alpha=self.alpha, pulls=pulls)
