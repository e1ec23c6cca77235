"""The real clock."""

from __future__ import annotations

import time


class TimeClock:
    """ports.Clock over the standard library."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()  # noqa: TID251 # the one place that reads it

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()
