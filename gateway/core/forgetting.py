"""Forgetting that keeps addition: observations are added into buckets, and the buckets are weighed by age when read.

On a coordinate u (unix seconds, or the number of decisions so far) with half-life h and bucket width h / 8:

    bucket(u) = floor(u / (h/8))        weight(b, now) = 2^-(age / h)        age = max(0, now - (b + 1/2) h/8)

An observation's weight is then off by at most a factor 2^(1/16), about 4 percent, from forgetting it continuously. The
discount is that of Garivier and Moulines, "On Upper-Confidence Bound Policies for Switching Bandit Problems", ALT 2011.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from gateway.core.statistics import ArmStatistics, zero

_BUCKETS_PER_HALF_LIFE = 8
_HALF_LIVES_KEPT = 10
"""A bucket is dropped when its weight falls below 2^-10, about one thousandth."""

Totals = Mapping[tuple[str, int], ArmStatistics]
"""Sums by (arm id, bucket)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """How fast old evidence fades: by time, by traffic, or not at all. ValueError if both are given.

    Bucket numbers mean something only under one setting: sums kept under another one must not be read with this.
    """

    half_life_s: Annotated[float, Interval(gt=0.0, lt=math.inf)] | None = None
    """Seconds after which an observation counts half."""
    half_life_requests: Annotated[float, Interval(gt=0.0, lt=math.inf)] | None = None
    """Decisions of the policy after which an observation counts half."""

    def __post_init__(self) -> None:
        if self.half_life_s is not None and self.half_life_requests is not None:
            raise ValueError(
                "give half_life_s or half_life_requests, not both: "
                f"half_life_s is {self.half_life_s!r}, half_life_requests is {self.half_life_requests!r}"
            )

    @property
    def half_life(self) -> float:
        """In seconds or decisions, whichever is set; infinite without forgetting."""
        return self.half_life_s or self.half_life_requests or math.inf

    @property
    def active(self) -> bool:
        """Whether anything is ever forgotten."""
        return math.isfinite(self.half_life)

    @property
    def width(self) -> float:
        """Length of a bucket in the same unit; infinite without forgetting, where one bucket holds everything."""
        return self.half_life / _BUCKETS_PER_HALF_LIFE

    def bucket(self, coordinate: float) -> int:
        """The bucket that an observation made at this coordinate is added to; always 0 without forgetting."""
        return math.floor(coordinate / self.width) if self.active else 0

    def weight(self, bucket: int, now: float) -> float:
        """What a bucket's sums count at coordinate `now`, in [0, 1]; always 1 without forgetting."""
        if not self.active:
            return 1.0
        # A replica's clock may be ahead of ours: its newest bucket counts in full, never more.
        age = max(0.0, now - (bucket + 0.5) * self.width)
        return float(0.5 ** (age / self.half_life))

    def oldest(self, now: float) -> int:
        """The first bucket that still counts at coordinate `now`, those before it can be dropped; else 0."""
        if not self.active:
            return 0
        return math.ceil(now / self.width - _HALF_LIVES_KEPT * _BUCKETS_PER_HALF_LIFE - 0.5)

    def aged(self, totals: Totals, arms: Sequence[str], d: int, now: float) -> list[ArmStatistics]:
        """One set of sums per arm id, buckets weighed by their age at coordinate `now`; zero where there is nothing.

        Buckets before `oldest` are left out, so that it does not matter when the store drops them. Without forgetting
        every bucket counts, those from a time with forgetting too.
        """
        oldest = self.oldest(now)
        sums = {arm: zero(d) for arm in arms}
        for (arm, bucket), statistics in totals.items():
            if arm in sums and (bucket >= oldest or not self.active):
                sums[arm] += statistics.scaled(self.weight(bucket, now))
        return [sums[arm] for arm in arms]
