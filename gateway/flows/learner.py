"""What one replica knows of one policy: shared totals, its own additions, and the snapshot that decisions read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gateway.core.choice import Choice, choose
from gateway.core.forgetting import AgedSums, Forgetting
from gateway.core.policies.base import Algorithm, Snapshot
from gateway.core.policies.transfer import with_transfer
from gateway.core.statistics import ArmStatistics, Tallies, observations, zero
from gateway.core.values import Arm, FloatArray
from gateway.flows.ports import Delta, StateKey, Sums

_Place = tuple[str, int]

_LAG = 0.002
"""Share of an arm's evidence that its fit may lag behind: its estimates' standard errors are then within half of that.

To fit again only when the evidence has grown by some share loses next to nothing and makes fits ever rarer (Abbasi-
Yadkori, Pal and Szepesvari, "Improved Algorithms for Linear Stochastic Bandits", NIPS 2011, section 5.1). An arm with
fewer than five hundred rewards is so fitted with every new one. (At a hundredth, regret rose by 1 to 2 % when all
rewards changed.) What has faded since may be five times as much: it fades for all arms alike.
"""
_LAG_S = 0.25
"""Seconds after which a fit takes in whatever is new, however little: the first request of a new kind may be in it.

As long as it takes to hear of a reward that another replica earned.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One row of evidence. `reward` None: it changes the tallies only."""

    arm_id: str
    x: FloatArray
    reward: float | None
    tallies: Tallies
    """Everything but what the reward itself adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """What a snapshot knows of one arm, and as of when."""

    sums: ArmStatistics
    rows: float
    """Rows ever counted for the arm, up to these sums."""
    coordinate: float
    now_s: float


class Learner:
    """Sums in three stages: rows just observed, deltas not yet in the store, totals pulled from it.

    Decisions read the snapshot, which `prepare` and `adopt` replace; nothing on the request path waits or fits. One
    thread at a time; only what `prepare` returns may run in another.
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
        self._rows: dict[_Place, list[Observation]] = {}
        self._unsent: dict[_Place, ArmStatistics] = {}
        self._sent: list[Delta] = []
        self._totals: dict[_Place, ArmStatistics] = {}
        self._sums: dict[_Place, ArmStatistics] = {}
        self._aged = [AgedSums(forgetting, dimension) for _ in self.arms]
        self._counted = [0.0] * len(self.arms)
        self._tries = [0.0] * len(self.arms)
        self._newest = 0
        self._inside = 0.0
        self._snapshot: Snapshot
        self._fitted: list[_Fitted]
        self._next = [self._as_of(row, 0.0, 0.0) for row in range(len(self.arms))]
        self.adopt(self._work(None)())

    def choose(self, x: FloatArray, eligible: Sequence[int], rng: np.random.Generator) -> Choice:
        """Choose among the arms with these indices, by the current snapshot."""
        return choose(self._snapshot, self.algorithm.exploration, x, eligible, self._tries, rng)

    def reserve(self, arm_id: str) -> None:
        """A request goes to this arm: it counts at once, so that a burst does not warm up one arm for ever."""
        self._tries[self._index[arm_id]] += 1.0

    def release(self, arm_id: str) -> None:
        """The request is settled: from now on it counts by what was observed of it."""
        self._tries[self._index[arm_id]] -= 1.0

    def observe(self, observation: Observation, now_s: float) -> int:
        """Take a row in; rewards count from the next fit. Returns the forgetting bucket it goes to."""
        bucket = self._newest
        if self.forgetting.active:
            bucket = max(bucket, self.forgetting.bucket(self._coordinate(now_s)))
            if bucket != self._newest:
                self._newest, self._inside = bucket, 0.0
        self._inside += observation.tallies.pulls
        row = self._index[observation.arm_id]
        self._tries[row] += _tries(observation.tallies)
        self._counted[row] += 1.0
        self._rows.setdefault((observation.arm_id, bucket), []).append(observation)
        return bucket

    def refresh(self, now_s: float) -> None:
        """Fit here and now whatever is new."""
        work = self._prepare(now_s, lag=0.0)
        if work is not None:
            self.adopt(work())

    def prepare(self, now_s: float) -> Callable[[], Snapshot] | None:
        """What there is to fit, as a function that touches nothing of the learner and may run in a thread.

        None where every arm's fit is as good as new: it lacks rows of at most 0.2 % of the arm's evidence, none older
        than a quarter of a second, and what it has counts at most 1 % too much for its age.
        """
        return self._prepare(now_s, lag=_LAG)

    def adopt(self, snapshot: Snapshot) -> None:
        """Decide by this snapshot, which the last `prepare` prepared, from now on."""
        self._snapshot = snapshot
        self._fitted = self._next
        self.generation += 1

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
        self._fold()
        oldest = self.forgetting.oldest(self._coordinate(now_s))
        # Sums of another dimension cannot be ours, whatever the fingerprint says.
        named = {place: part for place, part in sums.totals.items() if part.dimension == self._dimension}
        merged = named if sums.whole else {**self._totals, **named}
        before, self._totals = self._totals, {p: part for p, part in merged.items() if p[1] >= oldest}
        changed = {*named, *_places(self._sent), *(before.keys() - self._totals.keys())}
        self._sent = []
        self.version = sums.version
        self._add_up(changed)

    def lost(self, deltas: Sequence[Delta]) -> None:
        """Deltas that will never reach the store: they stop counting here as well, so that all replicas agree."""
        gone = set(map(id, deltas))
        self._fold()
        self._sent = [delta for delta in self._sent if id(delta) not in gone]
        self._add_up(set(_places(deltas)))

    def statistics(self) -> Mapping[str, ArmStatistics]:
        """Unweighted sums of every arm, rows just observed included."""
        self._fold()
        sums = {arm.id: zero(self._dimension) for arm in self.arms}
        for (arm_id, _), part in self._sums.items():
            if arm_id in sums:
                sums[arm_id] += part
        return sums

    def tallies(self) -> Mapping[str, Tallies]:
        """Unweighted counts and sums of every arm, rows just observed included."""
        self._fold()
        parts: dict[str, list[Tallies]] = {arm.id: [] for arm in self.arms}
        for (arm_id, _), part in self._sums.items():
            if arm_id in parts:
                parts[arm_id].append(part.tallies)
        return {arm_id: Tallies.total(many) for arm_id, many in parts.items()}

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

    def _prepare(self, now_s: float, lag: float) -> Callable[[], Snapshot] | None:
        if all(fitted.rows == counted for fitted, counted in zip(self._fitted, self._counted, strict=True)):
            return None
        coordinate = self._coordinate(now_s)
        due = [self._lags(row, now_s, coordinate, lag) for row in range(len(self.arms))]
        if not any(due):
            return None
        self._fold()
        self._next = [
            self._as_of(row, now_s, coordinate) if late else self._fitted[row] for row, late in enumerate(due)
        ]
        return self._work(self._snapshot)

    def _lags(self, row: int, now_s: float, coordinate: float, lag: float) -> bool:
        fitted = self._fitted[row]
        rows = self._counted[row] - fitted.rows
        evidence = fitted.sums.tallies.rewarded
        faded = evidence * (1.0 - 0.5 ** (max(0.0, coordinate - fitted.coordinate) / self.forgetting.half_life))
        waited = not 0.0 <= now_s - fitted.now_s < _LAG_S
        return (rows > 0.0 and (waited or rows >= lag * evidence)) or faded > 5.0 * lag * evidence

    def _as_of(self, row: int, now_s: float, coordinate: float) -> _Fitted:
        return _Fitted(sums=self._aged[row].at(coordinate), rows=self._counted[row], coordinate=coordinate, now_s=now_s)

    def _work(self, previous: Snapshot | None) -> Callable[[], Snapshot]:
        return partial(_fit, self.algorithm, self.arms, [fitted.sums for fitted in self._next], self._bias, previous)

    def _fold(self) -> None:
        folded, self._rows = self._rows, {}
        for place, rows in folded.items():
            added = _evidence(rows, self._dimension)
            unsent, known = self._unsent.get(place), self._sums.get(place)
            self._unsent[place] = added if unsent is None else unsent + added
            self._put(place, added if known is None else known + added)

    def _add_up(self, places: Iterable[_Place]) -> None:
        """Sum the stages of these places anew, and count what changed by it."""
        for place in places:
            sent = [d.statistics for d in self._sent if (d.arm_id, d.bucket) == place]
            parts = [part for part in (self._totals.get(place), *sent, self._unsent.get(place)) if part is not None]
            known = self._sums.get(place)
            sums = sum(parts[1:], start=parts[0]) if parts else None
            self._put(place, sums)
            row = self._index.get(place[0])
            if row is not None:
                before, after = (Tallies() if part is None else part.tallies for part in (known, sums))
                self._tries[row] += _tries(after) - _tries(before)
                self._counted[row] += _rows_between(before, after)
        self._newest = max([self._newest, *(bucket for _, bucket in self._sums)])
        self._inside = sum(part.tallies.pulls for (_, bucket), part in self._sums.items() if bucket == self._newest)

    def _put(self, place: _Place, sums: ArmStatistics | None) -> None:
        if sums is None:
            self._sums.pop(place, None)
        else:
            self._sums[place] = sums
        row = self._index.get(place[0])
        if row is not None:
            self._aged[row].put(place[1], sums)


def _fit(
    algorithm: Algorithm, arms: Sequence[Arm], sums: Sequence[ArmStatistics], bias: int, previous: Snapshot | None
) -> Snapshot:
    return algorithm.fit(arms, with_transfer(arms, sums), bias, previous)


def _evidence(rows: Sequence[Observation], dimension: int) -> ArmStatistics:
    rewarded = [(row.x, row.reward) for row in rows if row.reward is not None]
    xs = np.concatenate([x for x, _ in rewarded]) if rewarded else np.zeros(0)
    sums = observations(xs.reshape(-1, dimension), np.array([reward for _, reward in rewarded]))
    return replace(sums, tallies=Tallies.total([sums.tallies, *(row.tallies for row in rows)]))


def _places(deltas: Iterable[Delta]) -> Iterable[_Place]:
    return ((delta.arm_id, delta.bucket) for delta in deltas)


def _tries(tallies: Tallies) -> float:
    """Failed calls count as tries: an arm that is down must not stay new for ever."""
    return tallies.pulls + tallies.failures


def _rows_between(before: Tallies, after: Tallies) -> float:
    """How many rows the one has that the other has not, at least 1 where the rewards differ by more than rounding."""
    rows = max(
        abs(after.pulls - before.pulls),
        abs(after.rewarded - before.rewarded),
        abs(after.failures - before.failures),
        abs(after.rated - before.rated),
    )
    return rows or float(abs(after.reward - before.reward) > 1e-9 * max(1.0, abs(before.reward)))
