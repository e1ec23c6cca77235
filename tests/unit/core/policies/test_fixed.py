"""The fixed policy: one arm, certainly."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.core.policies.base import Proposal
from gateway.core.policies.fixed import Fixed
from gateway.core.statistics import zero
from tests.builders import make_arm

ARMS = [make_arm(id=name) for name in ("a", "b", "c")]


def propose(arm: str, eligible: list[int]) -> Proposal:
    """What fixing this arm proposes among these rows."""
    snapshot = Fixed(arm=arm).fit(ARMS, [zero(1)] * 3, 0)
    return snapshot.propose(np.ones(1), eligible, np.random.default_rng(0))


@pytest.mark.parametrize(("eligible", "expected"), [([0, 1, 2], [0, 1, 0]), ([2, 1], [0, 1]), ([1], [1])])
def test_all_probability_is_on_the_arm(eligible: list[int], expected: list[int]) -> None:
    """Wherever the arm stands among the eligible, its propensity is 1."""
    assert propose("b", eligible).probabilities == expected


@pytest.mark.parametrize("arm", ["b", "unknown"])
def test_the_first_eligible_arm_steps_in(arm: str) -> None:
    """Where the arm cannot serve, or is not there at all, the first one that can does."""
    assert propose(arm, [2, 0]).probabilities == [1.0, 0.0]


def test_scores_put_the_arm_first() -> None:
    """Fallbacks are ordered by score: the fixed arm before all others, which tie."""
    assert propose("c", [0, 1, 2]).scores == [0.0, 0.0, 1.0]


def test_does_not_explore() -> None:
    """A baseline is what it says: no floor and no warm-up are mixed in."""
    assert Fixed(arm="a").exploration is None
