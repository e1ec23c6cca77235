"""The promise that all algorithms share, and their dataclasses as sections of the configuration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.core.policies.base import Algorithm, Exploration
from gateway.core.policies.contextual_thompson import ContextualThompson
from gateway.core.policies.fixed import Fixed
from gateway.core.policies.linucb import LinUcb
from gateway.core.policies.split import Split
from gateway.core.policies.thompson import Thompson
from gateway.core.statistics import zero
from tests.builders import make_arm

ALGORITHMS: list[Algorithm] = [LinUcb(), Thompson(), ContextualThompson(), Fixed(arm="a"), Split(weights={"a": 1.0})]
SECTION: TypeAdapter[Any] = TypeAdapter(LinUcb | Thompson | ContextualThompson | Fixed | Split)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: a.kind)
def test_one_arm_without_evidence_is_chosen(algorithm: Algorithm) -> None:
    """On the first request of a policy with one arm, every algorithm proposes it for certain."""
    snapshot = algorithm.fit([make_arm(id="a")], [zero(2)], 0)
    proposal = snapshot.propose(np.array([1.0, 0.5]), [0], np.random.default_rng(0))
    assert proposal.probabilities == [1.0]
    assert len(proposal.scores) == 1


@pytest.mark.parametrize("algorithm", [LinUcb(), Thompson(), ContextualThompson()], ids=lambda a: a.kind)
def test_learners_explore_by_default(algorithm: Algorithm) -> None:
    """An algorithm that learns has a positive floor, so that every decision can be replayed, and a warm-up."""
    exploration = algorithm.exploration
    assert exploration is not None
    assert exploration.exploration_floor > 0.0
    assert exploration.warm_up_pulls > 0


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: a.kind)
def test_kinds_are_names_of_the_configuration(algorithm: Algorithm) -> None:
    """The dataclass is the configuration section: its fields, read back, give an equal algorithm."""
    fields = TypeAdapter(type(algorithm)).dump_python(algorithm)
    assert SECTION.validate_python(fields) == algorithm


@pytest.mark.parametrize(
    "section",
    [
        {"kind": "linucb", "alpha": -0.1},
        {"kind": "linucb", "alpha": float("inf")},
        {"kind": "linucb", "ridge": 0.0},
        {"kind": "linucb", "prior_mean": 1.5},
        {"kind": "linucb", "exploration_floor": 0.6},
        {"kind": "thompson", "prior": 0.0},
        {"kind": "thompson", "draws": 0},
        {"kind": "contextual_thompson", "noise": 0.0},
        {"kind": "contextual_thompson", "warm_up_share": 0.0},
        {"kind": "contextual_thompson", "warm_up_pulls": -1},
        {"kind": "fixed"},
        {"kind": "split", "weights": {"a": -1.0}},
        {"kind": "split", "weights": {"a": 0.0}},
        {"kind": "unheard_of"},
    ],
)
def test_bounds_are_checked_at_the_edge(section: dict[str, object]) -> None:
    """A value outside an algorithm's bounds is refused when the configuration is read."""
    with pytest.raises(ValidationError):
        SECTION.validate_python(section)


def test_the_floor_of_a_half_is_the_largest() -> None:
    """Beyond a half, most of what is decided would be chance and not the policy."""
    adapter = TypeAdapter(Exploration)
    assert adapter.validate_python({"exploration_floor": 0.5}).exploration_floor == 0.5
    with pytest.raises(ValidationError):
        adapter.validate_python({"exploration_floor": 0.51})
