"""What is drawn is what is reported: frequencies, caps and floors of a choice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.choice import choose
from gateway.core.policies.base import Algorithm, Exploration
from gateway.core.policies.contextual_thompson import ContextualThompson
from gateway.core.policies.fixed import Fixed
from gateway.core.policies.linucb import LinUcb
from gateway.core.policies.split import Split
from gateway.core.policies.thompson import Thompson
from gateway.core.statistics import ArmStatistics, observations, zero
from tests.builders import make_arm

ARMS = [make_arm(id=f"a{i}") for i in range(4)]
ALGORITHMS: list[Algorithm] = [
    LinUcb(exploration_floor=0.2),
    Thompson(exploration_floor=0.0),
    Thompson(draws=1),
    ContextualThompson(draws=5, noise=1.0),
    Fixed(arm="a2"),
    Split(weights={"a0": 1, "a1": 2, "a3": 3}),
]
COLD_TO_WARM = [[50.0] * 4, [50.0, 0.0, 50.0, 1.0], [0.0, 2.0, 0.0, 1.0]]
unhurried = settings(deadline=None)
"""A busy machine is no failure."""


def evidence(seed: int) -> list[ArmStatistics]:
    """Sums of four arms with three features; the last arm is unseen."""
    rng = np.random.default_rng(seed)
    seen = []
    for n in (3, 8, 15):
        xs = rng.normal(size=(n, 3))
        xs[:, 0] = 1.0
        seen.append(observations(xs, rng.random(n)))
    return [*seen, zero(3)]


@pytest.mark.parametrize("pulls", COLD_TO_WARM, ids=["warm", "mixed", "cold"])
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: a.kind)
def test_arms_are_drawn_as_often_as_reported(algorithm: Algorithm, pulls: list[float]) -> None:
    """Over 4,000 choices each arm's count lies within 4.5 standard errors of the sum of its reported propensities.

    The propensities may differ from choice to choice, as Thompson's do, so the error is that of a sum of independent
    coins with these probabilities.
    """
    snapshot, n = algorithm.fit(ARMS, evidence(0), 0), 4_000
    rng = np.random.default_rng(7)
    x = np.array([1.0, 0.5, -0.5])
    counts, expected, variance = np.zeros(4), np.zeros(4), np.zeros(4)
    for _ in range(n):
        choice = choose(snapshot, algorithm.exploration, x, range(4), pulls, rng)
        counts[choice.index] += 1
        probabilities = np.array(choice.probabilities)
        expected += probabilities
        variance += probabilities * (1 - probabilities)
    assert (np.abs(counts - expected) <= 4.5 * np.sqrt(variance) + 1e-6).all()


@pytest.mark.parametrize("floor", [0.02, 0.3])
def test_importance_weights_recover_every_arm(floor: float) -> None:
    """With a floor, 1 / propensity makes the log of one policy say what each arm alone would have earned."""
    algorithm = Thompson(exploration_floor=floor)
    snapshot, n = algorithm.fit(ARMS, evidence(1), 0), 4_000
    rng, rewards = np.random.default_rng(8), np.array([0.2, 0.4, 0.6, 0.8])
    estimate, variance = np.zeros(4), np.zeros(4)
    for _ in range(n):
        choice = choose(snapshot, algorithm, np.ones(3), range(4), [50.0] * 4, rng)
        estimate[choice.index] += rewards[choice.index] / choice.propensity / n
        variance += rewards**2 * (1 / np.array(choice.probabilities) - 1) / n**2
    assert (np.abs(estimate - rewards) <= 4.5 * np.sqrt(variance)).all()


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[float], Exploration, int]:
    """Pulls of up to 8 arms, exploration settings and a seed."""
    pulls = draw(st.lists(st.floats(0, 12), min_size=1, max_size=8))
    exploration = Exploration(
        exploration_floor=draw(st.floats(0, 0.5)),
        warm_up_pulls=draw(st.integers(0, 10)),
        warm_up_share=draw(st.floats(0.001, 1.0)),
    )
    return pulls, exploration, draw(st.integers(0, 2**32))


@unhurried
@given(situations())
def test_a_choice_is_a_distribution(situation: tuple[list[float], Exploration, int]) -> None:
    """Probabilities sum to 1 to 1e-12, none below the floor's share, and the chosen arm's own is reported."""
    pulls, exploration, seed = situation
    k = len(pulls)
    snapshot = LinUcb().fit([make_arm(id=str(i)) for i in range(k)], [zero(2)] * k, 0)
    choice = choose(snapshot, exploration, np.array([1.0, 0.5]), range(k), pulls, np.random.default_rng(seed))
    assert abs(sum(choice.probabilities) - 1.0) <= 1e-12
    assert min(choice.probabilities) >= exploration.exploration_floor / k * (1 - 1e-9)
    assert choice.propensity == choice.probabilities[choice.index] > 0.0


@unhurried
@given(situations())
def test_warm_up_is_capped(situation: tuple[list[float], Exploration, int]) -> None:
    """While any arm is warm, all cold arms together get the warm-up share and what the floor gives, and only that."""
    pulls, exploration, seed = situation
    k = len(pulls)
    cold = np.array(pulls) < exploration.warm_up_pulls
    # The optimistic prior wants every unseen arm: without the cap these would get everything.
    snapshot = LinUcb(prior_mean=1.0).fit(
        [make_arm(id=str(i)) for i in range(k)],
        [zero(1) if c else observations(np.ones((9, 1)), np.zeros(9)) for c in cold],
        0,
    )
    choice = choose(snapshot, exploration, np.ones(1), range(k), pulls, np.random.default_rng(seed))
    floor, forced = exploration.exploration_floor, exploration.warm_up_share
    if cold.any() and not cold.all():
        expected = (1 - floor) * forced + floor * cold.sum() / k
        assert abs(np.array(choice.probabilities)[cold].sum() - expected) <= 1e-12
    spared = cold & (np.array(pulls) > min(pulls))
    np.testing.assert_allclose(np.array(choice.probabilities)[spared], floor / k, atol=1e-12)


def test_a_burst_does_not_run_into_a_new_arm() -> None:
    """2,000 requests before the first reward of a new arm comes back: its share stays at the cap."""
    algorithm = LinUcb(prior_mean=1.0, warm_up_share=0.2, exploration_floor=0.0)
    known = observations(np.ones((100, 1)), np.full(100, 0.5))
    snapshot = algorithm.fit(ARMS[:2], [known, zero(1)], 0)
    rng, n = np.random.default_rng(9), 2_000
    pulls = [100.0, 0.0]
    new = sum(choose(snapshot, algorithm, np.ones(1), range(2), pulls, rng).index == 1 for _ in range(n))
    assert abs(new - 0.2 * n) <= 4.5 * math.sqrt(n * 0.2 * 0.8)
