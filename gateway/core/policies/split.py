"""A fixed split of the traffic among arms: no learning, the operator's weights decide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gateway.core.policies.base import Proposal, Snapshot
from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitSnapshot:
    """Weights of the K arms relative to the largest, each in [0, 1]."""

    weights: tuple[float, ...]

    def propose(self, x: FloatArray, eligible: Sequence[int], rng: np.random.Generator) -> Proposal:
        """The weights renormalised over the eligible arms; uniform where all of those weigh 0.

        The scores are these shares: it has no opinion on rewards, fallbacks go by weight.
        """
        del x, rng  # neither the request nor chance matters
        weights = [self.weights[row] for row in eligible]
        total = sum(weights)
        shares = [weight / total for weight in weights] if total > 0.0 else [1.0 / len(weights)] * len(weights)
        return Proposal(probabilities=shares, scores=shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Arms drawn in proportion to fixed weights; ValueError unless all are finite and >= 0, and one is positive."""

    kind: Literal["split"] = "split"
    weights: Mapping[str, float]
    """Weight by arm id; an arm that is not named weighs 0."""

    def __post_init__(self) -> None:
        wrong = {arm: weight for arm, weight in self.weights.items() if not (math.isfinite(weight) and weight >= 0.0)}
        if wrong:
            raise ValueError(f"weights must be finite and >= 0, not {wrong}")
        if not any(weight > 0.0 for weight in self.weights.values()):
            raise ValueError(f"weights must hold at least one arm above 0, not {dict(self.weights)}")

    @property
    def exploration(self) -> None:
        """It does not learn."""
        return

    def fit(
        self, arms: Sequence[Arm], statistics: Sequence[ArmStatistics], bias: int, previous: Snapshot | None = None
    ) -> SplitSnapshot:
        """Line the weights up with the arms; see `Algorithm.fit`."""
        del statistics, bias, previous  # nothing is learned
        # Relative to the largest, so that the sum over the eligible cannot overflow.
        largest = max(self.weights.values())
        return SplitSnapshot(weights=tuple(self.weights.get(arm.id, 0.0) / largest for arm in arms))
