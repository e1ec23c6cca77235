"""ports.Meter over prometheus-client; sums over worker processes where PROMETHEUS_MULTIPROC_DIR is set.

A request moves a dozen metrics, and the library finds each by its labels and locks it, in shared memory where there
are several processes. So requests are counted in plain numbers, which `flush` adds to the library's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import MutexValue, ValueClass

from gateway.core.values import Decision, Outcome, Reward

_LATENCY_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)
_REWARD = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class _Spread:
    """Observations by bucket: the first whose upper bound is not below the value, one more for those beyond all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def pour(self, histogram: Histogram) -> None:
        """Add what was counted to a histogram with the same bounds; with labels, to the child that has them."""
        # The library adds up single observations only; its sums are reached by name.
        for count, bucket in zip(self.counts, histogram._buckets, strict=True):
            if count:
                bucket.inc(count)
        histogram._sum.inc(self.total)


class _Settled:
    """What was counted of the decisions of one arm, policy and status."""

    __slots__ = ("cost_usd", "count", "first_token_s", "latency_s", "rewards", "tokens_in", "tokens_out")

    def __init__(self) -> None:
        self.count = 0
        self.cost_usd = 0.0
        self.tokens_in = 0
        self.tokens_out = 0
        self.latency_s = _Spread(_LATENCY_S)
        self.first_token_s = _Spread(_LATENCY_S)
        self.rewards = _Spread(_REWARD)


class PrometheusMeter:
    """Counts with bounded labels: arms, policies and modes come from the configuration, never from clients.

    Other worker processes see what was counted here once `flush` was called: call it every second and at the end.
    """

    def __init__(self) -> None:
        self._decided: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._settled: defaultdict[tuple[str, str, str], _Settled] = defaultdict(_Settled)
        self._overheads = _Spread(_OVERHEAD_S)
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
        self._decided[decision.arm_id, decision.policy, decision.mode] += 1

    def settled(self, decision: Decision, outcome: Outcome, reward: Reward | None) -> None:
        """A decision came to its end."""
        tally = self._settled[outcome.arm_id, decision.policy, outcome.status]
        tally.count += 1
        tally.cost_usd += outcome.cost_usd
        tally.tokens_in += outcome.tokens_in
        tally.tokens_out += outcome.tokens_out
        if outcome.status == "answered":
            tally.latency_s.observe(outcome.latency_s)
            tally.first_token_s.observe(outcome.first_token_s)
        if reward is not None:
            tally.rewards.observe(reward.value)

    def attempt_failed(self, arm_id: str, kind: str) -> None:
        """One upstream call failed."""
        self._attempts.labels(arm_id, kind).inc()

    def overhead(self, seconds: float) -> None:
        """Time before the upstream call."""
        self._overheads.observe(seconds)

    def lost(self, what: str, count: int) -> None:
        """Something could not be stored."""
        self._lost.labels(what).inc(count)

    def flush(self) -> None:
        """Make what was counted visible to all worker processes."""
        decided, self._decided = self._decided, defaultdict(int)
        settled, self._settled = self._settled, defaultdict(_Settled)
        overheads, self._overheads = self._overheads, _Spread(_OVERHEAD_S)
        for labels, count in decided.items():
            self._decisions.labels(*labels).inc(count)
        for (arm_id, policy, status), tally in settled.items():
            self._outcomes.labels(arm_id, policy, status).inc(tally.count)
            # A provider may have named a price below 0, and the library refuses a count that sinks.
            self._cost.labels(arm_id, policy).inc(max(0.0, tally.cost_usd))
            self._tokens.labels(arm_id, "in").inc(max(0, tally.tokens_in))
            self._tokens.labels(arm_id, "out").inc(max(0, tally.tokens_out))
            if any(tally.latency_s.counts):
                tally.latency_s.pour(self._latency.labels(arm_id))
                tally.first_token_s.pour(self._first.labels(arm_id))
            if any(tally.rewards.counts):
                tally.rewards.pour(self._reward.labels(arm_id, policy))
        if any(overheads.counts):
            overheads.pour(self._overhead)

    def render(self) -> bytes:
        """Prometheus' text format, summed over the worker processes of this server."""
        self.flush()
        self._tasks.set(self._task_count())
        if ValueClass is MutexValue:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
