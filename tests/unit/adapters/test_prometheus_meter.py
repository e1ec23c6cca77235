"""Metrics: right counts, bounded labels, sums over processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.adapters.prometheus_meter import PrometheusMeter
from tests.builders import make_decision, make_outcome, make_reward


def _samples(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


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


def test_two_meters_do_not_share_counts() -> None:
    """Several gateways in one process, as in tests, count apart."""
    one, two = PrometheusMeter(), PrometheusMeter()
    one.lost("outcomes", 1)
    assert _samples(two.render().decode()).get("gateway_lost_entries_total", 0.0) == 0.0


def test_processes_are_summed(tmp_path: Path) -> None:
    """With PROMETHEUS_MULTIPROC_DIR set, any worker renders the sum of all."""
    code = textwrap.dedent(
        """
        from gateway.adapters.prometheus_meter import PrometheusMeter
        meter = PrometheusMeter()
        meter.lost("outcomes", 2)
        print(meter.render().decode())
        """
    )
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for expected in (2, 4, 6):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert _samples(done.stdout)["gateway_lost_entries_total"] == expected
