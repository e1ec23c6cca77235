"""Features of the operator's own, read from the hints that clients send with a request."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval, MaxLen, MinLen

from gateway.core.text import direction
from gateway.core.values import ChatRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFeature:
    """A feature of the operator's own, read from the hint with this key, or from user_id, region, language or tenant.

    A missing or unreadable value gives zeros. ValueError for an option that its kind would ignore.
    """

    key: Annotated[str, MinLen(1), MaxLen(64)]
    kind: Literal["number", "category", "hashed"]
    values: Annotated[tuple[str, ...], MaxLen(64)] = ()
    """For a category: the values, each with a coordinate of its own; any other value gives zeros."""
    low: float = 0.0
    high: float = 1.0
    """For a number: what becomes 0 and what becomes 1; beyond it is clipped."""
    dimensions: Annotated[int, Interval(ge=1, le=64)] = 8
    """For hashed: coordinates shared by all words, each word a direction of length 1."""

    def __post_init__(self) -> None:
        if self.kind == "category" and (not self.values or len({v.casefold() for v in self.values}) < len(self.values)):
            raise ValueError(f"custom feature {self.key!r}: a category needs values, each of them once")
        if self.kind != "category" and self.values:
            raise ValueError(f"custom feature {self.key!r}: values belong to a category, not to kind {self.kind!r}")
        if self.kind != "number" and (self.low, self.high) != (0.0, 1.0):
            raise ValueError(f"custom feature {self.key!r}: low and high belong to a number, not to kind {self.kind!r}")
        if self.kind != "hashed" and self.dimensions != 8:
            raise ValueError(f"custom feature {self.key!r}: dimensions belong to kind 'hashed', not {self.kind!r}")
        if not (self.low < self.high and math.isfinite(self.high - self.low)):
            raise ValueError(f"custom feature {self.key!r}: low must be below high, both finite")

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""
        if self.kind == "category":
            return tuple(f"custom.{self.key}={value}" for value in self.values)
        if self.kind == "hashed":
            return tuple(f"custom.{self.key}.{i}" for i in range(self.dimensions))
        return (f"custom.{self.key}",)

    def value(self, request: ChatRequest) -> str | None:
        """What the request says for this feature, None where it says nothing."""
        hints = request.hints
        known = {"user_id": hints.user_id, "region": hints.region, "language": hints.language, "tenant": request.tenant}
        value = hints.custom.get(self.key, known.get(self.key))
        return value if isinstance(value, str) else None

    def encode(self, value: str | None) -> list[float]:
        """The coordinates for a hint's value, each in [-1, 1]."""
        if self.kind == "category":
            given = None if value is None else value.strip().casefold()
            return [float(given == known.casefold()) for known in self.values]
        if self.kind == "hashed":
            return [0.0] * self.dimensions if value is None else list(direction(value, self.dimensions))
        return [_share(value, self.low, self.high)]


def _share(value: str | None, low: float, high: float) -> float:
    try:
        number = low if value is None else float(value[:64])
    except ValueError:
        return 0.0
    return 0.0 if math.isnan(number) else min(1.0, max(0.0, (number - low) / (high - low)))
