"""The commands: everything, ours alone, streams, the soak, the steps, two commits."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from tests.benchmarks import compare as comparing
from tests.benchmarks import gateways, goals, peers
from tests.benchmarks.about import about
from tests.benchmarks.figures import failures, tabulate
from tests.benchmarks.gateways import DIRECT, ROOT, Gateway, Unavailable
from tests.benchmarks.measure import QUICK, STREAMS, WHOLE, Measurement, Pace, Phase, Series
from tests.benchmarks.page import LATEST, fill
from tests.benchmarks.plot import draw
from tests.benchmarks.results import Results, text, write
from tests.benchmarks.running import places
from tests.benchmarks.soak import Soak, soak

CACHE = Path.home() / ".cache" / "llm-gateway-bench"
OUT = ROOT / ".cache" / "benchmarks"
"""Not committed; the README's table is made with `--out tests/benchmarks/latest`."""

Command = Callable[..., None]


def _options(command: Command) -> Command:
    for option in (
        click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True),
        click.option("--quick", is_flag=True, help="Two short rounds: whether it works, not what it gives."),
        click.option("--seconds", type=float, default=Pace().seconds, show_default=True, help="Of each phase."),
        click.option("--rounds", type=click.IntRange(1, 100), default=Pace().rounds, show_default=True),
    ):
        command = option(command)
    return command


@click.group()
def main() -> None:
    """Measure the gateway: a simulated provider and the load on one core, gateways in turns on another."""


@main.command("all")
@click.option("--peers", "wanted", default=",".join(peers.PEERS), show_default=True, help="Which; empty for none.")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True, help="Where they live.")
@click.option("--requests", type=int, default=100_000, show_default=True, help="Of the soak.")
@_options
def everything(wanted: str, cache: Path, requests: int, **given: Any) -> None:
    """Everything: us in both lanes and with two workers, the peers, Python's limits; the soak; the steps."""
    pace = _pace(given)
    chosen = [*_ours(), gateways.limit("bytes"), gateways.limit("aiohttp"), *_peers(wanted, cache)]
    series = _measure(chosen, (*WHOLE, *STREAMS), pace)
    found = _soak(requests // 10 if given["quick"] else requests, pace)
    _say("the steps one by one")
    _finish(chosen, series, given["out"], soaked=found, steps=comparing.micro(ROOT))


@main.command()
@_options
def ours(**given: Any) -> None:
    """Our gateway alone: both lanes, one and two workers."""
    _measured(_ours(), (*WHOLE, *STREAMS), given)


@main.command()
@click.option("--peers", "wanted", default="tensorzero", show_default=True)
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
@_options
def streams(wanted: str, cache: Path, **given: Any) -> None:
    """Streams only, ours and those of peers."""
    _measured([*_ours()[:2], *_peers(wanted, cache)], STREAMS, given)


@main.command("soak")
@click.option("--requests", type=int, default=100_000, show_default=True)
@_options
def soaking(requests: int, **given: Any) -> None:
    """Memory, tasks and descriptors over many requests; 1,000 connections against 64."""
    _finish(_ours()[:1], None, given["out"], soaked=_soak(requests, _pace(given)))


@main.command("micro")
@_options
def steps(**given: Any) -> None:
    """The steps of a request one by one."""
    _finish([], None, given["out"], steps=comparing.micro(ROOT))


@main.command()
@click.argument("before")
@click.argument("after", default=comparing.HERE)
@_options
def compare(before: str, after: str, **given: Any) -> None:
    """Two commits of ours; a dot stands for the files as they are."""
    with tempfile.TemporaryDirectory(prefix="benchmark-compare-") as folder:
        try:
            sources = [comparing.checkout(one, Path(folder) / key) for one, key in ((before, "a"), (after, "b"))]
        except Unavailable as reason:
            raise click.ClickException(str(reason)) from reason
        lines = comparing.compare(
            sources[0], sources[1], names=(before, after), pace=_pace(given), where=places(), say=_say
        )
        for line in lines:
            click.echo(line)


@main.command()
def page() -> None:
    """Put the table of tests/benchmarks/latest into the README."""
    fill()


def _measured(chosen: Sequence[Gateway], phases: Sequence[Phase], given: dict[str, Any]) -> None:
    _finish(chosen, _measure(chosen, phases, _pace(given)), given["out"])


def _measure(chosen: Sequence[Gateway], phases: Sequence[Phase], pace: Pace) -> Series:
    """With the direct calls, over which the others' latency counts, in every round."""
    return Measurement(gateways=[DIRECT, *chosen], phases=phases, pace=pace, where=places(), say=_say).run()


def _finish(
    chosen: Sequence[Gateway],
    series: Series | None,
    out: Path,
    *,
    soaked: Soak | None = None,
    steps: dict[str, float] | None = None,
) -> None:
    """Write what was found, and show it."""
    table = tabulate(series) if series is not None else {}
    results = Results(
        about=about(sys.argv[1:]),
        titles={gateway.name: gateway.title for gateway in (DIRECT, *chosen)},
        versions=series.versions if series is not None else {},
        missing=series.missing if series is not None else {},
        notes={gateway.name: gateway.note for gateway in chosen if gateway.note and gateway.name in table},
        table=table,
        failures=failures(series) if series is not None else {},
        goals=tuple(goals.check(table, soaked)),
        soak=soaked,
        micro=steps or {},
    )
    write(results, out)
    if out.resolve() == LATEST:
        fill()
    draw(results, {gateway.name: gateway.kind for gateway in chosen}, out / "results.png")
    click.echo("\n".join(text(results)))
    _say(f"written to {out}")


def _ours() -> list[Gateway]:
    return [gateways.ours(), gateways.ours(lane="litellm"), gateways.ours(workers=2)]


def _peers(wanted: str, cache: Path) -> list[Gateway]:
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    unknown = [name for name in names if name not in peers.PEERS]
    if unknown:
        raise click.BadParameter(f"unknown: {', '.join(unknown)}; known are {', '.join(peers.PEERS)}")
    return [peers.PEERS[name](cache) for name in names]


def _soak(requests: int, pace: Pace) -> Soak | None:
    gateway = gateways.ours()
    try:
        gateway.install()
        return soak(gateway, requests=requests, rounds=pace.rounds, seconds=pace.seconds, where=places(), say=_say)
    except Unavailable as reason:
        _say(f"no soak: {reason}")
        return None


def _pace(given: dict[str, Any]) -> Pace:
    return QUICK if given["quick"] else Pace(rounds=given["rounds"], seconds=given["seconds"])


_BEGAN_S = time.perf_counter()


def _say(line: str) -> None:
    """Progress, beside the result: on standard error."""
    minutes, seconds = divmod(int(time.perf_counter() - _BEGAN_S), 60)
    click.echo(f"{minutes:3d}:{seconds:02d} {line}", err=True)
