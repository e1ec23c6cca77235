"""The protocols through which flows reach the world, in our words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.rollout import RolloutState
from gateway.core.statistics import ArmStatistics
from gateway.core.values import Arm, Completion, Decision, Feedback, Json, Outcome, Reward


class Clock(Protocol):
    """Time as flows see it."""

    def now(self) -> float:
        """Unix time in seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time limits of one upstream call, in seconds; `total_s` is what is left of the request's own deadline."""

    connect_s: float
    first_token_s: float
    idle_s: float
    total_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One upstream call. `body` is the client's, untouched: the adapter sends only what it allows."""

    arm: Arm
    body: Json
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer: the JSON for the client (`model` already the arm's id) and what was read from it."""

    body: Json
    completion: Completion


class ReplyStream(Protocol):
    """A streamed answer. Iterating yields `data: ...` event blocks ready to be sent, without the closing [DONE].

    Blocks come whole, one or several at a time, as they arrived.

    A stream that does not end with a finish reason raises UpstreamError from the iteration: a cut is never an end.
    """

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def completion(self) -> Completion:
        """What has been read so far; whole once the iteration has ended."""
        ...

    async def aclose(self) -> None:
        """Close the upstream connection; safe to call at any time and twice."""
        ...


class Upstream(Protocol):
    """A way to the providers. Every failure is an UpstreamError that names the arm."""

    async def complete(self, call: Call) -> Reply:
        """One whole answer within the limits."""
        ...

    async def open(self, call: Call) -> ReplyStream:
        """Start a stream; returns once its first event has arrived, so that a fallback is still possible before."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StateKey:
    """Whose sums: a policy, and a fingerprint of what its sums mean (feature schema and reward definition)."""

    policy: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An outcome with the reward it earned, None where it teaches nothing."""

    outcome: Outcome
    reward: Reward | None
    key: StateKey | None
    """Whose sums its reward counts in; None for a decision that no learner made (a pinned model)."""
    bucket: int
    """The forgetting bucket that its observation was added to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Sums to add to one arm in one bucket."""

    key: StateKey
    arm_id: str
    bucket: int
    statistics: ArmStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one replica learned since the last one. Applied in one atomic step, and once, however often it is sent."""

    id: str
    decisions: Sequence[Decision] = ()
    settled: Sequence[Settled] = ()
    deltas: Sequence[Delta] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is stored of one decision."""

    decision: Decision
    settled: Settled | None
    feedback: Feedback | None
    version: int
    """Counts the changes of this record, its settling and each rating: a rating is written only if it saw them all.

    Settling counts, or a rating computed while there was no outcome could be stored after it and teach nobody.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """Feedback to store, with the reward that follows from it (None while there is no outcome to reward)."""

    decision_id: str
    feedback: Feedback
    reward: Reward | None
    version: int
    """The record's version that this rating was computed from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Totals of one state key: by (arm id, bucket). `version` grows with every change."""

    version: int
    totals: Mapping[tuple[str, int], ArmStatistics] = field(default_factory=dict)
    whole: bool = True
    """True: these are all there are. False: only those that changed; the others are as they were."""


class StateStore(Protocol):
    """Durable state shared by all replicas. Every method raises StoreError when it could not do what it says."""

    async def open(self) -> None:
        """Connect and migrate; idempotent."""
        ...

    async def close(self) -> None:
        """Finish queued writes and disconnect."""
        ...

    async def record(self, batch: Batch) -> Sequence[str]:
        """Store and add a batch, durably. Returns ids of settled decisions that had been rated before they settled.

        A batch sent again changes nothing and returns the same. A decision settles once, with the delta that counts it
        in the same batch; an outcome whose decision is not stored is ignored. ValueError, and nothing changed, for a
        number that is not finite or sums of another dimension than the stored: sending it again cannot help.
        """
        ...

    async def rate(self, rating: Rating) -> bool:
        """Store a rating durably and revise the sums by exactly the change of the reward, in one atomic step.

        False, and nothing changed, if the record's version is no longer the rating's. NotFoundError if unknown.
        ValueError, and nothing changed, for a reward outside [0, 1] or one without an outcome. Where the bucket of the
        old reward has been dropped, the change is forgotten with it.
        """
        ...

    async def find(self, id: str, tenant: str | None = None) -> Record | None:
        """The record of a decision with its current reward, by its id, else the newest by the completion's own id.

        With a tenant, only among its own: a provider may give the same completion id to two tenants.
        """
        ...

    async def recent(self, policy: str, limit: int) -> Sequence[Record]:
        """The newest decisions of a policy, newest first."""
        ...

    async def rated_early(self, since_s: float) -> Sequence[str]:
        """Decisions since this Unix second that are settled and rated, but whose reward does not carry the rating.

        That is so between `record`, which names them, and the `rate` that follows; if the replica died in between, the
        next one finds them here. A reward that a rating does not change is among them as well.
        """
        ...

    async def sums(self, key: StateKey, since: int) -> Sums | None:
        """The totals of a key that changed after version `since`; all of them for 0, or where the state was lost.

        None if its version is still `since`. Totals that were dropped are not named: who reads forgets them itself.
        """
        ...

    async def drop_buckets(self, key: StateKey, before: int) -> None:
        """Forget the buckets with an index below `before`."""
        ...

    async def rollouts(self) -> Mapping[str, RolloutState]:
        """The run-time rollout state of every policy that has one."""
        ...

    async def put_rollout(self, policy: str, state: RolloutState) -> bool:
        """Write a state whose version is the stored one plus 1 (1 if none is stored); False if it is not."""
        ...


class AccessLog(Protocol):
    """A line for each request; never raises, never waits."""

    def settled(self, decision: Decision, outcome: Outcome, reward: Reward | None) -> None:
        """A decision came to its end."""
        ...

    def flush(self) -> None:
        """Write what was gathered; to be called before the process ends."""
        ...


class Meter(Protocol):
    """Counts what happens; never raises, never waits."""

    def decided(self, decision: Decision) -> None:
        """A decision was made."""
        ...

    def settled(self, decision: Decision, outcome: Outcome, reward: Reward | None) -> None:
        """A decision came to its end."""
        ...

    def attempt_failed(self, arm_id: str, kind: str) -> None:
        """One upstream call failed; `kind` is the error's code."""
        ...

    def overhead(self, seconds: float) -> None:
        """Time spent in the gateway before the upstream was called."""
        ...

    def lost(self, what: str, count: int) -> None:
        """Something could not be stored and was dropped."""
        ...
