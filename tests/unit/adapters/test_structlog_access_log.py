"""The access log as configured: the same fields both ways, level and format kept, nothing lost at the end."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.adapters.structlog_access_log import access_log
from tests.builders import make_decision, make_outcome

ROOT = Path(__file__).parents[3]
SETTLE = """
import asyncio, sys
from gateway.adapters.structlog_access_log import StructlogAccessLog, access_log
from gateway.adapters.structlog_logging import configure
from tests.builders import make_decision, make_outcome, make_reward
configure(sys.argv[1], sys.argv[2], secrets=["canary-key"])
access = access_log()
decision = make_decision(policy="for canary-key", tenant="canary", unit="canary", reason="canary")
outcome = make_outcome(latency_s=0.123456, completion_id="canary")
"""


def run(script: str, *, level: str = "info", format: str = "json") -> str:
    """Standard error of a process that configures logging, makes an access log and does what the script says."""
    command = [sys.executable, "-c", SETTLE + textwrap.dedent(script), level, format]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True, text=True).stderr


def test_the_access_log_says_the_same_both_ways() -> None:
    """Gathered lines of JSON and structlog's own event have the same fields in the same form; neither has a key."""
    script = """
    access.settled(decision, outcome, make_reward(0.123456))
    access.flush()
    StructlogAccessLog().settled(decision, outcome, make_reward(0.123456))
    """
    found: list[dict[str, Any]] = [json.loads(line) for line in run(script).splitlines()]
    quick, slow = found
    assert list(quick) == list(slow)
    for entry in (quick, slow):
        timestamp = entry.pop("timestamp")
        assert timestamp.endswith("Z")
        assert datetime.fromisoformat(timestamp).tzinfo is not None
    assert quick == slow
    assert quick["policy"] == "for ***"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
@pytest.mark.parametrize("format", ["json", "console"])
def test_the_access_log_keeps_to_level_and_format(level: str, format: str) -> None:
    """From `info` on there is a line, for people where people watch, and by the end of the process it is written."""
    script = """
    async def main():
        access.settled(decision, outcome, None)

    asyncio.run(main())
    """
    said = run(script, level=level, format=format)
    if level in ("warning", "error"):
        assert said == ""
    elif format == "json":
        assert json.loads(said)["event"] == "request_settled"
    else:
        assert "request_settled" in said
        assert not said.startswith("{")
    assert "canary" not in said


def test_without_configuration_the_access_log_is_an_event_like_others() -> None:
    """A program that embeds the gateway has its own ideas of logging."""
    with capture_logs() as logs:
        access_log().settled(make_decision(), make_outcome(), None)
    assert [(log["event"], log["arm"]) for log in logs] == [("request_settled", "small")]
