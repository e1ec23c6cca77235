"""The arithmetic of measurements: percentiles, medians over rounds, ratios round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Percentiles of a measurement; all zero where there was nothing to measure."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    largest: float = 0.0
    count: int = 0


def spread(seconds: Sequence[float]) -> Spread:
    """Percentiles of times in seconds, as microseconds."""
    if not len(seconds):
        return Spread()
    p50, p95, p99, largest = np.percentile(np.asarray(seconds), [50, 95, 99, 100]) * 1e6
    return Spread(p50=float(p50), p95=float(p95), p99=float(p99), largest=float(largest), count=len(seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """One figure, round by round."""

    median: float
    least: float
    most: float
    values: tuple[float, ...]


def rounds(values: Sequence[float]) -> Rounds | None:
    """The median of the rounds and their range; None where there are none."""
    if not values:
        return None
    return Rounds(median=median(values), least=min(values), most=max(values), values=tuple(values))


def ratios(above: Sequence[float], below: Sequence[float]) -> Rounds | None:
    """The ratio in each round both took part in: what disturbed the machine in a round disturbed both."""
    return rounds([one / other for one, other in zip(above, below, strict=False) if other > 0])
