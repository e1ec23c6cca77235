"""Cold start: what a new arm borrows, and what it does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gateway.core.policies.transfer import TRANSFER_LIMIT, with_transfer
from gateway.core.statistics import ArmStatistics, Tallies, observations, zero
from gateway.core.values import Arm, ColdStart
from tests.builders import make_arm


def evidence(n: int, reward: float = 0.8) -> ArmStatistics:
    """n observations of 2 features with this reward."""
    return observations(np.tile([1.0, 0.5], (n, 1)), np.full(n, reward))


def arm(id: str, like: str | None = None, weight: float = 0.5) -> Arm:
    """An arm, and whom it starts from."""
    return make_arm(id=id, cold_start=None if like is None else ColdStart(like=like, weight=weight))


@pytest.mark.parametrize(("n", "counted"), [(10, 10.0), (100, 100.0), (5_000, TRANSFER_LIMIT)])
def test_borrows_weight_times_the_capped_count(n: int, counted: float) -> None:
    """The borrowed evidence is worth weight * min(n, 100) observations, and says the same as the lender's."""
    old, new = with_transfer([arm("old"), arm("new", "old", 0.5)], [evidence(n), zero(2)])
    assert old.to_bytes() == evidence(n).to_bytes()
    assert new.tallies.rewarded == pytest.approx(0.5 * counted)
    assert new.tallies.reward / new.tallies.rewarded == pytest.approx(0.8)
    np.testing.assert_allclose(new.gram, 0.5 * counted * np.outer([1.0, 0.5], [1.0, 0.5]))
    np.testing.assert_allclose(new.moment, 0.5 * counted * 0.8 * np.array([1.0, 0.5]))


def test_own_evidence_is_added_and_wins() -> None:
    """The borrowed part does not grow, so with enough of its own evidence an arm is judged by that."""
    _, new = with_transfer([arm("old"), arm("new", "old")], [evidence(1000, 0.8), evidence(10_000, 0.2)])
    assert new.tallies.rewarded == pytest.approx(10_050)
    assert new.tallies.reward / new.tallies.rewarded == pytest.approx(0.2, abs=0.005)


def test_only_own_sums_are_borrowed() -> None:
    """Two arms that name each other, or a chain, pass on nothing that was itself borrowed."""
    arms = [arm("a", "b", 1.0), arm("b", "a", 1.0), arm("c", "b", 1.0)]
    counts = [s.tallies.rewarded for s in with_transfer(arms, [evidence(10), evidence(20), zero(2)])]
    assert counts == pytest.approx([30, 30, 20])


@pytest.mark.parametrize("like", [None, "new", "unknown", "silent"])
def test_without_a_lender_an_arm_keeps_its_own(like: str | None) -> None:
    """No name, its own, an unknown one, or an arm that was pulled but never rewarded: nothing is added."""
    silent = ArmStatistics(gram=np.zeros((2, 2)), moment=np.zeros(2), tallies=Tallies(pulls=5.0))
    effective = with_transfer([arm("new", like), arm("silent")], [evidence(3), silent])
    assert effective[0].to_bytes() == evidence(3).to_bytes()


def test_weight_zero_borrows_nothing() -> None:
    """Weight 0 is the way to switch it off."""
    effective = with_transfer([arm("new", "old", 0.0), arm("old")], [evidence(3), evidence(9)])
    assert effective[0].to_bytes() == evidence(3).to_bytes()


def test_faded_evidence_is_borrowed_as_such() -> None:
    """After forgetting, n is a fraction; less than one observation is borrowed as less than one."""
    _, new = with_transfer([arm("old"), arm("new", "old", 1.0)], [evidence(1).scaled(0.25), zero(2)])
    assert new.tallies.rewarded == pytest.approx(0.25)


@pytest.mark.parametrize("weight", [-0.1, math.nan])
def test_refuses_a_weight_that_is_no_weight(weight: float) -> None:
    """Evidence cannot be turned around."""
    with pytest.raises(ValueError, match="weight"):
        with_transfer([arm("new", "old", weight), arm("old")], [zero(2), evidence(9)])
