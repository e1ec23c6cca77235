"""ports.AccessLog as configured: gathered lines of JSON, or events of structlog where people watch them."""

from __future__ import annotations

import atexit

import structlog

from gateway.adapters.orjson_access_log import OrjsonAccessLog
from gateway.adapters.structlog_logging import json_lines
from gateway.core.values import Decision, Outcome, Reward
from gateway.flows.ports import AccessLog

_log = structlog.get_logger()


def access_log() -> AccessLog:
    """The log of settled requests; to be called after logging was configured."""
    lines = json_lines()
    if lines is None:
        return StructlogAccessLog()
    log = OrjsonAccessLog(*lines)
    atexit.register(log.flush)
    return log


class StructlogAccessLog:
    """One event for each request, at once."""

    def settled(self, decision: Decision, outcome: Outcome, reward: Reward | None) -> None:
        """Log how a decision ended."""
        _log.info(
            "request_settled",
            decision_id=decision.id,
            policy=decision.policy,
            mode=decision.mode,
            arm=outcome.arm_id,
            status=outcome.status,
            attempts=outcome.attempts,
            reward=None if reward is None else round(reward.value, 4),
            cost_usd=outcome.cost_usd,
            latency_s=round(outcome.latency_s, 4),
            tokens_in=outcome.tokens_in,
            tokens_out=outcome.tokens_out,
        )

    def flush(self) -> None:
        """Nothing waits."""
