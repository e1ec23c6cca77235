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

from gateway.core.policies.base import Exploration, Proposal, Snapshot
from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm, FloatArray

_LIMIT = 1e6
"""Means and widths are held within it: far beyond any reward, it binds only where floating point gave up."""

_TIE = 1e-12
"""Scores closer than this, relative to the best, differ by rounding only."""

_BLOCK = 48
"""Matrices up to this size are inverted by LAPACK in one go; its inverse of a large one takes 1.5 to 3 times as long
as products of blocks do (d = 81: 145 against 100 microseconds, d = 600: 36 against 11 milliseconds)."""

_CONDITION = 1e10
"""Largest ratio of evidence to ridge at which a plain inverse has digits enough; beyond it eigenvalues are taken."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearPosterior:
    """The ridge regressions of K arms, stacked so that one product with x judges them all; read-only arrays."""

    centre: float
    """c, the mean reward that an arm without evidence is taken for."""
    stack: FloatArray
    """Shape (K, d + 1, d): of each arm the rows of inv, symmetric and positive, and below them theta."""
    flat: FloatArray
    """The same, shape (K (d + 1), d)."""
    solved: FloatArray
    """Shape (K, 2, d): inv b and inv A[:, bias], from which theta follows for any centre."""
    sums: tuple[ArmStatistics, ...]
    """What it was fitted on."""

    @classmethod
    def fitted(
        cls,
        statistics: Sequence[ArmStatistics],
        *,
        ridge: float,
        prior_mean: float | None,
        bias: int,
        previous: Self | None = None,
    ) -> Self:
        """Solve the arms whose sums are not the very objects that `previous` was fitted on; the others are copied.

        `prior_mean` None takes the pooled mean. Never raises for the right shapes.
        """
        centre = pooled_mean(statistics) if prior_mean is None else prior_mean
        k, d = len(statistics), statistics[0].dimension
        stack = np.empty((k, d + 1, d)) if previous is None else previous.stack.copy()
        solved = np.empty((k, 2, d)) if previous is None else previous.solved.copy()
        with np.errstate(all="ignore"):
            for row, sums in enumerate(statistics):
                if previous is None or previous.sums[row] is not sums:
                    usable = np.isfinite(sums.gram).all() and np.isfinite(sums.moment).all()
                    # Sums that overflowed say nothing: such an arm counts as unseen.
                    gram, moment = (sums.gram, sums.moment) if usable else (np.zeros((d, d)), np.zeros(d))
                    inv = _inverse(gram, ridge)
                    stack[row, :d] = inv
                    solved[row, 0] = inv.dot(moment)
                    solved[row, 1] = inv.dot(gram[:, bias])
            stack[:, d] = solved[:, 0] - centre * solved[:, 1]
        stack.setflags(write=False)
        solved.setflags(write=False)
        return cls(centre=centre, stack=stack, flat=stack.reshape(-1, d), solved=solved, sums=tuple(statistics))

    @property
    def theta(self) -> FloatArray:
        """Shape (K, d): what x says beyond the centre."""
        return self.stack[:, -1]

    @property
    def inv(self) -> FloatArray:
        """Shape (K, d, d): inverses of the ridged Gram matrices."""
        return self.stack[:, :-1]

    def judge(self, x: FloatArray) -> tuple[list[float], list[float]]:
        """Mean reward at x, shape (d,), and its width sqrt(x' inv x), for all arms: K finite numbers each."""
        with np.errstate(all="ignore"):
            products = self.flat.dot(x).reshape(self.stack.shape[:2])
            squares: list[float] = products[:, :-1].dot(x).tolist()
        beyond: list[float] = products[:, -1].tolist()
        centre, limit, root = self.centre, _LIMIT, math.sqrt
        means = [mean if -limit <= (mean := centre + b) <= limit else _clipped(mean) for b in beyond]
        limit *= limit
        return means, [root(s) if 0.0 <= s <= limit else _clipped_root(s) for s in squares]


def _clipped(mean: float) -> float:
    """Within the limits; what is not a number becomes the lowest and not the highest."""
    return _LIMIT if mean > _LIMIT else -_LIMIT


def _clipped_root(square: float) -> float:
    """0 where rounding left the square of a tiny width below 0, or no number at all."""
    return _LIMIT if square > 0.0 else 0.0


def _inverse(gram: FloatArray, ridge: float) -> FloatArray:
    """(gram + ridge I)^-1 with eigenvalues in (0, 1 / ridge], up to a thousandth more; `gram` is finite.

    Rounding may leave a singular Gram matrix slightly negative, and a width would then not exist or be far too large.
    A Cholesky factor of gram + ridge I / 1000 exists only if no eigenvalue lies below -ridge / 1000, and costs a tenth
    of the eigenvalues, which are computed, and those below 0 raised to 0, only where there is no such factor.
    """
    if float(gram.trace()) / ridge <= _CONDITION:
        try:
            np.linalg.cholesky(_ridged(gram, 1e-3 * ridge))
            return _inverted(_ridged(gram, ridge))
        except np.linalg.LinAlgError:
            pass
    values, vectors = np.linalg.eigh(gram)
    inverse: FloatArray = (vectors / (np.maximum(values, 0.0) + ridge)) @ vectors.T
    return inverse


def _inverted(matrix: FloatArray) -> FloatArray:
    """Inverse of a symmetric positive definite matrix, block by block from the inverses of smaller ones."""
    size = matrix.shape[0]
    inverse: FloatArray = np.empty_like(matrix)
    if size <= _BLOCK:
        inverse[:] = np.linalg.inv(matrix)
        return inverse
    half = size // 2
    first = _inverted(matrix[:half, :half])
    across = first.dot(matrix[:half, half:])
    second = _inverted(matrix[half:, half:] - matrix[half:, :half].dot(across))
    corner = across.dot(second)
    inverse[:half, :half] = first + corner.dot(across.T)
    inverse[:half, half:] = -corner
    inverse[half:, :half] = -corner.T
    inverse[half:, half:] = second
    return inverse


def _ridged(gram: FloatArray, ridge: float) -> FloatArray:
    ridged = gram.copy()
    ridged.ravel()[:: gram.shape[0] + 1] += ridge
    return ridged


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
    pulls: tuple[float, ...]
    """Decisions of the K arms at the time of the fit; the least pulled wins a tie."""

    def propose(self, x: FloatArray, eligible: Sequence[int], rng: np.random.Generator) -> Proposal:
        """All probability on the highest score; on a tie the least pulled, shared evenly if that ties too."""
        del rng  # the choice is a function of the sums alone
        means, widths = self.posterior.judge(x)
        alpha = self.alpha
        scores = [means[row] + alpha * widths[row] for row in eligible]
        top = max(scores)
        least = top - _TIE * max(1.0, abs(top))
        probabilities = [0.0] * len(scores)
        if sum([score >= least for score in scores]) == 1:
            probabilities[scores.index(top)] = 1.0
        else:
            tied = [position for position, score in enumerate(scores) if score >= least]
            fewest = min(self.pulls[eligible[position]] for position in tied)
            best = [position for position in tied if self.pulls[eligible[position]] <= fewest]
            for position in best:
                probabilities[position] = 1.0 / len(best)
        return Proposal(probabilities=probabilities, scores=scores)


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

    def fit(
        self, arms: Sequence[Arm], statistics: Sequence[ArmStatistics], bias: int, previous: Snapshot | None = None
    ) -> LinUcbSnapshot:
        """Solve the arms that changed; see `Algorithm.fit`."""
        del arms  # only their sums matter
        known = previous.posterior if isinstance(previous, LinUcbSnapshot) else None
        posterior = LinearPosterior.fitted(
            statistics, ridge=self.ridge, prior_mean=self.prior_mean, bias=bias, previous=known
        )
        pulls = tuple(s.tallies.pulls for s in statistics)
        return LinUcbSnapshot(posterior=posterior, alpha=self.alpha, pulls=pulls)
