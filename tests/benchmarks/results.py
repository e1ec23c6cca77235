"""What a run leaves behind: results.json, results.txt for people, and results.png."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tests.benchmarks.about import About
from tests.benchmarks.arithmetic import Rounds, ratios
from tests.benchmarks.figures import FIGURES, Group, Table
from tests.benchmarks.goals import OURS, Goal
from tests.benchmarks.soak import Soak

_LEGENDS: Mapping[Group, tuple[str, ...]] = {
    "requests": (
        "Requests: 2 KB chat bodies of ten kinds, 4 KB replies, c keep-alive connections. CPU of all the gateway's",
        "processes, at c=64. Added: over the direct call at c=1, percentile by percentile. Load busy: how much of a",
        "core the load and the provider used; near 100 they were the limit, and CPU us/req tells what could be done.",
    ),
    "streams": (
        "Streams of 50 frames; times are what is added to the direct call's. First frame: at 1 connection. Bursts: at",
        "64. Paced: 100 streams, a frame each 20 ms: how much later a frame comes, how much longer a gap is.",
    ),
    "process": ("Processes, started afresh each round; the end: after that round's requests.",),
}
_COMPARED = (
    ("per_second_64", "throughput c=64"),
    ("cpu_us", "CPU per request"),
    ("added_p50_us", "added p50"),
    ("burst_cpu_us", "CPU per frame"),
    ("paced_cpu_us", "CPU per paced frame"),
    ("rss_end_mb", "memory"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that a run found; what it did not look for is empty."""

    about: About
    titles: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    """What a reader of a gateway's figures should know."""
    table: Table = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Gateways of which calls failed: how many, and of which kinds."""
    goals: tuple[Goal, ...] = ()
    soak: Soak | None = None
    micro: dict[str, float] = field(default_factory=dict)
    """Median microseconds of a step."""


def write(results: Results, folder: Path) -> None:
    """The JSON and the text; the picture is drawn by `plot`."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = dataclasses.asdict(results)
    whole["goals"] = [{**dataclasses.asdict(goal), "met": goal.met} for goal in results.goals]
    (folder / "results.json").write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2) + b"\n")
    (folder / "results.txt").write_text("\n".join(text(results)) + "\n", encoding="utf-8")


def text(results: Results) -> Iterator[str]:
    """The tables, line by line."""
    about = results.about
    libraries = ", ".join(f"{name} {number}" for name, number in about.libraries.items())
    yield f"{about.date}, commit {about.commit}: {about.command}"
    yield f"{about.machine}; Python {about.python}, {libraries}"
    if results.table:
        yield "Medians over the rounds, gateways in turns, each started afresh; read ratios rather than absolute times."
    for group, legend in _LEGENDS.items():
        grid = list(_grid(results, group))
        if grid:
            yield from ("", *legend, *aligned(grid))
    if results.table:
        yield ""
    for name, note in results.notes.items():
        yield f"{results.titles.get(name, name)} {note}."
    for name, reason in results.missing.items():
        yield f"{results.titles.get(name, name)}: not measured: {reason}"
    for name, kinds in results.failures.items():
        yield f"{results.titles.get(name, name)}: failed: {kinds}"
    compared = list(_ratios(results))
    if compared:
        yield from (
            "",
            "Ours over each of the others, median of the rounds' ratios (least to most)",
            *aligned(compared),
        )
    yield from _rest(results)


def _grid(results: Results, group: Group) -> Iterator[list[str]]:
    """A header and a row a gateway; nothing where nothing was measured."""
    columns = [
        figure
        for figure in FIGURES
        if figure.group == group and any(figure.name in row for row in results.table.values())
    ]
    if not columns:
        return
    yield ["", *(figure.title for figure in columns)]
    for name, row in results.table.items():
        if any(figure.name in row for figure in columns):
            title = " ".join(part for part in (results.titles.get(name, name), results.versions.get(name, "")) if part)
            yield [title, *(_number(row.get(figure.name), figure.digits) for figure in columns)]


def _ratios(results: Results) -> Iterator[list[str]]:
    ours = results.table.get(OURS, {})
    others = [name for name in results.table if name not in {OURS, "direct"}]
    compared = [(name, title) for name, title in _COMPARED if name in ours]
    if not others or not compared:
        return
    yield ["", *(title for _, title in compared)]
    for other in others:
        row = results.table[other]
        yield [results.titles.get(other, other), *(_ratio(ours, row, name) for name, _ in compared)]


def _rest(results: Results) -> Iterator[str]:
    if results.goals:
        yield from ("", "Goals", *aligned([_goal(goal) for goal in results.goals]))
    if results.soak is not None:
        yield from ("", "Soak: our gateway at 64 connections", *aligned(_soak(results.soak)))
        many = results.soak.many
        if many is not None:
            yield f"1,000 connections over 64: {_range(many)} of the throughput; {results.soak.failed} requests failed"
    if results.micro:
        steps = [[name, f"{value:,.1f}"] for name, value in results.micro.items()]
        yield from ("", "Steps, median microseconds", *aligned(steps))


def _goal(goal: Goal) -> list[str]:
    between = "" if goal.low is None or goal.high is None else f"({_short(goal.low)} to {_short(goal.high)})"
    sign = "at most" if goal.at_most else "at least"
    return [goal.text, _short(goal.measured), between, f"{sign} {_short(goal.limit)}", "met" if goal.met else "MISSED"]


def _soak(soak: Soak) -> list[list[str]]:
    rows = [["requests", "RSS MB", "descriptors", "tasks", "threads"]]
    for state in soak.states:
        held = (f"{state.rss_mb:.1f}", str(state.descriptors), f"{state.tasks:g}", str(state.threads))
        rows.append([f"{state.requests:,}", *held])
    return rows


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[n]) for row in rows if n < len(row)) for n in range(max(map(len, rows)))]
    return [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]


def _number(value: Rounds | None, digits: int) -> str:
    return "-" if value is None else f"{value.median:,.{digits}f}"


def _ratio(ours: Mapping[str, Rounds], other: Mapping[str, Rounds], name: str) -> str:
    found = ratios(ours[name].values, other[name].values) if name in other else None
    return "-" if found is None else _range(found)


def _range(found: Rounds) -> str:
    return f"{_short(found.median)} ({_short(found.least)}-{_short(found.most)})"


def _short(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
