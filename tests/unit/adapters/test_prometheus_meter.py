"""Metrics: right counts, bounded labels, sums over processes."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families

from gateway.adapters.prometheus_meter import _LATENCY_S, PrometheusMeter
from tests.builders import make_decision, make_outcome, make_reward


def _samples(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def _values(meter: PrometheusMeter) -> dict[tuple[object, ...], float]:
    """Every sample by its name and labels, but for the moments of creation."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(meter.render().decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_counts_are_those_of_the_events() -> None:
    """Each event of the port moves its own metric by its own amount."""
    meter = PrometheusMeter()
    decision, outcome = make_decision(), make_outcome(cost_usd=0.25, tokens_in=10, tokens_out=4)
    meter.decided(decision)
    meter.settled(decision, outcome, make_reward(0.5))
    meter.settled(decision, make_outcome(status="unreachable", cost_usd=0.0, tokens_in=0, tokens_out=0), None)
    meter.attempt_failed("small", "upstream_error")
    meter.overhead(0.001)
    meter.lost("outcomes", 3)
    meter.watch_tasks(lambda: 7)
    found = _samples(meter.render().decode())
    assert found["gateway_decisions_total"] == 1
    assert found["gateway_requests_total"] == 2
    assert found["gateway_cost_usd_total"] == 0.25
    assert found["gateway_tokens_total"] == 14
    assert (found["gateway_reward_count"], found["gateway_reward_sum"]) == (1, 0.5)
    assert (found["gateway_failed_attempts_total"], found["gateway_lost_entries_total"]) == (1, 3)
    assert (found["gateway_overhead_seconds_count"], found["gateway_tasks"]) == (1, 7)
    assert found["gateway_latency_seconds_count"] == 1


def test_counting_and_flushing_in_any_order_gives_the_same(tmp_path: Path) -> None:
    """What is read is exact at every moment, and nothing is added twice."""
    often, seldom = PrometheusMeter(), PrometheusMeter()
    decision, outcome = make_decision(), make_outcome()
    for n in range(5):
        for meter in (often, seldom):
            meter.decided(decision)
            meter.overhead(0.001 * n)
            meter.settled(decision, outcome, make_reward(0.2 * n))
        often.flush()
        often.flush()
        assert _samples(often.render().decode())["gateway_requests_total"] == n + 1
    assert _values(often) == _values(seldom)


@given(st.lists(st.floats(-1.0, 400.0) | st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0, 300.0]), max_size=20))
def test_values_fall_into_the_librarys_buckets(values: list[float]) -> None:
    """A value on a bound belongs to the bucket that ends there, as where the library observes it itself."""
    registry = CollectorRegistry()
    library = Histogram("gateway_latency_seconds", "", ["arm"], buckets=_LATENCY_S, registry=registry)
    meter = PrometheusMeter()
    for value in values:
        library.labels("small").observe(value)
        meter.settled(make_decision(), make_outcome(latency_s=value), None)
    ours = _values(meter)
    for metric in registry.collect():
        for sample in metric.samples:
            if not sample.name.endswith("_created"):
                assert ours[sample.name, *sorted(sample.labels.items())] == pytest.approx(sample.value)


def test_a_cost_below_zero_is_not_counted() -> None:
    """A provider may say anything of its price; a counter that sinks would be an error at every reading."""
    meter = PrometheusMeter()
    for cost_usd in (-1.0, math.nan):
        meter.settled(make_decision(), make_outcome(cost_usd=cost_usd), None)
        assert _samples(meter.render().decode())["gateway_cost_usd_total"] == 0.0


def test_two_meters_do_not_share_counts() -> None:
    """Several gateways in one process, as in tests, count apart."""
    one, two = PrometheusMeter(), PrometheusMeter()
    one.lost("outcomes", 1)
    assert _samples(two.render().decode()).get("gateway_lost_entries_total", 0.0) == 0.0


def test_processes_are_summed(tmp_path: Path) -> None:
    """With PROMETHEUS_MULTIPROC_DIR set, any worker renders the sum of all: its own, and what others have flushed."""
    code = textwrap.dedent(
        """
        from gateway.adapters.prometheus_meter import PrometheusMeter
        from tests.builders import make_decision, make_outcome, make_reward
        meter = PrometheusMeter()
        meter.lost("outcomes", 2)
        meter.settled(make_decision(), make_outcome(), make_reward())
        print(meter.render().decode())
        meter.decided(make_decision())
        meter.overhead(0.001)
        meter.flush()
        meter.decided(make_decision())
        """
    )
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    for before in range(3):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found = _samples(done.stdout)
        assert found["gateway_lost_entries_total"] == 2 * (before + 1)
        for name in ("gateway_requests_total", "gateway_reward_count", "gateway_latency_seconds_count"):
            assert found[name] == before + 1
        for name in ("gateway_decisions_total", "gateway_overhead_seconds_count"):
            assert found.get(name, 0.0) == before
