"""Evidence for tests of the learner: observations, sums of many, and a store that adds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from gateway.core.statistics import ArmStatistics, Tallies, observations, zero
from gateway.flows.learner import Observation
from gateway.flows.ports import Delta, Sums


def observation(d: int, seed: int, arm_id: str = "small", reward: float | None = 0.5) -> Observation:
    """A rewarded pull at a random x, shape (d,), with x[0] = 1."""
    x = np.random.default_rng(seed).uniform(-1, 1, d)
    x[0] = 1.0
    return Observation(arm_id=arm_id, x=x, reward=reward, tallies=Tallies(pulls=1.0))


def assert_close(a: ArmStatistics, b: ArmStatistics) -> None:
    """Equal but for rounding."""
    np.testing.assert_allclose(a.gram, b.gram, atol=1e-9)
    np.testing.assert_allclose(a.moment, b.moment, atol=1e-9)
    assert a.tallies.values() == pytest.approx(b.tallies.values(), abs=1e-9)


class Store:
    """Totals that add deltas, as a store would."""

    def __init__(self) -> None:
        self.version = 0
        self.totals: dict[tuple[str, int], ArmStatistics] = {}

    def add(self, deltas: Sequence[Delta]) -> None:
        """One batch."""
        self.version += 1
        for delta in deltas:
            place = (delta.arm_id, delta.bucket)
            known = self.totals.get(place, zero(delta.statistics.dimension))
            self.totals[place] = known + delta.statistics

    def sums(self) -> Sums:
        """All there is."""
        return Sums(version=self.version, totals=dict(self.totals))


def many(d: int, n: int) -> ArmStatistics:
    """Sums of n rewarded pulls."""
    rng = np.random.default_rng(n)
    sums = observations(rng.normal(size=(n, d)), rng.random(n))
    return sums + ArmStatistics(gram=np.zeros((d, d)), moment=np.zeros(d), tallies=Tallies(pulls=float(n)))
