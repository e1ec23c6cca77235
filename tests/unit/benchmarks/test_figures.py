"""From the reports of turns to tables, goals and text."""

from __future__ import annotations

from dataclasses import replace

from tests.benchmarks.about import About
from tests.benchmarks.arithmetic import Spread
from tests.benchmarks.figures import failures, tabulate
from tests.benchmarks.goals import check
from tests.benchmarks.measure import Series, Turn
from tests.benchmarks.plan import Report
from tests.benchmarks.processes import Size
from tests.benchmarks.results import Results, aligned, text

SIZE = Size(rss_mb=60.0, descriptors=20, threads=4, processes=1)
ABOUT = About(date="today", command="all", commit="abc", machine="two cores", python="3.11", libraries={})
REPORT = Report(
    connections=64,
    seconds=2.0,
    requests=1000,
    per_second=500.0,
    failed=0,
    failures={},
    example="",
    reconnects=0,
    cpu_s=0.2,
    load_cpu_s=0.5,
    latency_us=Spread(p50=300.0, p95=400.0, p99=500.0),
    first_us=Spread(),
    transit_us=Spread(),
    stretch_us=Spread(),
    chunks=0,
)


def turn(gateway: str, number: int, **phases: Report) -> Turn:
    named = {name.replace("_", "-"): report for name, report in phases.items()}
    return Turn(gateway=gateway, round=number, start_s=0.4, at_start=SIZE, at_end=SIZE, phases=named)


def series(*turns: Turn) -> Series:
    return Series(turns=turns, versions={}, missing={})


def with_latency(p50: float) -> Report:
    return replace(REPORT, latency_us=replace(REPORT.latency_us, p50=p50))


def test_added_latency_is_over_the_direct_calls_of_the_same_round() -> None:
    """When the machine slows down for a whole round, what the gateway adds stays what it was."""
    found = tabulate(
        series(
            *(turn("direct", n, whole_1=with_latency(direct)) for n, direct in enumerate((20.0, 120.0))),
            *(turn("ours", n, whole_1=with_latency(through)) for n, through in enumerate((170.0, 270.0))),
        )
    )
    assert found["ours"]["added_p50_us"].values == (150.0, 150.0)


def test_cpu_is_shared_among_the_requests_of_the_window() -> None:
    """0.2 s over 1,000 requests are 200 microseconds each; what was not measured has no figure."""
    found = tabulate(series(turn("direct", 1, whole_64=REPORT), turn("ours", 1, whole_64=REPORT)))
    assert found["ours"]["cpu_us"].median == 200.0
    assert found["ours"]["load_busy"].median == 25.0
    assert "added_p50_us" not in found["ours"]
    assert "start_s" not in found["direct"]


def test_a_phase_in_which_everything_failed_has_only_its_failures() -> None:
    """A gateway that answers streams with an error is not the fastest at them."""
    failing = replace(REPORT, requests=0, failed=7, failures={"status 500": 7}, example="HTTP/1.1 500\r\n")
    given = series(turn("direct", 1, burst_64=REPORT), turn("portkey", 1, burst_64=failing))
    found = tabulate(given)["portkey"]
    assert found["bad_streams"].median == 7.0
    assert "burst_cpu_us" not in found
    assert failures(given) == {"portkey": "7 x burst-64: status 500; the first: 'HTTP/1.1 500'"}


def test_goals_compare_ours_with_a_peer_round_by_round() -> None:
    """A promise of 1.2 times a peer's throughput is kept by the median of the rounds' ratios."""
    turns = []
    for number, (ours, peer) in enumerate(((300.0, 200.0), (130.0, 100.0), (100.0, 100.0))):
        turns.append(turn("direct", number, whole_64=REPORT))
        turns.append(turn("ours", number, whole_64=replace(REPORT, per_second=ours)))
        turns.append(turn("tensorzero", number, whole_64=replace(REPORT, per_second=peer)))
    (goal,) = [goal for goal in check(tabulate(series(*turns))) if "TensorZero" in goal.text]
    assert (goal.measured, goal.low, goal.high, goal.met) == (1.3, 1.0, 1.5, True)


def test_the_text_has_a_row_a_gateway_and_says_what_is_missing() -> None:
    """Nothing that could not be measured vanishes from the table."""
    given = series(turn("direct", 1, whole_64=REPORT), turn("ours", 1, whole_64=REPORT))
    results = Results(
        about=ABOUT,
        titles={"ours": "our gateway", "litellm": "LiteLLM proxy"},
        missing={"litellm": "cannot be installed"},
        table=tabulate(given),
    )
    lines = list(text(results))
    assert any(line.startswith("our gateway") and " 500 " in line for line in lines)
    assert "LiteLLM proxy: not measured: cannot be installed" in lines


def test_columns_stand_under_each_other() -> None:
    """Names to the left, figures to the right."""
    assert aligned([["", "a"], ["long name", "1,000"], ["b", "7"]]) == [
        "               a",
        "long name  1,000",
        "b              7",
    ]
