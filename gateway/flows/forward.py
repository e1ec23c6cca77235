"""Forward a decided request: arm after arm, within the deadline and the retry budget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import structlog

from gateway.core.values import Arm, ChatRequest, Decision, FailedAttempt
from gateway.errors import UpstreamError
from gateway.flows.policy import Policy
from gateway.flows.ports import Call, Clock, Meter, Reply, ReplyStream, Upstream

_log = structlog.get_logger()
T = TypeVar("T")
_LEAST_S = 0.1
"""With less time than this left another attempt would only blame another arm for the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded(Generic[T]):
    """What an arm returned, and which calls failed before it."""

    arm: Arm
    result: T
    failed: tuple[FailedAttempt, ...]


class ForwardingError(Exception):
    """Every attempt failed; `cause` is what the client is told."""

    def __init__(self, cause: UpstreamError, failed: tuple[FailedAttempt, ...]) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.failed = failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Tries the decision's arms in order until one answers."""

    upstream: Upstream
    clock: Clock
    meter: Meter

    async def complete(self, policy: Policy, decision: Decision, request: ChatRequest) -> Forwarded[Reply]:
        """A whole answer, or ForwardingError."""
        return await self._try(policy, decision, request, self.upstream.complete)

    async def open(self, policy: Policy, decision: Decision, request: ChatRequest) -> Forwarded[ReplyStream]:
        """A stream whose first event has arrived, or ForwardingError."""
        return await self._try(policy, decision, request, self.upstream.open)

    async def _try(
        self, policy: Policy, decision: Decision, request: ChatRequest, send: Callable[[Call], Awaitable[T]]
    ) -> Forwarded[T]:
        limits = policy.limits
        if request.timeout_s is not None and request.timeout_s < limits.total_s:
            limits = replace(limits, total_s=request.timeout_s)
        started = self.clock.monotonic()
        deadline = started + limits.total_s
        policy.retry_budget.request(started)
        failed: list[FailedAttempt] = []
        order = decision.order[: policy.max_attempts]
        for tried, arm_id in enumerate(order, start=1):
            if failed:
                limits = replace(limits, total_s=max(deadline - self.clock.monotonic(), 0.001))
            arm = policy.arm(arm_id)
            try:
                result = await send(Call(arm=arm, body=request.body, limits=limits))
            except UpstreamError as error:
                self._note(decision, error, failed)
                if tried == len(order) or not self._may_retry(policy, error, deadline):
                    raise ForwardingError(error, tuple(failed)) from error
            else:
                if failed:
                    policy.retry_budget.refund(len(failed))
                return Forwarded(arm=arm, result=result, failed=tuple(failed))
        raise AssertionError("a decision orders at least one arm")

    def _note(self, decision: Decision, error: UpstreamError, failed: list[FailedAttempt]) -> None:
        code = error.code or "upstream_error"
        failed.append(FailedAttempt(arm_id=error.arm_id, code=code, infrastructure=error.infrastructure))
        self.meter.attempt_failed(error.arm_id, code)
        _log.warning(
            "attempt_failed",
            decision_id=decision.id,
            arm=error.arm_id,
            code=code,
            status=error.status,
            detail=error.message,
        )

    def _may_retry(self, policy: Policy, error: UpstreamError, deadline: float) -> bool:
        now = self.clock.monotonic()
        return error.retryable and deadline - now > _LEAST_S and policy.retry_budget.withdraw(now)
