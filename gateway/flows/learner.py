"""What one replica knows of one policy: shared totals, its own additions, and the snapshot that decisions read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gateway.core.choice import Choice, choose
from gateway.core.forgetting import Forgetting
from gateway.core.policies.base import Algorithm, IntArray, Snapshot
from gateway.core.policies.transfer import with_transfer
from gateway.core.statistics import ArmStatistics, Tallies, observations, zero
from gateway.core.values import Arm, FloatArray
from gateway.flows.ports import Delta, StateKey, Sums

_Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One row of evidence. `reward` None: it changes the tallies only."""

    arm_id: str
    x: FloatArray
    reward: float | None
    tallies: Tallies
    """Everything but what the reward itself adds."""


class Learner:
    """Sums in three stages: rows just observed, deltas not yet in the store, totals pulled from it.

    Decisions read `snapshot`, which `refresh` replaces; nothing on the request path waits or fits.
    """

    def __init__(
        self,
        *,
        key: StateKey,
        arms: Sequence[Arm],
        algorithm: Algorithm,
        forgetting: Forgetting,
        dimension: int,
        bias: int,
    ) -> None:
        self.key = key
        self.arms = tuple(arms)
        self.algorithm = algorithm
        self.forgetting = forgetting
        self.version = 0
        self.generation = 0
        self._dimension = dimension
        self._bias = bias
        self._index = {arm.id: i for i, arm in enumerate(self.arms)}
        self._totals: dict[_Place, ArmStatistics] = {}
        self._rows: list[tuple[_Place, Observation]] = []
        self._unsent: dict[_Place, ArmStatistics] = {}
        self._sent: list[Delta] = []
        self._settled = np.zeros(len(self.arms))
        self._in_flight = np.zeros(len(self.arms))
        self._newest = 0
        self._inside = 0.0
        self._dirty = True
        self.refresh(0.0)

    def choose(self, x: FloatArray, eligible: IntArray, rng: np.random.Generator) -> Choice:
        """Choose among the arms with these indices, by the current snapshot."""
        tries = self._settled + self._in_flight
        return choose(self._snapshot, self.algorithm.exploration, x, eligible, tries, rng)

    def reserve(self, arm_id: str) -> None:
        """A request goes to this arm: it counts at once, so that a burst does not warm up one arm for ever."""
        self._in_flight[self._index[arm_id]] += 1.0

    def release(self, arm_id: str) -> None:
        """The request is settled: from now on it counts by what was observed of it."""
        self._in_flight[self._index[arm_id]] -= 1.0

    def observe(self, observation: Observation, now_s: float) -> int:
        """Take a row in; rewards count from the next `refresh`. Returns the forgetting bucket it goes to."""
        bucket = max(self._newest, self.forgetting.bucket(self._coordinate(now_s)))
        if bucket != self._newest:
            self._newest, self._inside = bucket, 0.0
        self._inside += observation.tallies.pulls
        self._settled[self._index[observation.arm_id]] += _tries(observation.tallies)
        self._rows.append(((observation.arm_id, bucket), observation))
        return bucket

    def refresh(self, now_s: float) -> None:
        """Fold new rows into deltas and, if anything changed, fit a new snapshot."""
        work = self.prepare(now_s)
        if work is not None:
            self.adopt(work())

    def prepare(self, now_s: float) -> Callable[[], Snapshot] | None:
        """What there is to fit, as a function that touches nothing of the learner and may run in a thread."""
        self._fold()
        if not self._dirty:
            return None
        effective = self._effective()
        self._locate(effective)
        coordinate = self._coordinate(now_s)
        settled = np.zeros(len(self.arms))
        for (arm_id, _), sums in effective.items():
            if arm_id in self._index:
                settled[self._index[arm_id]] += _tries(sums.tallies)
        self._settled = settled
        self._dirty = False
        return partial(self._fit, effective, coordinate)

    def adopt(self, snapshot: Snapshot) -> None:
        """Decide by this snapshot from now on."""
        self._snapshot = snapshot
        self.generation += 1

    def _fit(self, effective: Mapping[_Place, ArmStatistics], coordinate: float) -> Snapshot:
        aged = self.forgetting.aged(effective, [arm.id for arm in self.arms], self._dimension, coordinate)
        return self.algorithm.fit(self.arms, with_transfer(self.arms, aged), self._bias)

    def take(self) -> Sequence[Delta]:
        """Hand over what is not in the store yet; it goes on counting here until `pulled` confirms it."""
        self._fold()
        taken = [
            Delta(key=self.key, arm_id=arm_id, bucket=bucket, statistics=sums)
            for (arm_id, bucket), sums in self._unsent.items()
        ]
        self._sent.extend(taken)
        self._unsent = {}
        return taken

    def pulled(self, sums: Sums, now_s: float) -> None:
        """Take over the store's totals, which by now include all that `take` handed over."""
        kept = {} if sums.whole else self._totals
        oldest = self.forgetting.oldest(self._coordinate(now_s))
        merged = {**kept, **sums.totals}
        self._totals = {place: part for place, part in merged.items() if place[1] >= oldest}
        self._sent = []
        self.version = sums.version
        self._dirty = True

    def lost(self, deltas: Sequence[Delta]) -> None:
        """Deltas that will never reach the store: they stop counting here as well, so that all replicas agree."""
        gone = set(map(id, deltas))
        self._sent = [delta for delta in self._sent if id(delta) not in gone]
        self._dirty = True

    def statistics(self) -> Mapping[str, ArmStatistics]:
        """Unweighted sums of every arm, rows just observed included."""
        self._fold()
        sums = {arm.id: zero(self._dimension) for arm in self.arms}
        for (arm_id, _), part in self._effective().items():
            if arm_id in sums:
                sums[arm_id] += part
        return sums

    def tallies(self) -> Mapping[str, Tallies]:
        """Unweighted counts and sums of every arm, rows just observed included."""
        return {arm_id: sums.tallies for arm_id, sums in self.statistics().items()}

    def expired_before(self, now_s: float) -> int:
        """First bucket worth keeping; 0 where nothing is forgotten."""
        return self.forgetting.oldest(self._coordinate(now_s))

    def _coordinate(self, now_s: float) -> float:
        """Where we are on the axis of age: seconds, or requests counted from the newest bucket's beginning.

        Counted from the newest bucket, because a plain total would run backwards when old buckets are dropped.
        """
        if self.forgetting.half_life_requests is None:
            return now_s
        return self._newest * self.forgetting.width + self._inside

    def _locate(self, effective: Mapping[_Place, ArmStatistics]) -> None:
        self._newest = max([self._newest, *(bucket for _, bucket in effective)])
        self._inside = sum(sums.tallies.pulls for (_, bucket), sums in effective.items() if bucket == self._newest)

    def _fold(self) -> None:
        if not self._rows:
            return
        grouped: dict[_Place, list[Observation]] = {}
        for place, row in self._rows:
            grouped.setdefault(place, []).append(row)
        self._rows = []
        for place, rows in grouped.items():
            rewarded = [(row.x, row.reward) for row in rows if row.reward is not None]
            delta = observations(
                np.array([x for x, _ in rewarded]).reshape(-1, self._dimension), np.array([r for _, r in rewarded])
            )
            tallies = delta.tallies
            for row in rows:
                tallies = tallies + row.tallies
            added = ArmStatistics(gram=delta.gram, moment=delta.moment, tallies=tallies)
            known = self._unsent.get(place)
            self._unsent[place] = added if known is None else known + added
        self._dirty = True

    def _effective(self) -> dict[_Place, ArmStatistics]:
        effective = dict(self._totals)
        pending = [((d.arm_id, d.bucket), d.statistics) for d in self._sent]
        for place, sums in [*pending, *self._unsent.items()]:
            known = effective.get(place)
            if known is not None and known.dimension != sums.dimension:
                known = zero(sums.dimension)
            effective[place] = sums if known is None else known + sums
        return effective


def _tries(tallies: Tallies) -> float:
    """Failed calls count as tries: an arm that is down must not stay new for ever."""
    return tallies.pulls + tallies.failures
