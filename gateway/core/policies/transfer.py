"""Cold start: a new arm borrows a capped part of a similar arm's evidence until it has its own.

    effective_k = own_k + w min(n, 100) / n * own_like        with n the rewarded decisions of `like`, w the weight

so the borrowed evidence is worth w min(n, 100) observations, however long `like` has been in service.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm

TRANSFER_LIMIT = 100.0
"""Largest number of a similar arm's observations that count: a belief to start from, soon outweighed by facts."""


def with_transfer(arms: Sequence[Arm], statistics: Sequence[ArmStatistics]) -> list[ArmStatistics]:
    """The sums to fit on: each arm's own plus what its `cold_start` borrows, in the order of `arms`.

    Only own sums are borrowed, so nothing is passed on twice and two arms may name each other. An arm that names an
    unknown arm, itself, or one without rewards keeps its own. The tallies are borrowed with the rest, so warm-up,
    which wants the arm's own pulls, takes them from before. ValueError for a weight that is negative or not finite.
    """
    own = {arm.id: sums for arm, sums in zip(arms, statistics, strict=True)}
    return [_effective(arm, sums, own) for arm, sums in zip(arms, statistics, strict=True)]


def _effective(arm: Arm, sums: ArmStatistics, own: dict[str, ArmStatistics]) -> ArmStatistics:
    start = arm.cold_start
    if start is None or start.like == arm.id or start.like not in own:
        return sums
    like = own[start.like]
    count = like.tallies.rewarded
    if count <= 0.0:
        return sums
    return sums + like.scaled(start.weight * min(count, TRANSFER_LIMIT) / count)
