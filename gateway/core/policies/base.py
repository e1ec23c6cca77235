"""What every policy algorithm promises, and the exploration that all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from annotated_types import Ge, Interval

from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What an algorithm wants for one request; both have length k, aligned with the eligible arms."""

    probabilities: Sequence[float]
    """Probability of each arm, summing to 1, before the floor and the warm-up are mixed in."""
    scores: Sequence[float]
    """Finite score of each arm; it orders the fallbacks. In reward units where the algorithm learns, else shares."""


class Snapshot(Protocol):
    """An immutable, fitted state of an algorithm: safe to share between requests."""

    def propose(self, x: FloatArray, eligible: Sequence[int], rng: np.random.Generator) -> Proposal:
        """Judge the k >= 1 arms with these row indices for the feature vector x, shape (d,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """Settings that every learning algorithm shares."""

    exploration_floor: Annotated[float, Interval(ge=0.0, le=0.5)] = 0.02
    """Probability spread evenly over the eligible arms, so that each has a known, positive propensity."""
    warm_up_pulls: Annotated[int, Ge(0)] = 5
    """Forced first pulls of an arm without evidence."""
    warm_up_share: Annotated[float, Interval(gt=0.0, le=1.0)] = 0.2
    """Largest share of traffic that forced pulls may take while other arms are warm."""


class Algorithm(Protocol):
    """A configured algorithm; its dataclass is the `algorithm:` section of a policy."""

    @property
    def kind(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def exploration(self) -> Exploration | None:
        """Floor and warm-up to mix in; None for an algorithm that does not learn."""
        ...

    def fit(
        self, arms: Sequence[Arm], statistics: Sequence[ArmStatistics], bias: int, previous: Snapshot | None = None
    ) -> Snapshot:
        """Precompute everything that a choice needs, from one set of sums per arm in the same order.

        `bias` is the index of the feature that is always 1. `previous` is the snapshot that this algorithm made of the
        same arms before: what it holds of an arm whose sums are the same object is taken over, at no cost and without
        changing the result. Never raises for sums of the right shape.
        """
        ...
