"""Rules of the reward: its parts, presets, hours, threshold, feedback and the user's own function."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from gateway.core.reward import (
    PRESETS,
    HourWeights,
    Preset,
    RewardSettings,
    Weights,
    reward,
)
from gateway.core.values import Feedback, Outcome, OutcomeStatus, Reward
from tests.builders import make_outcome

DEFAULT = RewardSettings()
RATED = Feedback(score=0.2)
IMPLIED = Feedback(signals={"task_completed": 1.0})  # implies 0.8


def outcome(**given: Any) -> Outcome:
    """An answer of quality 0.9 that cost a fifth of the limit and took a third of it: parts 0.9, 0.8, 2/3."""
    return make_outcome(**({"quality": 0.9, "cost_usd": 0.01, "latency_s": 5.0, "hour": 12} | given))


def value(settings: RewardSettings = DEFAULT, feedback: Feedback | None = None, **given: Any) -> float:
    found = reward(outcome(**given), feedback, settings)
    assert found is not None
    return found.value


@pytest.mark.parametrize(
    ("preset", "quality", "cost", "latency"),
    [
        ("balanced", 0.6, 0.3, 0.1),
        ("quality", 0.8, 0.15, 0.05),
        ("cost", 0.4, 0.5, 0.1),
        ("latency", 0.4, 0.3, 0.3),
    ],
)
def test_a_preset_is_a_weighted_sum(preset: Preset, quality: float, cost: float, latency: float) -> None:
    """quality w_q + (1 - cost/max) w_c + (1 - latency/max) w_l, the weights summing to 1."""
    expected = quality * 0.9 + cost * 0.8 + latency * (2.0 / 3.0)
    assert value(RewardSettings(preset=preset)) == pytest.approx(expected)
    found = PRESETS[preset]
    assert (found.quality, found.cost, found.latency, found.satisfaction) == pytest.approx((quality, cost, latency, 0))


def test_balanced_is_the_default() -> None:
    """Neither a preset nor weights means balanced."""
    assert value() == value(RewardSettings(preset="balanced"))


def test_parts_are_reported_before_weighting() -> None:
    """An operator can see why a reward is what it is."""
    found = reward(outcome(), None, DEFAULT)
    assert found is not None
    assert found.source == "scored"
    assert found.parts == pytest.approx({"quality": 0.9, "cost": 0.8, "latency": 2.0 / 3.0})


@pytest.mark.parametrize(
    ("spent", "part"), [(0.0, 1.0), (0.05, 0.0), (5.0, 0.0), (math.inf, 0.0), (math.nan, 0.0), (-1.0, 1.0)]
)
def test_cost_saturates_at_its_limit(spent: float, part: float) -> None:
    """1 - min(1, cost / 0.05); a cost that is no number counts as the worst."""
    found = reward(outcome(cost_usd=spent), None, DEFAULT)
    assert found is not None
    assert found.parts["cost"] == part


def test_weights_are_scaled_to_sum_to_1() -> None:
    """Only their ratios matter."""
    assert Weights(quality=6, cost=3, latency=1) == Weights(quality=0.6, cost=0.3, latency=0.1)
    assert Weights(quality=1e308, cost=1e308) == Weights(quality=0.5, cost=0.5)
    assert value(RewardSettings(weights=Weights(latency=7.0))) == pytest.approx(2.0 / 3.0)


@pytest.mark.parametrize("status", ["unreachable", "rejected", "aborted"])
def test_what_is_not_the_models_doing_teaches_nothing(status: OutcomeStatus) -> None:
    """Infrastructure, refused requests and clients that left are no evidence for or against the arm."""
    assert reward(outcome(status=status), None, DEFAULT) is None
    assert reward(outcome(status=status), Feedback(comment="hm"), DEFAULT) is None


@pytest.mark.parametrize("feedback", [None, RATED, IMPLIED])
def test_the_models_own_failure_is_worth_0(feedback: Feedback | None) -> None:
    """However cheap and quick it was, and whatever is said of it later."""
    assert reward(outcome(status="failed", quality=None), feedback, DEFAULT) == Reward(
        value=0.0, parts={}, source="scored"
    )


@pytest.mark.parametrize("status", ["unreachable", "rejected"])
def test_there_is_no_answer_to_rate_where_none_was_given(status: OutcomeStatus) -> None:
    """Feedback cannot make infrastructure the model's doing."""
    assert reward(outcome(status=status), RATED, DEFAULT) is None


@pytest.mark.parametrize("feedback", [RATED, IMPLIED])
def test_a_rated_fragment_counts_as_answered(feedback: Feedback) -> None:
    """Who left early and rated what had arrived has judged the model."""
    assert reward(outcome(status="aborted"), feedback, DEFAULT) == reward(outcome(), feedback, DEFAULT)


def test_an_explicit_score_replaces_the_automatic_quality() -> None:
    """0.6 x 0.2 in place of 0.6 x 0.9."""
    found = reward(outcome(), RATED, DEFAULT)
    assert found is not None
    assert found.value == pytest.approx(value() - 0.6 * 0.7)
    assert found.parts["quality"] == 0.2
    assert found.source == "feedback"


def test_implied_quality_is_averaged_half_and_half() -> None:
    """Behaviour is a hint: (0.9 + 0.8) / 2; alone where there is no automatic quality."""
    found = reward(outcome(), IMPLIED, DEFAULT)
    assert found is not None
    assert found.parts["quality"] == pytest.approx(0.85)
    assert found.source == "feedback"
    alone = reward(outcome(quality=None), IMPLIED, DEFAULT)
    assert alone is not None
    assert alone.parts["quality"] == pytest.approx(0.8)


def test_a_comment_changes_nothing() -> None:
    """Words alone are no judgement."""
    assert reward(outcome(), Feedback(comment="hm"), DEFAULT) == reward(outcome(), None, DEFAULT)


def test_satisfaction_may_be_a_part_of_its_own() -> None:
    """With a weight, what people say stands beside the quality, which stays automatic."""
    settings = RewardSettings(weights=Weights(quality=0.4, cost=0.2, satisfaction=0.4))
    assert value(settings, RATED) == pytest.approx(0.4 * 0.9 + 0.2 * 0.8 + 0.4 * 0.2)
    assert value(settings, IMPLIED) == pytest.approx(0.4 * 0.9 + 0.2 * 0.8 + 0.4 * 0.8)
    # Without feedback the known parts share its weight: 0.4 and 0.2 become 2/3 and 1/3.
    assert value(settings) == pytest.approx(0.9 * 2 / 3 + 0.8 / 3)


def test_an_unjudged_answer_teaches_nothing() -> None:
    """A reward of cost and latency alone would put it above every judged one; it waits for feedback."""
    assert reward(outcome(quality=None), None, DEFAULT) is None
    assert reward(outcome(quality=math.nan), None, DEFAULT) is None
    assert reward(outcome(quality=None), RATED, DEFAULT) is not None
    wish = RewardSettings(weights=Weights(cost=0.5, satisfaction=0.5))
    assert reward(outcome(), None, wish) is None


def test_where_merit_has_no_weight_none_is_waited_for() -> None:
    """An operator who wants the cheapest gets the cheapest."""
    assert value(RewardSettings(weights=Weights(cost=1.0)), quality=None) == pytest.approx(0.8)


def test_below_the_floor_cost_and_latency_do_not_count() -> None:
    """Threshold form: w_quality x quality below the floor, the whole sum from it on."""
    settings = RewardSettings(quality_floor=0.7)
    assert value(settings, quality=0.69) == pytest.approx(0.6 * 0.69)
    assert value(settings, quality=0.7) == pytest.approx(0.6 * 0.7 + 0.3 * 0.8 + 0.1 * 2 / 3)
    assert value(settings, RATED) == pytest.approx(0.6 * 0.2)
    cheapest = RewardSettings(weights=Weights(cost=1.0), quality_floor=0.5)
    assert value(cheapest, quality=0.4) == 0.0
    assert reward(outcome(quality=None), None, cheapest) is None


NIGHT = HourWeights(from_hour=22, to_hour=6, preset="cost")
PEAK = HourWeights(from_hour=9, to_hour=17, weights=Weights(latency=1.0))


@pytest.mark.parametrize(
    ("hour", "settings"),
    [
        (22, RewardSettings(preset="cost")),
        (23, RewardSettings(preset="cost")),
        (0, RewardSettings(preset="cost")),
        (5, RewardSettings(preset="cost")),
        (6, DEFAULT),
        (9, RewardSettings(weights=Weights(latency=1.0))),
        (16, RewardSettings(weights=Weights(latency=1.0))),
        (17, DEFAULT),
        (21, DEFAULT),
    ],
)
def test_hours_have_their_own_weights(hour: int, settings: RewardSettings) -> None:
    """From the first hour until before the last, over midnight too; otherwise the usual weights."""
    assert value(RewardSettings(hours=(NIGHT, PEAK)), hour=hour) == pytest.approx(value(settings))


def test_the_first_matching_hours_win() -> None:
    """Order decides where hours overlap; 24 ends the day."""
    always = HourWeights(from_hour=0, to_hour=24, preset="quality")
    assert all(always.applies(hour) for hour in range(24))
    assert value(RewardSettings(hours=(always, NIGHT)), hour=23) == value(RewardSettings(preset="quality"))


def test_a_users_function_decides() -> None:
    """It sees the outcome, the feedback and the known parts; rules about failures come before it."""
    seen: list[tuple[Outcome, Feedback | None, Mapping[str, float]]] = []

    def half_quality(outcome: Outcome, feedback: Feedback | None, parts: Mapping[str, float]) -> float:
        seen.append((outcome, feedback, parts))
        return parts.get("quality", 0.0) / 2.0

    settings = RewardSettings(function="mine:half_quality")
    found = reward(outcome(), RATED, settings, half_quality)
    assert found is not None
    assert (found.value, found.source) == (0.1, "feedback")
    assert seen == [(outcome(), RATED, found.parts)]
    assert reward(outcome(status="failed"), None, settings, half_quality) == Reward(
        value=0.0, parts={}, source="scored"
    )
    assert reward(outcome(status="rejected"), None, settings, half_quality) is None
    assert len(seen) == 1


@pytest.mark.parametrize("good", [0, 1, 0.5, np.float64(0.5), np.float32(0.5), np.int64(1)])
def test_a_users_function_may_return_any_number(good: Any) -> None:
    """Python's and numpy's."""
    found = reward(outcome(), None, RewardSettings(function="mine:f"), lambda *_: good)
    assert found is not None
    assert type(found.value) is float
    assert found.value == good


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.01, 1.01, 10**400, True, None, "0.5", 1j, [0.5], Fraction(1)])
def test_a_wrong_number_never_leaves(bad: Any) -> None:
    """What is not a finite number in [0, 1] must never reach the statistics."""
    with pytest.raises(ValueError, match="mine:f must return a number in"):
        reward(outcome(), None, RewardSettings(function="mine:f"), lambda *_: bad)


def test_a_function_that_raises_is_a_value_error_with_the_reason() -> None:
    """The flow logs it and teaches nothing; the caller never notices."""

    def broken(*_: object) -> float:
        raise KeyError("tone")

    with pytest.raises(ValueError, match="mine:f raised KeyError: 'tone'"):
        reward(outcome(), None, RewardSettings(function="mine:f"), broken)


def test_a_function_cannot_change_what_is_reported() -> None:
    """It gets a copy of the parts."""

    def spoil(_: Outcome, __: Feedback | None, parts: Any) -> float:
        parts.clear()
        return 0.5

    found = reward(outcome(), None, RewardSettings(function="mine:f"), spoil)
    assert found is not None
    assert "quality" in found.parts


def test_a_configured_function_must_be_given() -> None:
    """Falling back to another reward would teach something else under the same name."""
    with pytest.raises(ValueError, match="mine:f was configured but not loaded"):
        reward(outcome(), None, RewardSettings(function="mine:f"))
