"""The split policy: the operator's weights, renormalised."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gateway.core.policies.base import Proposal
from gateway.core.policies.split import Split
from gateway.core.statistics import zero
from tests.builders import make_arm

ARMS = [make_arm(id=name) for name in ("a", "b", "c")]


def propose(weights: dict[str, float], eligible: list[int]) -> Proposal:
    """What this split proposes among these rows."""
    snapshot = Split(weights=weights).fit(ARMS, [zero(1)] * 3, 0)
    return snapshot.propose(np.ones(1), eligible, np.random.default_rng(0))


def test_weights_are_shares() -> None:
    """Only their ratio matters; an arm that is not named gets nothing."""
    np.testing.assert_allclose(propose({"a": 3, "b": 1}, [0, 1, 2]).probabilities, [0.75, 0.25, 0.0])


def test_renormalised_over_the_eligible() -> None:
    """An arm that cannot serve leaves its share to the others in proportion."""
    np.testing.assert_allclose(propose({"a": 5, "b": 1, "c": 3}, [2, 1]).probabilities, [0.75, 0.25])


def test_uniform_where_all_eligible_weigh_nothing() -> None:
    """Somebody has to serve, and the weights do not say who."""
    np.testing.assert_allclose(propose({"a": 1, "b": 0}, [1, 2]).probabilities, [0.5, 0.5])


@pytest.mark.parametrize("weights", [{"a": 1e308, "b": 1e308}, {"a": 5e-324, "b": 5e-324}])
def test_any_positive_weights_will_do(weights: dict[str, float]) -> None:
    """Neither overflow nor underflow changes a ratio."""
    np.testing.assert_allclose(propose(weights, [0, 1, 2]).probabilities, [0.5, 0.5, 0.0])


def test_scores_order_fallbacks_by_weight() -> None:
    """The heaviest arm is tried first."""
    scores = propose({"a": 1, "b": 2, "c": 3}, [0, 1, 2]).scores
    assert scores[2] > scores[1] > scores[0]


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_refuses_a_weight_that_is_no_weight(weight: float) -> None:
    """Weights are finite and not negative; the message names the arm."""
    with pytest.raises(ValueError, match=r"finite and >= 0.*'b'"):
        Split(weights={"a": 1.0, "b": weight})


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}])
def test_refuses_weights_without_any(weights: dict[str, float]) -> None:
    """A split in which nobody serves is a mistake."""
    with pytest.raises(ValueError, match="at least one arm above 0"):
        Split(weights=weights)


def test_does_not_explore() -> None:
    """A baseline is what it says: no floor and no warm-up are mixed in."""
    assert Split(weights={"a": 1}).exploration is None
