"""LinUCB's defaults do not stay for ever on a worse arm, in any seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gateway.core.choice import choose
from gateway.core.policies.linucb import LinUcb
from gateway.core.statistics import ArmStatistics, Tallies, observations, zero
from gateway.core.values import FloatArray
from tests.builders import make_arm

BATCH = 20
"""Requests between two fits: a learner in service always lags behind its traffic."""
D = 4
SEEDS = range(20)
NAIVE = LinUcb(prior_mean=0.0, exploration_floor=0.0, warm_up_pulls=0)
"""What the defaults are there to prevent: nothing forced, and a prior under which the first arm seen looks best."""

Draw = Callable[[float, np.random.Generator], float]


def coin(mean: float, rng: np.random.Generator) -> float:
    """A reward of 0 or 1."""
    return float(rng.random() < mean)


def noisy(mean: float, rng: np.random.Generator) -> float:
    """A reward near its mean."""
    return float(np.clip(rng.normal(mean, 0.05), 0.0, 1.0))


def serve(
    algorithm: LinUcb, sums: list[ArmStatistics], means: FloatArray, draw: Draw, rng: np.random.Generator
) -> None:
    """One batch of requests on one snapshot, then added to the sums."""
    k = len(means)
    snapshot = algorithm.fit([make_arm(id=str(i)) for i in range(k)], sums, 0)
    pulls = [s.tallies.pulls for s in sums]
    seen: list[tuple[list[FloatArray], list[float]]] = [([], []) for _ in range(k)]
    for _ in range(BATCH):
        x = np.concatenate(([1.0], rng.normal(0.0, 0.3, D - 1)))
        arm = choose(snapshot, algorithm.exploration, x, range(k), pulls, rng).index
        pulls[arm] += 1.0
        seen[arm][0].append(x)
        seen[arm][1].append(draw(means[arm], rng))
    for arm, (xs, rewards) in enumerate(seen):
        n = len(xs)
        pulled = ArmStatistics(gram=np.zeros((D, D)), moment=np.zeros(D), tallies=Tallies(pulls=float(n)))
        sums[arm] += observations(np.array(xs).reshape(n, D), np.array(rewards)) + pulled


def late_share_of_best(algorithm: LinUcb, means: list[float], draw: Draw, batches: int, seed: int) -> float:
    """Share of the best arm in the last quarter of a run from nothing; the arms stand in random order."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(means)
    best = int(np.argmax(shuffled))
    sums = [zero(D) for _ in means]
    for batch in range(batches):
        if batch == batches - batches // 4:
            before = [s.tallies.pulls for s in sums]
        serve(algorithm, sums, shuffled, draw, rng)
    late = np.array([s.tallies.pulls for s in sums]) - before
    return float(late[best] / late.sum())


def test_no_seed_stays_on_a_worse_arm_of_three() -> None:
    """Three good arms, 0.04 apart, small noise: after 300 requests the best has the majority in each of 20 seeds."""
    shares = [late_share_of_best(LinUcb(), [0.86, 0.90, 0.94], noisy, 20, seed) for seed in SEEDS]
    assert min(shares) > 0.5


def test_no_seed_stays_on_a_worse_arm_of_two_coins() -> None:
    """Rewards of 0 and 1, where a few bad first draws can mislead: the floor brings every seed back."""
    shares = [late_share_of_best(LinUcb(), [0.80, 0.95], coin, 20, seed) for seed in SEEDS]
    assert min(shares) > 0.5


def test_the_naive_start_does_lock_in() -> None:
    """The trap is real: without centring, floor and warm-up some seeds stay on a worse arm."""
    shares = [late_share_of_best(NAIVE, [0.86, 0.90, 0.94], noisy, 20, seed) for seed in SEEDS]
    assert min(shares) < 0.5
