"""What the load is to do, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.arithmetic import Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, over how many connections, for how long."""

    url: str
    connections: int = 64
    seconds: float = 5.0
    warm_up_s: float = 1.0
    drain_s: float = 10.0
    spread_s: float = 0.0
    """Over which the connections are opened: paced streams that begin together would go on coming together."""
    requests: int = 0
    """Stop after so many instead of after `seconds`."""
    stream: bool = False
    chunks: int = 50
    size: int = 2048
    model: str = "auto"
    key: str = "benchmark-key"
    headers: tuple[str, ...] = ()
    """More headers, each as `Name: value`."""
    cpu_of: int | None = None
    """The session of the gateway (its pid, begun with setsid), to tell the CPU seconds of the window."""
    upstream: int | None = None
    """The session of the provider, for the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run in numbers; times in microseconds."""

    connections: int
    seconds: float
    requests: int
    per_second: float
    failed: int
    failures: dict[str, int]
    example: str
    reconnects: int
    cpu_s: float
    load_cpu_s: float
    """What the load and the provider used: near `seconds`, they were the limit and not the gateway."""
    latency_us: Spread
    first_us: Spread
    transit_us: Spread
    stretch_us: Spread
    chunks: int
