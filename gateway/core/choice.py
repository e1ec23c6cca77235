"""One draw among the eligible arms, with the exact probability of every arm it could have fallen on.

With q the algorithm's probabilities, w the warm-up share, f the floor and k eligible arms, the two are mixed in order:

    warm-up   some arms cold, some warm:   p = w * uniform(coldest) + (1 - w) * q over the warm arms
              all arms cold:               p = uniform(coldest)
              none cold:                   p = q
    floor     p <- (1 - f) p + f / k

where an arm is cold below `warm_up_pulls`, and the coldest are the cold arms with the fewest pulls.

**Why q covers the warm arms only.** The share w is a cap on what an unproven arm may cost. An optimistic algorithm
wants the arm that it knows least, and until the first rewards arrive it wants it every time: a burst of requests would
all go to the new arm. Leaving the cold arms out until they are warm makes w (and the floor) all that they can get.

**Why plain floats.** A policy has few arms. Up to some twenty of them, a loop over floats costs less than the fixed
price of the array operations that would replace it, and every request pays it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gateway.core.policies.base import Exploration, Snapshot
from gateway.core.values import FloatArray

Reason = Literal["exploit", "explore", "warm_up"]
"""exploit: the algorithm's likeliest arm, or any without exploration. warm_up: a cold arm. explore: the rest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """What was drawn, and from what; probabilities and scores have length k, aligned with `eligible`."""

    index: int
    """Row of the chosen arm among all K arms."""
    propensity: float
    """Its probability in (0, 1]."""
    probabilities: Sequence[float]
    """The distribution that was drawn from: sums to 1, and is positive throughout if the floor is."""
    scores: Sequence[float]
    """The algorithm's scores, in reward units; they order the fallbacks."""
    eligible: Sequence[int]
    """Rows of the eligible arms."""
    ranked: Sequence[int]
    """The same rows, the best score first; equal scores in the order of `eligible`."""
    reason: Reason


def choose(
    snapshot: Snapshot,
    exploration: Exploration | None,
    x: FloatArray,
    eligible: Sequence[int],
    pulls: Sequence[float],
    rng: np.random.Generator,
) -> Choice:
    """Draw an arm for the feature vector x, shape (d,), among the k >= 1 rows `eligible`.

    `pulls`, length K, are the decisions that each arm itself has served: neither borrowed from a similar arm nor
    aged, or a quiet policy that forgets would stay in its warm-up for ever. `exploration` None draws from the
    algorithm's own probabilities, with nothing mixed in. ValueError if no arm is eligible.
    """
    k = len(eligible)
    if k == 0:
        raise ValueError("no arm is eligible, at least one must be")
    proposal = snapshot.propose(x, eligible, rng)
    scores = proposal.scores
    wanted = probabilities = proposal.probabilities
    cold: list[int] = []
    if exploration is not None:
        enough = exploration.warm_up_pulls
        if min(pulls) < enough:
            cold = [position for position, row in enumerate(eligible) if pulls[row] < enough]
        if cold:
            forced = _coldest(eligible, pulls, cold)
            if len(cold) == k:
                probabilities = forced
            else:
                wanted = _among_the_warm(snapshot, x, eligible, cold, rng)
                share = exploration.warm_up_share
                probabilities = [share * p + (1.0 - share) * q for p, q in zip(forced, wanted, strict=True)]
        floor = exploration.exploration_floor
        kept, spread = 1.0 - floor, floor / k
        probabilities = [kept * p + spread for p in probabilities]
    drawn = _draw(probabilities, rng.random())
    likeliest = exploration is None or wanted[drawn] >= max(wanted)
    return Choice(
        index=eligible[drawn],
        propensity=probabilities[drawn],
        probabilities=probabilities,
        scores=scores,
        eligible=eligible,
        ranked=[eligible[position] for position in sorted(range(k), key=scores.__getitem__, reverse=True)],
        reason="warm_up" if drawn in cold else "exploit" if likeliest else "explore",
    )


def _coldest(eligible: Sequence[int], pulls: Sequence[float], cold: Sequence[int]) -> list[float]:
    """Uniform over the cold arms with the fewest pulls; `cold` are positions in `eligible`."""
    fewest = min(pulls[eligible[position]] for position in cold)
    coldest = {position for position in cold if pulls[eligible[position]] <= fewest}
    return [1.0 / len(coldest) if position in coldest else 0.0 for position in range(len(eligible))]


def _among_the_warm(
    snapshot: Snapshot, x: FloatArray, eligible: Sequence[int], cold: Sequence[int], rng: np.random.Generator
) -> list[float]:
    """The algorithm's probabilities when it is asked about the warm arms only; 0 for the cold ones."""
    warm = [position for position in range(len(eligible)) if position not in cold]
    asked = snapshot.propose(x, [eligible[position] for position in warm], rng)
    wanted = [0.0] * len(eligible)
    for position, probability in zip(warm, asked.probabilities, strict=True):
        wanted[position] = probability
    return wanted


def _draw(probabilities: Sequence[float], number: float) -> int:
    """The position that a number in [0, 1) falls on; never one with probability 0."""
    cumulative = 0.0
    for position, probability in enumerate(probabilities):
        cumulative += probability
        if number < cumulative:
            return position
    # Rounding left the sum a hair below 1, and the number fell into the gap.
    return max(position for position, probability in enumerate(probabilities) if probability > 0.0)
