"""Mixing warm-up and floor into an algorithm's probabilities: the distribution, number by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from gateway.core.choice import Choice, choose
from gateway.core.policies.base import Exploration, Proposal
from gateway.core.policies.split import Split, SplitSnapshot
from gateway.core.statistics import zero
from gateway.core.values import FloatArray
from tests.builders import make_arm

X = np.ones(1)
WARM = 100.0


def split(*weights: float) -> SplitSnapshot:
    """An algorithm with these probabilities, renormalised over the eligible arms."""
    arms = [make_arm(id=str(i)) for i in range(len(weights))]
    return Split(weights={a.id: w for a, w in zip(arms, weights, strict=True)}).fit(arms, [zero(1)] * len(arms), 0)


def explore(floor: float = 0.0, pulls: int = 5, share: float = 0.2) -> Exploration:
    """Exploration settings."""
    return Exploration(exploration_floor=floor, warm_up_pulls=pulls, warm_up_share=share)


def mixed(snapshot: SplitSnapshot, exploration: Exploration | None, pulls: list[float], seed: int = 0) -> Choice:
    """A choice among all arms."""
    return choose(snapshot, exploration, X, range(len(pulls)), pulls, np.random.default_rng(seed))


@dataclass
class Uniform:
    """A source of chance that says what it is told to, and counts how often it was asked."""

    value: float
    asked: int = field(default=0)

    def random(self) -> float:
        self.asked += 1
        return self.value


def test_without_exploration_nothing_is_mixed_in() -> None:
    """A policy that does not learn is drawn from as it is, cold arms or not."""
    choice = mixed(split(3, 1, 0), None, [0.0, 0.0, 0.0])
    np.testing.assert_allclose(choice.probabilities, [0.75, 0.25, 0.0], atol=1e-15)
    assert choice.reason == "exploit"


def test_the_floor_is_spread_evenly() -> None:
    """p = (1 - f) q + f / k over the eligible arms."""
    choice = mixed(split(3, 1, 0, 0), explore(floor=0.1), [WARM] * 4)
    np.testing.assert_allclose(choice.probabilities, [0.9 * 0.75 + 0.025, 0.9 * 0.25 + 0.025, 0.025, 0.025])


def test_cold_arms_share_the_warm_up() -> None:
    """With probability w uniformly among the coldest, else as the algorithm chooses among the warm arms."""
    choice = mixed(split(6, 2, 1, 1, 90), explore(share=0.3), [WARM, WARM, 1.0, 1.0, 4.0])
    np.testing.assert_allclose(choice.probabilities, [0.7 * 0.75, 0.7 * 0.25, 0.15, 0.15, 0.0])


def test_warm_up_comes_before_the_floor() -> None:
    """The floor is a share of everything, the warm-up a share of what the floor leaves."""
    choice = mixed(split(1, 0, 0), explore(floor=0.3, share=0.5), [WARM, WARM, 0.0])
    np.testing.assert_allclose(choice.probabilities, [0.7 * 0.5 + 0.1, 0.1, 0.7 * 0.5 + 0.1])


def test_the_algorithm_does_not_choose_cold_arms() -> None:
    """However much the algorithm wants a cold arm, the share caps it: a burst cannot all go to an unproven arm."""
    choice = mixed(split(0.001, 0.999), explore(share=0.2), [WARM, 0.0])
    np.testing.assert_allclose(choice.probabilities, [0.8, 0.2])


def test_all_cold_takes_turns() -> None:
    """While nobody is warm there is nothing to choose by: the arms with the fewest pulls, evenly."""
    choice = mixed(split(1, 0, 0), explore(), [2.0, 1.0, 1.0])
    np.testing.assert_allclose(choice.probabilities, [0.0, 0.5, 0.5])
    assert choice.reason == "warm_up"


def test_warm_at_exactly_the_number_of_pulls() -> None:
    """The fifth pull ends a warm-up of five."""
    np.testing.assert_allclose(mixed(split(1, 1), explore(pulls=5), [5.0, 4.0]).probabilities, [0.8, 0.2])
    np.testing.assert_allclose(mixed(split(1, 1), explore(pulls=5), [5.0, 5.0]).probabilities, [0.5, 0.5])


def test_no_warm_up() -> None:
    """Zero forced pulls leave even an unseen arm to the algorithm."""
    np.testing.assert_allclose(mixed(split(1, 3), explore(pulls=0), [0.0, 0.0]).probabilities, [0.25, 0.75])


def test_only_the_eligible_count() -> None:
    """A cold arm that cannot serve forces nothing, and rows are translated back to all arms."""
    choice = choose(split(8, 1, 4, 0), explore(), X, [3, 1], [0.0, WARM, 0.0, WARM], np.random.default_rng(0))
    np.testing.assert_allclose(choice.probabilities, [0.0, 1.0])
    assert choice.index == 1
    assert choice.eligible == [3, 1]
    np.testing.assert_allclose(choice.scores, [0.0, 1.0])


def test_one_eligible_arm_is_certain() -> None:
    """Its propensity is 1 whatever is mixed."""
    for pulls in (0.0, WARM):
        assert mixed(split(1), explore(floor=0.3), [pulls]).propensity == 1.0


@pytest.mark.parametrize(
    ("uniform", "index"), [(0.0, 1), (0.25, 1), (0.49, 1), (0.5, 2), (0.99, 2), (np.nextafter(1.0, 0.0), 2)]
)
def test_one_number_decides(uniform: float, index: int) -> None:
    """The first arm whose cumulative probability exceeds the number; never one with probability 0, first or last."""
    chance = Uniform(uniform)
    choice = choose(split(0, 1, 1, 0), None, X, range(4), [0.0] * 4, chance)  # type: ignore[arg-type]
    assert choice.index == index
    assert choice.propensity == 0.5
    assert chance.asked == 1


def test_a_sum_below_one_still_falls_on_an_arm() -> None:
    """Ten times 0.1 adds up to less than 1: the largest number below 1 falls on the last arm that has a probability."""
    assert np.cumsum([0.1] * 10)[-1] < 1.0
    chance = Uniform(float(np.nextafter(1.0, 0.0)))
    choice = choose(split(*[1] * 10, 0), None, X, range(11), [0.0] * 11, chance)  # type: ignore[arg-type]
    assert choice.index == 9


@pytest.mark.parametrize(("uniform", "reason"), [(0.1, "exploit"), (0.7, "explore"), (0.95, "warm_up")])
def test_reasons(uniform: float, reason: str) -> None:
    """exploit: what the algorithm most likely wanted; warm_up: an arm in its first pulls; explore: any other."""
    chance = Uniform(uniform)
    pulls = [WARM, WARM, 0.0]
    choice = choose(split(2, 1, 0), explore(floor=0.0), X, range(3), pulls, chance)  # type: ignore[arg-type]
    assert choice.reason == reason


def test_scores_are_those_over_all_eligible() -> None:
    """A cold arm keeps its score: it may still be a fallback."""
    choice = mixed(split(1, 2, 1), explore(), [WARM, WARM, 0.0])
    np.testing.assert_allclose(choice.scores, [0.25, 0.5, 0.25])


def test_fallbacks_are_ranked_by_score() -> None:
    """Rows of all eligible arms, the best score first, whatever was drawn; equal scores stay in the order given."""
    for seed in range(9):
        choice = choose(split(1, 3, 1, 9, 2), None, X, [4, 2, 1, 0], [WARM] * 5, np.random.default_rng(seed))
        assert choice.ranked == [1, 4, 2, 0]


def test_no_eligible_arm_is_an_error() -> None:
    """Nobody to choose is the caller's mistake, and said so."""
    with pytest.raises(ValueError, match="no arm is eligible"):
        choose(split(1), None, X, [], [0.0], np.random.default_rng(0))


class Recording:
    """An algorithm that remembers whom it was asked about."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def propose(self, x: FloatArray, eligible: Sequence[int], rng: np.random.Generator) -> Proposal:
        self.asked.append(list(eligible))
        k = len(eligible)
        return Proposal(probabilities=[1 / k] * k, scores=[0.0] * k)


@pytest.mark.parametrize(
    ("pulls", "asked"), [([WARM] * 3, [[0, 1, 2]]), ([WARM, 0.0, WARM], [[0, 1, 2], [0, 2]]), ([0.0] * 3, [[0, 1, 2]])]
)
def test_a_second_opinion_only_while_some_arms_are_cold(pulls: list[float], asked: list[list[int]]) -> None:
    """In service, with all arms warm, an algorithm is asked once; during a warm-up also about the warm arms alone."""
    algorithm = Recording()
    choose(algorithm, explore(), X, range(3), pulls, np.random.default_rng(0))
    assert algorithm.asked == asked
