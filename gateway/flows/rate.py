"""Take feedback in: find the decision, merge what was said before, revise its reward exactly, durably."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from gateway.core.feedback import merge
from gateway.core.values import Feedback, Reward
from gateway.errors import GoneError, NotFoundError, StoreError
from gateway.flows.learn import reward_of
from gateway.flows.policy import Policy
from gateway.flows.ports import Clock, Rating, Record, StateStore
from gateway.flows.sync import Sync

_log = structlog.get_logger()
_TRIES = 50
_PATIENCE_S = 1.0
"""How long another replica may take to log a decision whose feedback came here first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A rating that is durable now, and the reward that follows; None while the answer is still being made."""

    decision_id: str
    reward: Reward | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Rates decisions."""

    store: StateStore
    sync: Sync
    policies: Mapping[str, Policy]
    clock: Clock
    ttl_s: float

    async def rate(self, id: str, tenant: str, feedback: Feedback, *, revise: bool) -> Rated:
        """Store feedback for a decision (by its id or its completion's id). Returns once it is durable.

        NotFoundError (another tenant's looks the same), GoneError past the time to live, ConflictError for a second
        rating that differs without `revise`, StoreError if it could not be made durable.
        """
        await self.sync.flush()
        record = await self._find(id, tenant)
        rated = await self._write(record, feedback, revise=revise)
        await self.sync.flush()
        return rated

    async def settle_late(self, decision_id: str) -> None:
        """Give a decision its reward that had been rated before its answer was complete."""
        record = await self.store.find(decision_id)
        if record is not None and record.feedback is not None:
            await self._write(record, record.feedback, revise=True)

    async def _find(self, id: str, tenant: str) -> Record:
        waited_s = 0.0
        while (record := await self.store.find(id, tenant)) is None and waited_s < _PATIENCE_S:
            await asyncio.sleep(0.05)
            waited_s += 0.05
        if record is None:
            raise NotFoundError(f"There is no decision or completion '{id}'.", param="id", code="decision_not_found")
        if self.clock.now() - record.decision.created_s > self.ttl_s:
            raise GoneError(f"The decision '{id}' is older than {self.ttl_s:g} s; too late to rate it.", param="id")
        return record

    async def _write(self, record: Record, feedback: Feedback, *, revise: bool) -> Rated:
        decision = record.decision
        for _ in range(_TRIES):
            merged = merge(record.feedback, feedback, revise=revise)
            policy = self.policies.get(decision.policy)
            reward: Reward | None = None
            if record.settled is not None and policy is not None:
                reward = reward_of(policy, record.settled.outcome, merged)
            settled_reward = None if record.settled is None else record.settled.reward
            if merged == record.feedback and reward == settled_reward:
                return Rated(decision_id=decision.id, reward=reward)
            rating = Rating(decision_id=decision.id, feedback=merged, reward=reward, version=record.version)
            if await self.store.rate(rating):
                _log.info("feedback_stored", decision_id=decision.id, reward=None if reward is None else reward.value)
                return Rated(decision_id=decision.id, reward=reward)
            fresh = await self.store.find(decision.id)
            if fresh is None:
                raise NotFoundError(f"There is no decision '{decision.id}'.", param="id", code="decision_not_found")
            record = fresh
        raise StoreError(f"the decision '{decision.id}' is being rated by others; try again")
