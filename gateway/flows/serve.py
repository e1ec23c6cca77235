"""Serve one chat completion: describe, decide, admit, forward, answer, learn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from gateway.core.values import ChatRequest, Completion, Decision, FailedAttempt, Mode, OutcomeStatus
from gateway.errors import GatewayError, NotFoundError, UpstreamError
from gateway.flows.decide import Decide, served_mode
from gateway.flows.forward import Forward, Forwarded, ForwardingError
from gateway.flows.learn import Ending, Learn
from gateway.flows.policy import Policy
from gateway.flows.ports import Clock, Meter, Reply, ReplyStream
from gateway.flows.sync import Sync


class ServingError(Exception):
    """An error after a decision was made: the client is told `cause`, which decision it was, and who failed last."""

    def __init__(
        self, cause: GatewayError, decision: Decision, *, arm_id: str, attempts: int, overhead_s: float
    ) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.decision = decision
        self.arm_id = arm_id
        self.attempts = attempts
        self.overhead_s = overhead_s

    @property
    def mode(self) -> Mode:
        """As an answer's."""
        return served_mode(self.decision, self.arm_id)


@dataclass(slots=True, kw_only=True)
class Answer:
    """A decided request and its answer on the way out. Whoever sends it must call `finished` once, however it ended."""

    request: ChatRequest
    decision: Decision
    arm_id: str
    failed: tuple[FailedAttempt, ...]
    overhead_s: float
    """Seconds spent in the gateway before the upstream was called."""
    result: Reply | ReplyStream
    _learn: Learn
    _open: bool = field(default=True)

    @property
    def mode(self) -> Mode:
        """How the answer came about."""
        return served_mode(self.decision, self.arm_id)

    @property
    def attempts(self) -> int:
        """Upstream calls made."""
        return len(self.failed) + 1

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """The stream's event blocks; an UpstreamError midway is learned from and raised on."""
        assert not isinstance(self.result, Reply)
        try:
            async for block in self.result:
                yield block
        except UpstreamError as error:
            self._broke(self.result.completion(), error)
            raise
        finally:
            await self.result.aclose()

    def finished(self, *, aborted: bool = False) -> None:
        """Learn from how it ended; the first call counts, so that a late cancellation cannot settle twice."""
        completion = self.result.completion if isinstance(self.result, Reply) else self.result.completion()
        ending = Ending(
            arm_id=self.arm_id, status="aborted" if aborted else "answered", completion=completion, failed=self.failed
        )
        self._settle(ending)

    def finished_soon(self) -> None:
        """As `finished`, for a whole answer, when its last bytes have left: loops write after their callbacks."""
        asyncio.get_running_loop().call_soon(self.finished)

    def _broke(self, completion: Completion, error: UpstreamError) -> None:
        status: OutcomeStatus = "unreachable" if error.infrastructure else "failed"
        attempt = FailedAttempt(
            arm_id=self.arm_id, code=error.code or "upstream_error", infrastructure=error.infrastructure
        )
        self._settle(Ending(arm_id=self.arm_id, status=status, completion=completion, failed=(*self.failed, attempt)))

    def _settle(self, ending: Ending) -> None:
        if self._open:
            self._open = False
            self._learn.settle(self.decision, self.request, ending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """The conductor. `owners` says under which policy a model is logged that a client names itself."""

    policies: Mapping[str, Policy]
    owners: Mapping[str, str]
    decide: Decide
    forward: Forward
    learn: Learn
    sync: Sync
    clock: Clock
    meter: Meter

    async def chat(self, request: ChatRequest, arrived_s: float) -> Answer:
        """Answer `request`, which arrived at this monotonic second. RequestError, or ServingError once decided."""
        policy, decision = self._decision(request)
        self.sync.decided(decision)
        self.meter.decided(decision)
        overhead_s = self.clock.monotonic() - arrived_s
        self.meter.overhead(overhead_s)
        send = self.forward.open if request.stream else self.forward.complete
        try:
            forwarded: Forwarded[Reply] | Forwarded[ReplyStream] = await send(policy, decision, request)
        except ForwardingError as error:
            self._failed(request, decision, error)
            raise ServingError(
                error.cause,
                decision,
                arm_id=error.cause.arm_id,
                attempts=len(error.failed),
                overhead_s=overhead_s,
            ) from error
        except BaseException:
            # Cancelled: the client left before the first byte. The bookkeeping does not wait, so nothing can tear it.
            ending = Ending(arm_id=decision.arm_id, status="aborted", completion=None)
            self.learn.settle(decision, request, ending)
            raise
        return Answer(
            request=request,
            decision=decision,
            arm_id=forwarded.arm.id,
            failed=forwarded.failed,
            overhead_s=overhead_s,
            result=forwarded.result,
            _learn=self.learn,
        )

    def _decision(self, request: ChatRequest) -> tuple[Policy, Decision]:
        asked, _, name = request.model.partition(":")
        if asked == "auto" and (name or "default") in self.policies:
            policy = self.policies[name or "default"]
            return policy, self.decide.decide(policy, request)
        if request.model in self.owners:
            policy = self.policies[self.owners[request.model]]
            return policy, self.decide.pin(policy, request.model, request)
        known = ", ".join(["auto", *(f"auto:{p}" for p in self.policies), *self.owners])
        raise NotFoundError(
            f"The model '{request.model}' does not exist. Known: {known}.", param="model", code="model_not_found"
        )

    def _failed(self, request: ChatRequest, decision: Decision, error: ForwardingError) -> None:
        last = error.failed[-1]
        status: OutcomeStatus = "unreachable" if last.infrastructure else "failed"
        if not error.cause.retryable:
            status = "rejected"
        # The last call's failure is the outcome itself; those before it are attempts.
        ending = Ending(arm_id=last.arm_id, status=status, completion=None, failed=error.failed)
        self.learn.settle(decision, request, ending)
