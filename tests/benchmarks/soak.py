"""A long run of our gateway: whether memory, tasks and descriptors stay, and whether it bears many connections."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.arithmetic import Rounds, ratios
from tests.benchmarks.gateways import Gateway, Unavailable
from tests.benchmarks.plan import Plan
from tests.benchmarks.running import Places, Running, running, upstream

_TASKS = re.compile(r"^gateway_tasks(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_REST_S = 2.0
"""For what learns and logs after the answer."""
CONNECTIONS = 64
MANY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the gateway holds at one moment."""

    requests: int
    rss_mb: float
    descriptors: int
    tasks: float
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """The states along the way, and the throughput of many connections over that of some."""

    first: int
    requests: int
    states: tuple[State, ...]
    failed: int
    many: Rounds | None

    @property
    def grown_mb(self) -> float:
        """From after the first requests to the end."""
        return self.states[-1].rss_mb - self.states[1].rss_mb

    @property
    def grown_descriptors(self) -> float:
        """The same, of descriptors."""
        return float(self.states[-1].descriptors - self.states[1].descriptors)

    @property
    def grown_tasks(self) -> float:
        """The same, of tasks in the event loop."""
        return self.states[-1].tasks - self.states[1].tasks


def soak(
    gateway: Gateway, *, requests: int, rounds: int, seconds: float, where: Places, say: Callable[[str], None]
) -> Soak:
    """So many requests in ten parts; then 64 and 1,000 connections in turns. Unavailable if it cannot be started."""
    part = requests // 10
    with upstream(where) as provider, running(gateway, provider, where) as up:
        states = [_state(up, 0)]
        failed = 0
        for done in range(part, part * 10 + 1, part):
            report = up.load(Plan(url="", connections=CONNECTIONS, requests=part, warm_up_s=0.0, drain_s=30.0))
            failed += report.failed
            time.sleep(_REST_S if done in {part, part * 10} else 0.0)
            states.append(_state(up, done))
            say(f"soak {done:,} requests: {_line(states[-1])}, {report.failed} failed")
        some: list[float] = []
        many: list[float] = []
        for number in range(rounds):
            for connections, found in ((CONNECTIONS, some), (MANY, many)):
                report = up.load(Plan(url="", connections=connections, seconds=seconds))
                failed += report.failed
                found.append(report.per_second)
                say(f"soak round {number + 1}: {connections} connections {report.per_second:,.0f}/s {report.failures}")
    return Soak(first=part, requests=part * 10, states=tuple(states), failed=failed, many=ratios(many, some))


def _state(up: Running, requests: int) -> State:
    size = up.size()
    found = _TASKS.search(up.get("/metrics"))
    if found is None:
        raise Unavailable("its metrics do not tell gateway_tasks")
    return State(
        requests=requests,
        rss_mb=size.rss_mb,
        descriptors=size.descriptors,
        tasks=float(found[1]),
        threads=size.threads,
    )


def _line(state: State) -> str:
    return f"{state.rss_mb:.1f} MB, {state.descriptors} descriptors, {state.tasks:g} tasks"
