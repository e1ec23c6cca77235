"""One arm for everything: the baseline that a learner has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gateway.core.policies.base import Proposal, Snapshot
from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSnapshot:
    """The row of the fixed arm; -1 where no arm has its name."""

    row: int

    def propose(self, x: FloatArray, eligible: Sequence[int], rng: np.random.Generator) -> Proposal:
        """Propensity 1 on the fixed arm, or on the first eligible arm where the fixed one is not eligible.

        The scores are 1 for that arm and 0 for the rest: it has no opinion on rewards, fallbacks go by position.
        """
        del x, rng  # neither the request nor chance matters
        chosen = [0.0] * len(eligible)
        chosen[eligible.index(self.row) if self.row in eligible else 0] = 1.0
        return Proposal(probabilities=chosen, scores=chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always the same arm while it is eligible."""

    kind: Literal["fixed"] = "fixed"
    arm: str
    """Id of the arm."""

    @property
    def exploration(self) -> None:
        """It does not learn."""
        return

    def fit(
        self, arms: Sequence[Arm], statistics: Sequence[ArmStatistics], bias: int, previous: Snapshot | None = None
    ) -> FixedSnapshot:
        """Find the arm; see `Algorithm.fit`."""
        del statistics, bias, previous  # nothing is learned
        return FixedSnapshot(row=next((row for row, arm in enumerate(arms) if arm.id == self.arm), -1))
