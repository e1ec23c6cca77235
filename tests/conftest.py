"""What holds for every test."""

from __future__ import annotations

import os

# Before numpy is imported: with more threads, small matrix products of parallel processes slow each other down.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251 # told to the library, not read by us

from hypothesis import HealthCheck, settings

# A shared machine is not a clock: examples are judged by what they return, never by how long they took.
# CI must say the same of the same commit; on a developer's machine every run looks elsewhere.
settings.register_profile(
    "gateway",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,  # noqa: TID251 # asked where it is answered
)
settings.load_profile("gateway")
