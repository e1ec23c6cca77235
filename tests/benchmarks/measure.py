"""Rounds of measurements: each gateway in its turn, started afresh, through the same phases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks.gateways import Gateway, Unavailable
from tests.benchmarks.plan import Plan, Report
from tests.benchmarks.processes import Size
from tests.benchmarks.running import Places, Running, Upstream, running, upstream

PACE_MS = 20
PACED_STREAMS = 100
CHUNKS = 50
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One load that each gateway gets."""

    name: str
    connections: int
    stream: bool = False
    paced: bool = False
    ours_only: bool = False


WHOLE = (
    *(Phase(name=f"whole-{c}", connections=c) for c in (1, 16, 64, 256)),
    Phase(name="whole-1000", connections=1000, ours_only=True),
)
STREAMS = (
    Phase(name="burst-1", connections=1, stream=True),
    Phase(name="burst-64", connections=64, stream=True),
    Phase(name="paced", connections=PACED_STREAMS, stream=True, paced=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One gateway's turn in one round."""

    gateway: str
    round: int
    start_s: float
    at_start: Size
    at_end: Size
    phases: dict[str, Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All turns of a run."""

    turns: tuple[Turn, ...]
    versions: dict[str, str]
    missing: dict[str, str]
    """Gateways that could not be measured, each with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to measure."""

    rounds: int = 5
    seconds: float = 3.0
    warm_up_s: float = 0.7


QUICK = Pace(rounds=2, seconds=1.0, warm_up_s=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What to measure, through which phases, for how long, and where."""

    gateways: Sequence[Gateway]
    phases: Sequence[Phase]
    pace: Pace
    where: Places
    say: Say

    def run(self) -> Series:
        """Install what is missing, then go round the gateways, as often as the pace says."""
        versions, missing = self._installed()
        turns: list[Turn] = []
        with upstream(self.where) as provider:
            for number in range(1, self.pace.rounds + 1):
                for gateway in self.gateways:
                    if gateway.name not in missing:
                        try:
                            turns.append(self._turn(gateway, number, provider))
                        except Unavailable as reason:
                            missing[gateway.name] = str(reason)
                            self.say(f"{gateway.name}: {reason}")
        return Series(turns=tuple(turns), versions=versions, missing=missing)

    def _installed(self) -> tuple[dict[str, str], dict[str, str]]:
        """Versions, and the reasons why there is none."""
        versions: dict[str, str] = {}
        missing: dict[str, str] = {}
        for gateway in self.gateways:
            self.say(f"{gateway.name}: looking for it, installing it if need be")
            try:
                versions[gateway.name] = gateway.install()
            except Unavailable as reason:
                missing[gateway.name] = str(reason)
                self.say(f"{gateway.name}: {reason}")
        return versions, missing

    def _turn(self, gateway: Gateway, number: int, provider: Upstream) -> Turn:
        name = f"round {number}/{self.pace.rounds} {gateway.name}"
        provider.pace(0)
        with running(gateway, provider, self.where) as up:
            at_start = up.size()
            self.say(f"{name} answers after {up.start_s:.2f} s, {at_start.rss_mb:.0f} MB")
            reports: dict[str, Report] = {}
            for phase in self.phases:
                if not phase.ours_only or gateway.kind in {"ours", "direct"}:
                    reports[phase.name] = report = run_phase(up, phase, self.pace)
                    self.say(f"{name} {phase.name}: {_brief(report, phase)}")
            return Turn(
                gateway=gateway.name,
                round=number,
                start_s=up.start_s,
                at_start=at_start,
                at_end=up.size(),
                phases=reports,
            )


def run_phase(up: Running, phase: Phase, pace: Pace) -> Report:
    """One phase; a paced one lasts at least as long as two streams."""
    stream_s = CHUNKS * PACE_MS / 1000 if phase.paced else 0.0
    up.upstream.pace(PACE_MS if phase.paced else 0)
    return up.load(
        Plan(
            url="",
            connections=phase.connections,
            seconds=max(pace.seconds, 3 * stream_s),
            warm_up_s=max(pace.warm_up_s, stream_s),
            spread_s=stream_s,
            stream=phase.stream,
            chunks=CHUNKS,
        )
    )


def _brief(report: Report, phase: Phase) -> str:
    units = report.chunks if phase.stream else report.requests
    each = f"{report.cpu_s / units * 1e6:.0f} us CPU each" if units else "nothing measured"
    what = "frames" if phase.stream else "requests"
    failed = f", FAILED {report.failures}" if report.failed else ""
    return f"{units / report.seconds:,.0f} {what}/s, {each}, p50 {report.latency_us.p50 / 1000:.2f} ms{failed}"
