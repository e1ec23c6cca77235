"""ports.AccessLog as lines of JSON, gathered and written some at a time.

An event's way through structlog costs as much as the rest of the bookkeeping of a request. Here a line is one small
document of numbers and of names that were redacted when they were first seen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from select import PIPE_BUF

import orjson

from gateway.core.values import Decision, Outcome, Reward

_LATEST_S = 0.1
"""A line is written at most this long after its request was settled."""
_MOST_NAMES = 10_000


class OrjsonAccessLog:
    """Writes the lines of `request_settled`. Its names come from the configuration: no client's text is in a line."""

    def __init__(self, write: Callable[[str], None], redact: Callable[[str], str]) -> None:
        """`write` takes whole lines, all but the last line break; `redact` blanks out keys in a text."""
        self._write = write
        self._redact = redact
        self._names: dict[str, str] = {}
        self._lines: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    def settled(self, decision: Decision, outcome: Outcome, reward: Reward | None) -> None:
        """Log how a decision ended."""
        name, arm = self._names.get, outcome.arm_id
        entry = {
            "decision_id": decision.id,
            "policy": name(decision.policy) or self._name(decision.policy),
            "mode": decision.mode,
            "arm": name(arm) or self._name(arm),
            "status": outcome.status,
            "attempts": outcome.attempts,
            "reward": None if reward is None else round(reward.value, 4),
            "cost_usd": outcome.cost_usd,
            "latency_s": round(outcome.latency_s, 4),
            "tokens_in": outcome.tokens_in,
            "tokens_out": outcome.tokens_out,
            "event": "request_settled",
            "level": "info",
            "timestamp": datetime.fromtimestamp(outcome.finished_s, UTC),
        }
        try:
            line = orjson.dumps(entry, default=str, option=orjson.OPT_UTC_Z)
        except TypeError:  # a whole number beyond 64 bits, which only a provider's usage can hold
            line = json.dumps(entry, default=str).encode()
        # A pipe takes this much in one piece: with more, the lines of several workers would run into each other.
        if self._size + len(line) >= PIPE_BUF:
            self.flush()
        self._lines.append(line)
        self._size += len(line) + 1
        if self._timer is None:
            self._schedule()

    def flush(self) -> None:
        """Write what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            self._write(b"\n".join(lines).decode())

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()  # there is nothing that would do it later
        else:
            self._timer = loop.call_later(_LATEST_S, self.flush)

    def _name(self, name: str) -> str:
        if len(self._names) >= _MOST_NAMES:
            self._names.clear()
        known = self._names[name] = self._redact(name.encode(errors="replace").decode())
        return known
