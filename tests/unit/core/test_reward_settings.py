"""Rules of the reward's settings: what is refused, and when two of them mean the same."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gateway.core.reward import HourWeights, RewardSettings, Weights, definition

DEFAULT = RewardSettings()
CHEAP: Any = "cheap"  # no preset
NIGHT = HourWeights(from_hour=22, to_hour=6, preset="cost")
PEAK = HourWeights(from_hour=9, to_hour=17, weights=Weights(latency=1.0))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: RewardSettings(preset="cost", weights=Weights(cost=1)), "not both"),
        (lambda: RewardSettings(preset=CHEAP), "one of balanced, quality, cost, latency"),
        (lambda: RewardSettings(max_cost_usd=0.0), "max_cost_usd"),
        (lambda: RewardSettings(max_cost_usd=math.inf), "max_cost_usd"),
        (lambda: RewardSettings(max_latency_s=math.nan), "max_latency_s"),
        (lambda: RewardSettings(quality_floor=1.1), "quality_floor"),
        (lambda: RewardSettings(quality_floor=math.nan), "quality_floor"),
        (lambda: RewardSettings(function="mine.f"), "package.module:name"),
        (lambda: RewardSettings(function=":f"), "package.module:name"),
        (lambda: RewardSettings(function="a b:f"), "package.module:name"),
        (Weights, "at least one"),
        (lambda: Weights(quality=0.0, cost=0.0), "at least one"),
        (lambda: Weights(quality=-1.0, cost=2.0), "quality"),
        (lambda: Weights(cost=math.inf), "cost"),
        (lambda: Weights(latency=math.nan), "latency"),
        (lambda: HourWeights(from_hour=3, to_hour=3, preset="cost"), "0 and 24"),
        (lambda: HourWeights(from_hour=24, to_hour=3, preset="cost"), "0 to 23"),
        (lambda: HourWeights(from_hour=3, to_hour=4), "either"),
        (lambda: HourWeights(from_hour=3, to_hour=4, preset="cost", weights=Weights(cost=1)), "either"),
        (lambda: HourWeights(from_hour=3, to_hour=4, preset=CHEAP), "one of balanced"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: Any, words: str) -> None:
    """At start-up, with what would be right, and not at the first reward."""
    with pytest.raises(ValueError, match=words):
        wrong()


def test_equal_meaning_has_an_equal_definition() -> None:
    """However it was written: sums learned before can be used on."""
    assert definition(DEFAULT) == definition(RewardSettings(preset="balanced"))
    assert definition(DEFAULT) == definition(RewardSettings(weights=Weights(quality=6, cost=3, latency=1)))
    assert len(definition(DEFAULT)) == 16


def test_different_meaning_has_a_different_definition() -> None:
    """Every setting counts: sums learned under one of these say nothing about another."""
    different = [
        DEFAULT,
        *(RewardSettings(preset=preset) for preset in ("quality", "cost", "latency")),
        RewardSettings(max_cost_usd=0.06),
        RewardSettings(max_latency_s=16.0),
        RewardSettings(quality_floor=0.0),
        RewardSettings(quality_floor=0.5),
        RewardSettings(function="mine:f"),
        RewardSettings(function="mine:g"),
        RewardSettings(hours=(NIGHT,)),
        RewardSettings(hours=(PEAK,)),
        RewardSettings(hours=(NIGHT, PEAK)),
        RewardSettings(hours=(PEAK, NIGHT)),
    ]
    assert len({definition(settings) for settings in different}) == len(different)
