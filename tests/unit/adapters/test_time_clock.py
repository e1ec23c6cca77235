"""The real clock."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.adapters.time_clock import TimeClock


def test_now_is_unix_time_and_monotonic_never_falls() -> None:
    """Seconds since 1970, and readings that never run backwards."""
    clock = TimeClock()
    before = datetime.now(UTC).timestamp()
    # datetime rounds to microseconds
    assert before - 1e-6 <= clock.now() <= datetime.now(UTC).timestamp() + 1e-6
    readings = [clock.monotonic() for _ in range(1000)]
    assert readings == sorted(readings)
