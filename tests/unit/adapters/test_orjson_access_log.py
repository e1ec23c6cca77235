"""The access log: whole lines, soon, in pieces that a pipe keeps together, and nothing of a client's in them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from select import PIPE_BUF
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.orjson_access_log import OrjsonAccessLog
from gateway.core.values import Decision, FailedAttempt, Outcome, RequestContext, Reward
from tests.builders import NOW_S, make_context, make_decision, make_outcome, make_reward

OURS = {"id", "decision_id", "policy", "mode", "arm_id", "status"}
"""Texts that we make ourselves, that have few values, or that are names from the configuration."""


def log_to(written: list[str], *secrets: str) -> OrjsonAccessLog:
    def redact(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    return OrjsonAccessLog(written.append, redact)


def said(decision: Decision, outcome: Outcome, reward: Reward | None, *secrets: str) -> dict[str, Any]:
    """The one line's content; without a running loop it is written at once."""
    written: list[str] = []
    log_to(written, *secrets).settled(decision, outcome, reward)
    (line,) = written
    assert "\n" not in line
    entry: dict[str, Any] = json.loads(line)
    return entry


def test_a_line_says_how_a_request_ended() -> None:
    """Who answered, how often was tried, what it cost, and when."""
    outcome = make_outcome(latency_s=0.123456, attempts=2, finished_s=NOW_S + 0.25)
    assert said(make_decision(id="dec_1"), outcome, make_reward(0.123456)) == {
        "decision_id": "dec_1",
        "policy": "default",
        "mode": "live",
        "arm": "small",
        "status": "answered",
        "attempts": 2,
        "reward": 0.1235,
        "cost_usd": 1.8e-5,
        "latency_s": 0.1235,
        "tokens_in": 12,
        "tokens_out": 3,
        "event": "request_settled",
        "level": "info",
        "timestamp": "2025-06-15T15:06:40.250000Z",
    }


def test_the_arm_is_the_one_that_answered() -> None:
    """After a fallback it is not the one that was decided for; without a reward there is none."""
    entry = said(make_decision(arm_id="small"), make_outcome(arm_id="large"), None)
    assert (entry["arm"], entry["reward"]) == ("large", None)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis wants them so
def test_times_are_universal_to_the_microsecond(moment: datetime) -> None:
    """As every other line has them."""
    moment = moment.replace(tzinfo=UTC)
    finished_s = (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)
    entry = said(make_decision(), make_outcome(finished_s=finished_s), None)
    assert entry["timestamp"].endswith("Z")
    assert abs(datetime.fromisoformat(entry["timestamp"]) - moment) <= timedelta(microseconds=2)


def filled(kind: type, canary: str, given: dict[str, Any]) -> dict[str, Any]:
    """Every text of a dataclass that is not ours as the canary."""
    texts = {f.name for f in fields(kind) if f.type in ("str", "str | None")} - OURS
    return dict.fromkeys(texts, canary) | given


def test_no_text_of_a_clients_is_in_a_line() -> None:
    """Prompts, session names, tenants, ids and words from outside: whatever is not listed as ours stays out."""
    canary = "canary"
    context = make_context(**filled(RequestContext, canary, {}))
    outcome = filled(
        Outcome,
        canary,
        {"signals": {canary: 1.0}, "failed": (FailedAttempt(arm_id=canary, code=canary, infrastructure=True),)},
    )
    decision = filled(Decision, canary, {"context": context, "order": (canary,), "scores": {canary: 1.0}})
    assert {"tenant", "unit", "reason"} <= decision.keys()
    assert "completion_id" in outcome
    entry = said(make_decision(**decision), make_outcome(**outcome), make_reward(parts={canary: 1.0}))
    assert canary not in json.dumps(entry)


def test_a_configured_key_in_a_name_is_blanked_out() -> None:
    """However it got there, and every time."""
    decision, outcome = make_decision(policy="for-s3cret"), make_outcome(arm_id="s3cret")
    written: list[str] = []
    log = log_to(written, "s3cret")
    for _ in range(2):
        log.settled(decision, outcome, None)
    assert [json.loads(line)["arm"] for line in written] == ["***", "***"]
    assert [json.loads(line)["policy"] for line in written] == ["for-***", "for-***"]


@pytest.mark.parametrize("number", [2**70, float("nan"), float("inf")])
def test_a_provider_s_odd_numbers_stop_nothing(number: float) -> None:
    """A log never raises."""
    assert said(make_decision(), make_outcome(tokens_in=number, cost_usd=float(number)), None)["arm"] == "small"
    assert said(make_decision(policy="\ud800"), make_outcome(), None)["policy"] == "?"


async def test_lines_are_gathered_for_a_moment() -> None:
    """Many are one write; whoever waits a moment, or flushes, has them."""
    written: list[str] = []
    once = asyncio.Event()

    def write(lines: str) -> None:
        written.append(lines)
        once.set()

    log = OrjsonAccessLog(write, str)
    for n in range(5):
        log.settled(make_decision(id=str(n)), make_outcome(), None)
    assert written == []
    await once.wait()
    log.settled(make_decision(id="5"), make_outcome(), None)
    log.flush()
    log.flush()
    ids = [[json.loads(line)["decision_id"] for line in text.split("\n")] for text in written]
    assert ids == [["0", "1", "2", "3", "4"], ["5"]]


async def test_a_write_is_no_longer_than_a_pipe_takes_at_once() -> None:
    """Several workers share one pipe: a longer write may be torn apart by another's."""
    written: list[str] = []
    log = log_to(written)
    for n in range(1_000):
        log.settled(make_decision(id="x" * (n % 300)), make_outcome(), None)
    log.flush()
    assert all(len(text.encode()) + 1 <= PIPE_BUF for text in written)
    assert len(written) < 200
    lines = [line for text in written for line in text.split("\n")]
    assert [len(json.loads(line)["decision_id"]) for line in lines] == [n % 300 for n in range(1_000)]
