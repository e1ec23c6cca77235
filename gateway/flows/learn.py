"""After the answer has left: score it, make the outcome and its reward, teach the learner, log it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from gateway.core.reward import reward
from gateway.core.scoring import score
from gateway.core.statistics import Tallies
from gateway.core.values import (
    ChatRequest,
    Completion,
    Decision,
    FailedAttempt,
    Feedback,
    Outcome,
    OutcomeStatus,
    Reward,
)
from gateway.flows.decide import local_time
from gateway.flows.learner import Observation
from gateway.flows.policy import Policy
from gateway.flows.ports import AccessLog, Clock, Meter, Settled
from gateway.flows.sync import Sync

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a request ended."""

    arm_id: str
    status: OutcomeStatus
    completion: Completion | None
    failed: tuple[FailedAttempt, ...] = ()


def reward_of(policy: Policy, outcome: Outcome, feedback: Feedback | None) -> Reward | None:
    """The reward by the policy's definition; None where it teaches nothing or the operator's own function failed."""
    try:
        return reward(outcome, feedback, policy.reward, policy.reward_function)
    except ValueError as error:
        _log.error("reward_refused", policy=policy.name, decision_id=outcome.decision_id, detail=str(error))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learn:
    """Settles decisions. Synchronous and without waiting, so that no cancellation can tear it."""

    policies: Mapping[str, Policy]
    sync: Sync
    clock: Clock
    meter: Meter
    access: AccessLog

    def settle(self, decision: Decision, request: ChatRequest, ending: Ending) -> Reward | None:
        """Score, reward and teach; returns the reward, None where there is none."""
        policy = self.policies[decision.policy]
        outcome = self._outcome(policy, decision, request, ending)
        earned = reward_of(policy, outcome, None)
        taught = decision.mode != "pinned"
        if decision.mode == "live":
            policy.learner.release(decision.arm_id)
        bucket = self._teach(policy, decision, outcome, earned) if taught else 0
        key = policy.learner.key if taught else None
        self.sync.settled(Settled(outcome=outcome, reward=earned, key=key, bucket=bucket))
        self.meter.settled(decision, outcome, earned)
        self.access.settled(decision, outcome, earned)
        return earned

    def _outcome(self, policy: Policy, decision: Decision, request: ChatRequest, ending: Ending) -> Outcome:
        completion = ending.completion
        status = ending.status
        attempts = len(ending.failed) + (status in ("answered", "aborted"))
        signals: Mapping[str, float] = {}
        quality: float | None = None
        if completion is not None and status == "answered":
            scored = score(request, completion, policy.scoring)
            signals, quality = scored.signals, scored.quality
            if scored.signals.get("nonempty") == 0.0:
                status = "failed"  # An empty answer is the model's own failure, however cheap and quick.
        cost_usd = 0.0
        if completion is not None:
            price = policy.arm(ending.arm_id).price
            cost_usd = completion.cost_usd or 0.0
            if price is not None:
                cost_usd = price.cost_usd(completion.tokens_in, completion.tokens_out)
        now_s = self.clock.now()
        return Outcome(
            decision_id=decision.id,
            completion_id=None if completion is None else completion.id,
            arm_id=ending.arm_id,
            status=status,
            attempts=attempts,
            signals=signals,
            quality=quality,
            cost_usd=cost_usd,
            latency_s=completion.latency_s if completion is not None else max(0.0, now_s - decision.created_s),
            first_token_s=completion.first_token_s if completion is not None else 0.0,
            tokens_in=completion.tokens_in if completion is not None else 0,
            tokens_out=completion.tokens_out if completion is not None else 0,
            hour=local_time(decision.created_s).hour,
            finished_s=now_s,
            failed=ending.failed,
        )

    def _teach(self, policy: Policy, decision: Decision, outcome: Outcome, earned: Reward | None) -> int:
        now_s, learner, x = self.clock.now(), policy.learner, decision.context.features
        for attempt in outcome.failed:
            # Only the model's own failure is worth 0; a provider that is down says nothing of its model.
            own = not attempt.infrastructure and attempt.arm_id != outcome.arm_id
            tallies = Tallies(pulls=float(own), failures=1.0)
            row = Observation(arm_id=attempt.arm_id, x=x, reward=0.0 if own else None, tallies=tallies)
            learner.observe(row, now_s)
        served = outcome.status in ("answered", "failed", "aborted")
        tallies = Tallies(
            pulls=float(served),
            cost_usd=outcome.cost_usd,
            latency_s=outcome.latency_s if served else 0.0,
            tokens_in=float(outcome.tokens_in),
            tokens_out=float(outcome.tokens_out),
        )
        value = None if earned is None else earned.value
        return learner.observe(Observation(arm_id=outcome.arm_id, x=x, reward=value, tallies=tallies), now_s)
