"""ports.Meter over prometheus-client; sums over worker processes where PROMETHEUS_MULTIPROC_DIR is set."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import MutexValue, ValueClass

from gateway.core.values import Decision, Outcome, Reward

_LATENCY_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)
_REWARD = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class PrometheusMeter:
    """Counts with bounded labels: arms, policies and modes come from the configuration, never from clients."""

    def __init__(self) -> None:
        self._task_count: Callable[[], int] = lambda: 0
        self._registry = registry = CollectorRegistry()
        self._decisions = Counter("gateway_decisions", "Decisions made.", ["arm", "policy", "mode"], registry=registry)
        self._outcomes = Counter(
            "gateway_requests", "Requests by how they ended.", ["arm", "policy", "status"], registry=registry
        )
        self._attempts = Counter(
            "gateway_failed_attempts", "Upstream calls that failed.", ["arm", "code"], registry=registry
        )
        self._cost = Counter("gateway_cost_usd", "Money spent upstream, in USD.", ["arm", "policy"], registry=registry)
        self._tokens = Counter("gateway_tokens", "Tokens.", ["arm", "direction"], registry=registry)
        self._lost = Counter("gateway_lost_entries", "Log entries dropped.", ["what"], registry=registry)
        self._latency = Histogram(
            "gateway_latency_seconds", "Until the last byte from upstream.", ["arm"], buckets=_LATENCY_S,
            registry=registry,
        )  # fmt: skip
        self._first = Histogram(
            "gateway_first_token_seconds", "Until the first byte from upstream.", ["arm"], buckets=_LATENCY_S,
            registry=registry,
        )  # fmt: skip
        self._reward = Histogram(
            "gateway_reward", "Rewards as scored.", ["arm", "policy"], buckets=_REWARD, registry=registry
        )
        self._tasks = Gauge(
            "gateway_tasks", "Tasks alive in the event loop.", registry=registry, multiprocess_mode="livesum"
        )
        self._overhead = Histogram(
            "gateway_overhead_seconds", "Time in the gateway before the upstream call.", buckets=_OVERHEAD_S,
            registry=registry,
        )  # fmt: skip

    def watch_tasks(self, count: Callable[[], int]) -> None:
        """Show the number of background tasks alive, asked for whenever the metrics are read."""
        self._task_count = count

    def decided(self, decision: Decision) -> None:
        """A decision was made."""
        self._decisions.labels(decision.arm_id, decision.policy, decision.mode).inc()

    def settled(self, decision: Decision, outcome: Outcome, reward: Reward | None) -> None:
        """A decision came to its end."""
        arm_id, policy = outcome.arm_id, decision.policy
        self._outcomes.labels(arm_id, policy, outcome.status).inc()
        self._cost.labels(arm_id, policy).inc(outcome.cost_usd)
        self._tokens.labels(arm_id, "in").inc(outcome.tokens_in)
        self._tokens.labels(arm_id, "out").inc(outcome.tokens_out)
        if outcome.status == "answered":
            self._latency.labels(arm_id).observe(outcome.latency_s)
            self._first.labels(arm_id).observe(outcome.first_token_s)
        if reward is not None:
            self._reward.labels(arm_id, policy).observe(reward.value)

    def attempt_failed(self, arm_id: str, kind: str) -> None:
        """One upstream call failed."""
        self._attempts.labels(arm_id, kind).inc()

    def overhead(self, seconds: float) -> None:
        """Time before the upstream call."""
        self._overhead.observe(seconds)

    def lost(self, what: str, count: int) -> None:
        """Something could not be stored."""
        self._lost.labels(what).inc(count)

    def render(self) -> bytes:
        """Prometheus' text format, summed over the worker processes of this server."""
        self._tasks.set(self._task_count())
        if ValueClass is MutexValue:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
