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
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gateway.core.policies.base import Exploration, IntArray, Snapshot
from gateway.core.values import FloatArray

Reason = Literal["exploit", "explore", "warm_up"]
"""exploit: the algorithm's likeliest arm, or any without exploration. warm_up: a cold arm. explore: the rest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """What was drawn, and from what; the arrays have shape (k,), aligned with `eligible`."""

    index: int
    """Row of the chosen arm among all K arms."""
    propensity: float
    """Its probability in (0, 1]."""
    probabilities: FloatArray
    """The distribution that was drawn from: sums to 1, and is positive throughout if the floor is."""
    scores: FloatArray
    """The algorithm's scores, in reward units; they order the fallbacks."""
    eligible: IntArray
    """Rows of the eligible arms."""
    reason: Reason


def choose(
    snapshot: Snapshot,
    exploration: Exploration | None,
    x: FloatArray,
    eligible: IntArray,
    pulls: FloatArray,
    rng: np.random.Generator,
) -> Choice:
    """Draw an arm for the feature vector x, shape (d,), among the rows `eligible`, shape (k,) with k >= 1.

    `pulls`, shape (K,), are the decisions that each arm itself has served: neither borrowed from a similar arm nor
    aged, or a quiet policy that forgets would stay in its warm-up for ever. `exploration` None draws from the
    algorithm's own probabilities, with nothing mixed in. ValueError if no arm is eligible.
    """
    k = eligible.shape[0]
    if k == 0:
        raise ValueError("no arm is eligible, at least one must be")
    proposal = snapshot.propose(x, eligible, rng)
    wanted = probabilities = proposal.probabilities
    own = pulls[eligible]
    cold = own < (0 if exploration is None else exploration.warm_up_pulls)
    if exploration is not None:
        if cold.all():
            probabilities = _coldest(own, cold)
        elif cold.any():
            wanted = np.zeros(k)
            wanted[~cold] = snapshot.propose(x, eligible[~cold], rng).probabilities
            share = exploration.warm_up_share
            probabilities = share * _coldest(own, cold) + (1.0 - share) * wanted
        floor = exploration.exploration_floor
        probabilities = (1.0 - floor) * probabilities + floor / k
    drawn = _draw(probabilities, rng)
    likeliest = exploration is None or wanted[drawn] >= wanted.max()
    return Choice(
        index=int(eligible[drawn]),
        propensity=float(probabilities[drawn]),
        probabilities=probabilities,
        scores=proposal.scores,
        eligible=eligible,
        reason="warm_up" if cold[drawn] else "exploit" if likeliest else "explore",
    )


def _coldest(own: FloatArray, cold: npt.NDArray[np.bool_]) -> FloatArray:
    """Uniform over the cold arms with the fewest pulls; all arrays have shape (k,)."""
    coldest = cold & (own <= own[cold].min())
    shares: FloatArray = coldest / np.count_nonzero(coldest)
    return shares


def _draw(probabilities: FloatArray, rng: np.random.Generator) -> int:
    """A position with these probabilities, from one uniform number; never one with probability 0."""
    cumulative = np.cumsum(probabilities)
    found = int(np.searchsorted(cumulative, rng.random(), side="right"))
    if found == probabilities.shape[0]:  # rounding left the sum a hair below 1, and the number fell into the gap
        found = int(np.flatnonzero(probabilities)[-1])
    return found
