"""What an outcome was worth, in [0, 1]: a weighted sum of quality, cost, latency and satisfaction.

reward = sum(w_i * part_i) / sum(w_i) over the parts that are known, with
cost = 1 - min(1, cost_usd / max_cost_usd) and latency = 1 - min(1, latency_s / max_latency_s).

Cost and latency are always known, merit (quality, satisfaction) is not. A reward made of the known parts alone would
put an unjudged answer that was merely cheap above every judged one, so where merit counts and is unknown there is none.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Interval

from gateway.core.feedback import implied_quality
from gateway.core.values import Feedback, Outcome, Reward

RewardFunction = Callable[[Outcome, Feedback | None, Mapping[str, float]], float]
"""A user's own reward: from the outcome, the feedback and the parts known so far to a number in [0, 1]."""
Preset = Literal["balanced", "quality", "cost", "latency"]

_VERSION = 1
"""Counts the changes of this file's formula: sums learned under another one do not mean the same."""
_NUMBERS = (int, float, np.integer, np.floating)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each part counts; scaled to sum to 1. ValueError if none is positive or one is not a finite number."""

    quality: Annotated[float, Ge(0.0)] = 0.0
    cost: Annotated[float, Ge(0.0)] = 0.0
    latency: Annotated[float, Ge(0.0)] = 0.0
    satisfaction: Annotated[float, Ge(0.0)] = 0.0
    """Share of what people say of the answer, beside its quality; without it, feedback goes into the quality."""

    def __post_init__(self) -> None:
        given = {part.name: getattr(self, part.name) for part in fields(self)}
        for name, weight in given.items():
            if not 0.0 <= weight < math.inf:
                raise ValueError(f"the weight of {name} must be a finite number >= 0, not {weight!r}")
        largest = max(given.values())
        if largest <= 0.0:
            raise ValueError(f"at least one of the weights {', '.join(given)} must be positive")
        # A power of two changes no digit, and keeps huge weights from overflowing their sum.
        scale = 2.0**-8 if largest > 1e300 else 1.0
        total = math.fsum(weight * scale for weight in given.values())
        for name, weight in given.items():
            object.__setattr__(self, name, weight * scale / total)

    def of(self, part: str) -> float:
        """The weight of a part by its name, in [0, 1]."""
        return float(getattr(self, part))


PRESETS: Mapping[Preset, Weights] = {
    "balanced": Weights(quality=0.6, cost=0.3, latency=0.1),
    "quality": Weights(quality=0.8, cost=0.15, latency=0.05),
    "cost": Weights(quality=0.4, cost=0.5, latency=0.1),
    "latency": Weights(quality=0.4, cost=0.3, latency=0.3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HourWeights:
    """Other weights for some hours of the local day: from `from_hour` until before `to_hour`, over midnight as well."""

    from_hour: Annotated[int, Interval(ge=0, le=23)]
    to_hour: Annotated[int, Interval(ge=0, le=24)]
    preset: Preset | None = None
    weights: Weights | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.from_hour <= 23 and 0 <= self.to_hour <= 24):
            raise ValueError(f"hours run from 0 to 23 (24: end of day), not {self.from_hour} to {self.to_hour}")
        if self.from_hour == self.to_hour:
            raise ValueError(f"from_hour and to_hour are both {self.from_hour}: for the whole day use 0 and 24")
        _require_known(self.preset)
        if (self.preset is None) == (self.weights is None):
            raise ValueError("give either a preset or weights for these hours")

    def applies(self, hour: int) -> bool:
        """Whether `hour`, 0-23, lies inside."""
        if self.from_hour < self.to_hour:
            return self.from_hour <= hour < self.to_hour
        return hour >= self.from_hour or hour < self.to_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSettings:
    """What rewards mean: a policy's `reward:` section. ValueError for settings that contradict each other."""

    preset: Preset | None = None
    """Named weights; `balanced` if neither this nor `weights` is given."""
    weights: Weights | None = None
    max_cost_usd: Annotated[float, Gt(0.0)] = 0.05
    """A request that costs this much or more has a cost part of 0."""
    max_latency_s: Annotated[float, Gt(0.0)] = 15.0
    """An answer that takes this long or longer has a latency part of 0."""
    quality_floor: Annotated[float, Interval(ge=0.0, le=1.0)] | None = None
    """Threshold form: below this quality neither cost nor latency earns anything."""
    hours: tuple[HourWeights, ...] = ()
    """Peak hours and the like; the first that applies wins."""
    function: str | None = None
    """Dotted name `package.module:name` of a user's own reward function, in place of the weighted sum."""

    def __post_init__(self) -> None:
        _require_known(self.preset)
        if self.preset is not None and self.weights is not None:
            raise ValueError("give either a preset or weights, not both")
        for name in ("max_cost_usd", "max_latency_s"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a finite number > 0, not {getattr(self, name)!r}")
        if self.quality_floor is not None and not 0.0 <= self.quality_floor <= 1.0:
            raise ValueError(f"quality_floor must be between 0 and 1, not {self.quality_floor!r}")
        if self.function is not None and not _is_dotted(self.function):
            raise ValueError(f"function must read package.module:name, not {self.function!r}")

    def weights_at(self, hour: int) -> Weights:
        """The weights that count at this local hour, 0-23."""
        for entry in self.hours:
            if entry.applies(hour):
                return _chosen(entry.preset, entry.weights)
        return _chosen(self.preset, self.weights)


def reward(
    outcome: Outcome, feedback: Feedback | None, settings: RewardSettings, function: RewardFunction | None = None
) -> Reward | None:
    """What the outcome teaches; None if nothing.

    `failed` is the model's own failure and worth 0. `unreachable` and `rejected` say nothing of the model and teach
    nothing, nor does `aborted` unless somebody rated what had arrived. `function` is what `settings.function` names;
    ValueError with the reason if it is missing, raises, or returns anything but a finite number in [0, 1].
    """
    if outcome.status == "failed":
        return Reward(value=0.0, parts={}, source="scored")
    implied = None if feedback is None else implied_quality(feedback)
    if outcome.status != "answered" and not (outcome.status == "aborted" and implied is not None):
        return None
    weights = settings.weights_at(outcome.hour)
    explicit = feedback is not None and feedback.score is not None
    parts = _parts(outcome, implied, settings, apart=weights.satisfaction > 0.0, explicit=explicit)
    if settings.function is not None or function is not None:
        value: float | None = _asked(function, settings.function, (outcome, feedback, parts))
    else:
        value = _weighed(parts, weights, settings.quality_floor)
    if value is None:
        return None
    return Reward(value=value, parts=parts, source="scored" if implied is None else "feedback")


def definition(settings: RewardSettings) -> str:
    """Fingerprint of what rewards mean under these settings: 16 hexadecimal digits, equal for equal meaning."""
    meaning = [
        _VERSION,
        _canonical(_chosen(settings.preset, settings.weights)),
        [[h.from_hour, h.to_hour, _canonical(_chosen(h.preset, h.weights))] for h in settings.hours],
        [float(settings.max_cost_usd), float(settings.max_latency_s)],
        None if settings.quality_floor is None else float(settings.quality_floor),
        settings.function,
    ]
    return blake2b(json.dumps(meaning).encode(), digest_size=8).hexdigest()


def _parts(
    outcome: Outcome, implied: float | None, settings: RewardSettings, *, apart: bool, explicit: bool
) -> dict[str, float]:
    """All parts that are known, each in [0, 1].

    `apart` keeps what people say, the implied quality, out of the quality; else, if `explicit`, it replaces it.
    """
    parts: dict[str, float] = {}
    quality = outcome.quality
    if implied is not None:
        if apart:
            parts["satisfaction"] = _bounded(implied)
        elif quality is None or explicit:
            quality = implied
        else:
            quality = (quality + implied) / 2.0
    if quality is not None and not math.isnan(quality):
        parts["quality"] = _bounded(quality)
    parts["cost"] = _saved(outcome.cost_usd, settings.max_cost_usd)
    parts["latency"] = _saved(outcome.latency_s, settings.max_latency_s)
    return parts


def _weighed(parts: Mapping[str, float], weights: Weights, floor: float | None) -> float | None:
    """The weighted sum; None where merit counts and is unknown."""
    quality, satisfaction = parts.get("quality"), parts.get("satisfaction")
    by_quality = 0.0 if quality is None else weights.quality
    by_satisfaction = 0.0 if satisfaction is None else weights.satisfaction
    if by_quality + by_satisfaction <= 0.0 < weights.quality + weights.satisfaction:
        return None
    by_cost, by_latency = weights.cost * parts["cost"], weights.latency * parts["latency"]
    if floor is not None:
        judged = satisfaction if quality is None else quality
        if judged is None:
            return None
        if judged < floor:
            by_cost = by_latency = 0.0
    total = math.fsum((by_quality, by_satisfaction, weights.cost, weights.latency))
    merit = (by_quality * (quality or 0.0), by_satisfaction * (satisfaction or 0.0))
    return _bounded(math.fsum((*merit, by_cost, by_latency)) / total)


def _asked(
    function: RewardFunction | None, path: str | None, about: tuple[Outcome, Feedback | None, Mapping[str, float]]
) -> float:
    """What the user's function says, checked: a wrong number must never reach the statistics."""
    name = path or "the reward function"
    if function is None:
        raise ValueError(f"{name} was configured but not loaded")
    try:
        outcome, feedback, parts = about
        value: object = function(outcome, feedback, dict(parts))
    except Exception as error:
        raise ValueError(f"{name} raised {type(error).__name__}: {error}") from error
    # Compared before it becomes a float: a whole number may be too large for one, and NaN compares with nothing.
    if isinstance(value, bool) or not isinstance(value, _NUMBERS) or not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must return a number in [0, 1], not {reprlib.repr(value)}")
    return float(value)


def _saved(spent: float, limit: float) -> float:
    """1 for nothing spent, 0 for the limit or more; what is no number counts as the worst, so nobody gains by it."""
    return 0.0 if math.isnan(spent) else 1.0 - _bounded(spent / limit)


def _bounded(value: float) -> float:
    # Also for NaN, which is not above 0; min and max would take twice the time.
    value = float(value)
    return 0.0 if not value > 0.0 else value if value < 1.0 else 1.0


def _chosen(preset: Preset | None, weights: Weights | None) -> Weights:
    return weights if weights is not None else PRESETS[preset or "balanced"]


def _canonical(weights: Weights) -> list[float]:
    # Rounded, because 6 of 10 and 0.6 of 1 mean the same but may differ in the last bit.
    return [round(weights.of(part.name), 12) for part in fields(weights)]


def _require_known(preset: str | None) -> None:
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {preset!r}")


def _is_dotted(path: str) -> bool:
    module, _, name = path.partition(":")
    return name.isidentifier() and all(step.isidentifier() for step in module.split("."))
