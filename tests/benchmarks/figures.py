"""The figures of a table: what each is called, and how it is had from a gateway's turn and its round's direct calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.benchmarks.arithmetic import Rounds, rounds
from tests.benchmarks.gateways import DIRECT
from tests.benchmarks.measure import Series, Turn
from tests.benchmarks.plan import Report

Group = Literal["requests", "streams", "process"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One column."""

    name: str
    group: Group
    title: str
    of: Callable[[Turn, Turn], float | None]
    """From a gateway's turn and the direct calls' turn of the same round; None where it was not measured."""
    digits: int = 0


Phased = Callable[[Report, Report], float | None]


def _in(phase: str, value: Phased) -> Callable[[Turn, Turn], float | None]:
    """A figure of one phase: None where it was not run, or where nothing succeeded in it."""

    def of(turn: Turn, direct: Turn) -> float | None:
        through, without = turn.phases.get(phase), direct.phases.get(phase)
        if through is None or without is None or not (through.requests or through.chunks):
            return None
        return value(through, without)

    return of


def _cpu_us(report: Report, units: int) -> float | None:
    return report.cpu_s / units * 1e6 if units and report.cpu_s else None


def _failed(*kinds: str) -> Callable[[Turn, Turn], float | None]:
    def of(turn: Turn, _direct: Turn) -> float | None:
        found = [report.failed for name, report in turn.phases.items() if name.startswith(kinds)]
        return float(sum(found)) if found else None

    return of


def _busy(turn: Turn, _direct: Turn) -> float | None:
    report = turn.phases.get("whole-64")
    return None if report is None else 100 * report.load_cpu_s / report.seconds


FIGURES = (
    *(
        Figure(
            name=f"per_second_{c}",
            group="requests",
            title="req/s c=1" if c == 1 else f"c={c}",
            of=_in(f"whole-{c}", lambda r, _: r.per_second),
        )
        for c in (1, 16, 64, 256, 1000)
    ),
    Figure(
        name="cpu_us", group="requests", title="CPU us/req", of=_in("whole-64", lambda r, _: _cpu_us(r, r.requests))
    ),
    Figure(
        name="added_p50_us",
        group="requests",
        title="added p50 us",
        of=_in("whole-1", lambda r, d: r.latency_us.p50 - d.latency_us.p50),
    ),
    Figure(
        name="added_p95_us",
        group="requests",
        title="p95",
        of=_in("whole-1", lambda r, d: r.latency_us.p95 - d.latency_us.p95),
    ),
    Figure(
        name="added_p99_us",
        group="requests",
        title="p99",
        of=_in("whole-1", lambda r, d: r.latency_us.p99 - d.latency_us.p99),
    ),
    Figure(name="load_busy", group="requests", title="load busy %", of=_busy),
    Figure(name="failed", group="requests", title="failed", of=_failed("whole")),
    Figure(
        name="first_added_us",
        group="streams",
        title="first frame us",
        of=_in("burst-1", lambda r, d: r.first_us.p50 - d.first_us.p50),
    ),
    Figure(
        name="burst_frames_per_second",
        group="streams",
        title="burst frames/s",
        of=_in("burst-64", lambda r, _: r.chunks / r.seconds),
    ),
    Figure(
        name="burst_cpu_us",
        group="streams",
        title="CPU us/frame",
        digits=1,
        of=_in("burst-64", lambda r, _: _cpu_us(r, r.chunks)),
    ),
    Figure(
        name="paced_cpu_us",
        group="streams",
        title="paced CPU us/frame",
        digits=1,
        of=_in("paced", lambda r, _: _cpu_us(r, r.chunks)),
    ),
    Figure(
        name="paced_added_p50_us",
        group="streams",
        title="frame p50 us",
        of=_in("paced", lambda r, d: r.transit_us.p50 - d.transit_us.p50),
    ),
    Figure(
        name="paced_added_p99_us",
        group="streams",
        title="p99",
        of=_in("paced", lambda r, d: r.transit_us.p99 - d.transit_us.p99),
    ),
    Figure(
        name="gap_added_p99_us",
        group="streams",
        title="gap p99 us",
        of=_in("paced", lambda r, d: r.stretch_us.p99 - d.stretch_us.p99),
    ),
    Figure(name="bad_streams", group="streams", title="bad", of=_failed("burst", "paced")),
    Figure(name="start_s", group="process", title="first answer s", digits=2, of=lambda turn, _: turn.start_s),
    Figure(name="rss_start_mb", group="process", title="RSS MB at start", of=lambda turn, _: turn.at_start.rss_mb),
    Figure(name="rss_end_mb", group="process", title="at end", of=lambda turn, _: turn.at_end.rss_mb),
    Figure(name="descriptors", group="process", title="fds at end", of=lambda turn, _: float(turn.at_end.descriptors)),
    Figure(name="threads", group="process", title="threads", of=lambda turn, _: float(turn.at_end.threads)),
)

Table = dict[str, dict[str, Rounds]]
"""By gateway, then by figure."""


def tabulate(series: Series) -> Table:
    """Every figure of every gateway, over the rounds; what was not measured is left out."""
    direct = {turn.round: turn for turn in series.turns if turn.gateway == DIRECT.name}
    table: Table = {}
    for name in dict.fromkeys(turn.gateway for turn in series.turns):
        turns = [turn for turn in series.turns if turn.gateway == name and turn.round in direct]
        row = table[name] = {}
        for figure in FIGURES:
            given = [figure.of(turn, direct[turn.round]) for turn in turns]
            found = rounds([value for value in given if value is not None])
            if found is not None and (name != DIRECT.name or figure.group != "process"):
                row[figure.name] = found
    return table


def failures(series: Series) -> dict[str, str]:
    """By gateway: how many calls failed over all rounds, of which kinds, and what the first of them got."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(turn.gateway for turn in series.turns):
        kinds: Counter[str] = Counter()
        example = ""
        for phase, report in ((p, r) for turn in series.turns if turn.gateway == name for p, r in turn.phases.items()):
            for kind, count in report.failures.items():
                kinds[f"{phase}: {kind}"] += count
            example = example or report.example
        if kinds:
            listed = ", ".join(f"{count:,} x {kind}" for kind, count in kinds.items())
            found[name] = f"{listed}; the first: {' '.join(example.split())[:200]!r}"
    return found
