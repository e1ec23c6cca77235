"""What the product promises of its speed, each promise beside what was measured."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.benchmarks.arithmetic import Rounds, ratios
from tests.benchmarks.figures import Table
from tests.benchmarks.soak import Soak

OURS = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A promise and its measurement."""

    text: str
    measured: float
    limit: float
    at_most: bool
    low: float | None = None
    high: float | None = None
    """The range over the rounds."""

    @property
    def met(self) -> bool:
        """Whether the median keeps it."""
        compare: Callable[[float, float], bool] = operator.le if self.at_most else operator.ge
        return compare(self.measured, self.limit)


_AT_MOST = (
    ("cpu_us", 250.0, "CPU per request, us, 64 connections"),
    ("first_added_us", 500.0, "first frame of a stream added, us, median"),
    ("gap_added_p99_us", 2000.0, "gap between frames added, us, p99, 100 paced streams"),
    ("bad_streams", 0.0, "bad streams"),
    ("failed", 0.0, "failed requests"),
    ("start_s", 1.5, "first answer after the start, s"),
    ("rss_end_mb", 90.0, "RSS at the end, MB"),
)
_NOISE = 8
"""Idle connections come and go by a few; what leaks does so by the thousand in a long run."""
_AGAINST = (
    # figure, peer, limit of ours / peer's, whether at most, text
    ("per_second_64", "tensorzero", 1.2, False, "throughput over TensorZero's"),
    ("per_second_64", "portkey", 8.0, False, "throughput over Portkey's"),
    ("per_second_64", "litellm", 40.0, False, "throughput over LiteLLM proxy's"),
    ("added_p50_us", "tensorzero", 1.0, True, "added latency p50 over TensorZero's"),
    ("paced_cpu_us", "tensorzero", 0.7, True, "CPU per paced frame over TensorZero's"),
)


def check(table: Table, soak: Soak | None = None) -> list[Goal]:
    """The promises that this run can speak of."""
    ours = table.get(OURS, {})
    goals = [
        Goal(text=text, measured=found.median, limit=limit, at_most=True, low=found.least, high=found.most)
        for name, limit, text in _AT_MOST
        if (found := ours.get(name)) is not None
    ]
    for name, peer, limit, at_most, text in _AGAINST:
        _add(goals, text, _ratio(ours, table.get(peer, {}), name), limit, at_most=at_most)
    _add(goals, "added latency p99 over p50", _ratio(ours, ours, "added_p99_us", "added_p50_us"), 3.0, at_most=True)
    thousand = _ratio(ours, ours, "per_second_1000", "per_second_64")
    _add(goals, "throughput of 1,000 connections over that of 64", thousand, 0.8)
    two = table.get(f"{OURS}-2", {})
    _add(goals, "throughput of two workers over that of one", _ratio(two, ours, "per_second_64"), 1.8)
    _add(goals, "the same by CPU: twice one worker's CPU per request over two's", _by_cpu(ours, two), 1.8)
    if soak is not None:
        grown = f"RSS grown after the first {soak.first:,} of {soak.requests:,} requests, MB"
        goals.append(Goal(text=grown, measured=soak.grown_mb, limit=5.0, at_most=True))
        goals.append(Goal(text="descriptors grown", measured=soak.grown_descriptors, limit=_NOISE, at_most=True))
        goals.append(Goal(text="tasks grown", measured=soak.grown_tasks, limit=_NOISE, at_most=True))
    return goals


def _by_cpu(ours: Mapping[str, Rounds], two: Mapping[str, Rounds]) -> Rounds | None:
    if "cpu_us" not in ours or "cpu_us" not in two:
        return None
    return ratios([2 * value for value in ours["cpu_us"].values], two["cpu_us"].values)


def _ratio(
    above: Mapping[str, Rounds], below: Mapping[str, Rounds], name: str, other: str | None = None
) -> Rounds | None:
    over, under = above.get(name), below.get(other or name)
    return None if over is None or under is None else ratios(over.values, under.values)


def _add(goals: list[Goal], text: str, found: Rounds | None, limit: float, *, at_most: bool = False) -> None:
    if found is not None:
        goals.append(
            Goal(text=text, measured=found.median, limit=limit, at_most=at_most, low=found.least, high=found.most)
        )
