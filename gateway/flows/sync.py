"""Carry what was learned to the store and back: deltas and log out, totals and switches in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from gateway.core.rollout import RolloutState, kill
from gateway.core.values import Decision
from gateway.errors import StoreError
from gateway.flows.learner import Learner
from gateway.flows.ports import Batch, Clock, Meter, Settled, StateStore
from gateway.flows.switches import Switches

_log = structlog.get_logger()
_BACKLOG = 20_000
"""Log entries kept in memory while the store does not answer; beyond it the oldest are dropped and counted."""
_CATCH_UP_S = 86_400.0
"""How far back to look for ratings without their reward; longer than any answer takes."""
_TRIES = 10
"""Attempts at a change that others are making as well."""


class Sync:
    """One process's side of the shared state. `decided` and `settled` never wait; `flush` makes them durable."""

    def __init__(
        self, *, store: StateStore, learners: Mapping[str, Learner], switches: Switches, clock: Clock, meter: Meter
    ) -> None:
        self.healthy = False
        """Whether the store did what it was last asked."""
        self.on_rated: Callable[[str], Awaitable[None]] | None = None
        """Called with each decision that had been rated before it settled."""
        self._store = store
        self._learners = learners
        self._switches = switches
        self._clock = clock
        self._meter = meter
        self._lock = asyncio.Lock()
        self._decisions: dict[str, Decision] = {}
        self._settled: dict[str, Settled] = {}
        self._outbox: Batch | None = None
        self._kills: dict[str, str] = {}
        self._rated: dict[str, None] = {}
        self._forgotten: dict[str, int] = {}

    def decided(self, decision: Decision) -> None:
        """Log a decision with the next flush."""
        self._decisions[decision.id] = decision
        self._bound(self._decisions, "decisions")

    def settled(self, settled: Settled) -> None:
        """Log an outcome with the next flush; its observation is the learner's already."""
        self._settled[settled.outcome.decision_id] = settled
        self._bound(self._settled, "outcomes")

    @property
    def backlog(self) -> int:
        """Log entries that are not durable yet."""
        waiting = len(self._decisions) + len(self._settled)
        return waiting + (0 if self._outbox is None else len(self._outbox.decisions) + len(self._outbox.settled))

    async def flush(self) -> None:
        """Return once everything logged before the call is durable and the totals include it. StoreError if not."""
        async with self._lock:
            await self._push()
            await self._pull()
        # Kept until each is done: neither a caller that is cancelled here nor a store that fails may lose the rest.
        while self._rated and self.on_rated is not None:
            decision_id = next(iter(self._rated))
            await self.on_rated(decision_id)
            self._rated.pop(decision_id, None)

    async def tick(self) -> None:
        """The periodic round: push, pull, switches, forgetting. Logs the store's failure once, and its recovery."""
        try:
            if not self.healthy:
                await self._store.open()
                # A replica that died right after storing an outcome may have left an earlier rating without its reward.
                since_s = self._clock.now() - _CATCH_UP_S
                self._rated.update(dict.fromkeys(await self._store.rated_early(since_s)))
            await self.flush()
            await self._push_kills()
            await self._pull_switches()
            await self._forget()
        except StoreError as error:
            if self.healthy:
                _log.error("store_failed", detail=error.message, backlog=self.backlog)
            self.healthy = False
        else:
            if not self.healthy:
                _log.info("store_joined")
            self.healthy = True

    async def put_switch(self, policy: str, change: Callable[[RolloutState], RolloutState]) -> RolloutState:
        """Change a policy's rollout for all replicas; starts over when another replica changed it in between."""
        for _ in range(_TRIES):
            state = change(self._switches.state(policy))
            if await self._store.put_rollout(policy, state):
                self._switches.take(policy, state)
                return state
            await self._pull_switches()
        raise StoreError(f"the rollout of policy '{policy}' is being changed by others; try again")

    async def kill(self, policy: str, by: str) -> RolloutState:
        """The kill switch: here at once, for all replicas as soon as the store answers."""
        state = kill(self._switches.state(policy), now_s=self._clock.now(), by=by)
        self._switches.take(policy, state)
        self._kills[policy] = by
        try:
            await self._push_kills()
        except StoreError as error:
            _log.error("kill_not_shared_yet", policy=policy, detail=error.message)
        return state

    async def _push_kills(self) -> None:
        for policy, by in list(self._kills.items()):
            stored = (await self._store.rollouts()).get(policy)
            for _ in range(_TRIES):
                if stored is not None and stored.killed:
                    break
                known = self._switches.state(policy) if stored is None else stored
                version = 0 if stored is None else stored.version
                state = kill(replace(known, version=version), now_s=self._clock.now(), by=by)
                if await self._store.put_rollout(policy, state):
                    break
                stored = (await self._store.rollouts()).get(policy)
            del self._kills[policy]

    async def _push(self) -> None:
        # A batch that was tried before keeps its id and its content, for it may have been applied before the failure;
        # what was logged since goes in a second one.
        rounds = 1 if self._outbox is None else 2
        for _ in range(rounds):
            if self._outbox is None:
                self._outbox = self._batch()
            if self._outbox is not None:
                self._rated.update(dict.fromkeys(await self._send(self._outbox)))
                self._outbox = None

    async def _send(self, batch: Batch) -> Sequence[str]:
        try:
            return await self._store.record(batch)
        except ValueError as error:
            # The store will never take it: one poisoned batch must not hold up all that come after.
            _log.error("batch_refused", detail=str(error), decisions=len(batch.decisions), settled=len(batch.settled))
            self._meter.lost("batches", 1)
            for learner in self._learners.values():
                learner.lost(batch.deltas)
            return ()

    def _batch(self) -> Batch | None:
        deltas = tuple(delta for learner in self._learners.values() for delta in learner.take())
        if not (deltas or self._decisions or self._settled):
            return None
        decisions, settled = tuple(self._decisions.values()), tuple(self._settled.values())
        self._decisions, self._settled = {}, {}
        return Batch(id=secrets.token_hex(16), decisions=decisions, settled=settled, deltas=deltas)

    async def _pull(self) -> None:
        for learner in self._learners.values():
            sums = await self._store.sums(learner.key, learner.version)
            if sums is not None:
                learner.pulled(sums, self._clock.now())

    async def _pull_switches(self) -> None:
        for policy, state in (await self._store.rollouts()).items():
            if self._switches.take(policy, state):
                _log.info("rollout_changed", policy=policy, stage=state.stage, percentage=state.percentage,
                          killed=state.killed, by=state.changed_by)  # fmt: skip

    async def _forget(self) -> None:
        for name, learner in self._learners.items():
            before = learner.expired_before(self._clock.now())
            if before > self._forgotten.get(name, 0):
                await self._store.drop_buckets(learner.key, before)
                self._forgotten[name] = before

    def _bound(self, entries: dict[str, Decision] | dict[str, Settled], what: str) -> None:
        if len(entries) > _BACKLOG:
            entries.pop(next(iter(entries)))
            self._meter.lost(what, 1)
