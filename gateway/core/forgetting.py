"""Forgetting that keeps addition: observations are added into buckets, and the buckets are weighed by age when read.

On a coordinate u (unix seconds, or the number of decisions so far) with half-life h and bucket width h / 8:

    bucket(u) = floor(u / (h/8))        weight(b, now) = 2^-(age / h)        age = max(0, now - (b + 1/2) h/8)

An observation's weight is then off by at most a factor 2^(1/16), about 4 percent, from forgetting it continuously. The
discount is that of Garivier and Moulines, "On Upper-Confidence Bound Policies for Switching Bandit Problems", ALT 2011.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from gateway.core.statistics import ArmStatistics, zero

_BUCKETS_PER_HALF_LIFE = 8
_HALF_LIVES_KEPT = 10
"""A bucket is dropped when its weight falls below 2^-10, about one thousandth."""


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

    def over(self, bucket: int, now: float) -> bool:
        """Whether the bucket has begun to fade: from its middle on it loses weight at the same pace as all others."""
        return now >= (bucket + 0.5) * self.width


class AgedSums:
    """One arm's sums by bucket, and what they come to by now: sum over buckets b of weight(b, now) sums_b.

    Buckets before `oldest` are left out, so that it does not matter when the store drops them. Without forgetting every
    bucket counts, those from a time with forgetting too; the sum is exact, and a bucket alone is returned as it is.

    With forgetting there are some 80 buckets, too many to add up at every reading. But once a bucket's middle has
    passed, its weight shrinks by the same factor 2^-(t / h) in a time t as all the others', and so does a sum over such
    buckets. That sum is kept, with the coordinate it is right for. The newest bucket, which changes all the time, is
    added at each reading; a bucket that changes later is taken out and put in again. The result is the sum above but
    for rounding: less than 1e-12 of what the buckets come to with weight 1.
    """

    def __init__(self, forgetting: Forgetting, d: int) -> None:
        self._forgetting = forgetting
        self._zero = zero(d)
        self._parts: dict[int, ArmStatistics] = {}
        self._kept = self._zero
        self._kept_at = -math.inf
        self._within: set[int] = set()

    def put(self, bucket: int, sums: ArmStatistics | None) -> None:
        """What this bucket's sums are from now on; None takes it away."""
        if bucket in self._within:
            self._take_out(bucket)
        if sums is None:
            self._parts.pop(bucket, None)
        else:
            self._parts[bucket] = sums

    def at(self, now: float) -> ArmStatistics:
        """The sums weighed by age at coordinate `now`; zero where there is nothing."""
        if not self._forgetting.active:
            parts = list(self._parts.values()) or [self._zero]
            return sum(parts[1:], start=parts[0])
        forgetting, oldest = self._forgetting, self._forgetting.oldest(now)
        if now < self._kept_at and not (self._within and forgetting.over(max(self._within), now)):
            # A clock was set back so far that a kept bucket is not over any more.
            self._kept, self._kept_at, self._within = self._zero, now, set()
        for bucket in [bucket for bucket in self._within if bucket < oldest]:
            self._take_out(bucket)
        loose = sorted(bucket for bucket in self._parts.keys() - self._within if bucket >= oldest)
        over = [bucket for bucket in loose[:-1] if forgetting.over(bucket, now)]
        if over:
            self._kept, self._kept_at = self._kept_by(now), now
            for bucket in over:
                self._kept = self._kept.plus(self._parts[bucket], forgetting.weight(bucket, now))
            self._within.update(over)
        total = self._kept_by(now)
        for bucket in loose[len(over) :]:
            total = total.plus(self._parts[bucket], forgetting.weight(bucket, now))
        return total

    def _kept_by(self, now: float) -> ArmStatistics:
        """The kept sum at another coordinate at which all its buckets are over."""
        return self._kept.scaled(0.5 ** ((now - self._kept_at) / self._forgetting.half_life))

    def _take_out(self, bucket: int) -> None:
        self._within.remove(bucket)
        if self._within:
            weight = self._forgetting.weight(bucket, self._kept_at)
            self._kept = self._kept.plus(self._parts[bucket], -weight)
        else:
            self._kept = self._zero  # and not what rounding leaves of it
