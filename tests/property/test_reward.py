"""Rewards stay in [0, 1] and point the right way; feedback merges the same however often it arrives."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.feedback import SIGNALS, implied_quality, merge, parse
from gateway.core.reward import HourWeights, Preset, RewardSettings, Weights, reward
from gateway.core.values import Feedback, OutcomeStatus
from gateway.errors import ConflictError, RequestError
from tests.builders import make_outcome

UNIT = st.floats(0.0, 1.0)
AMOUNTS = st.floats(0.0, 1e6)
PRESETS = st.sampled_from(get_args(Preset))
# Weights below a millionth only test how floats lose their digits.
WEIGHT = st.just(0.0) | st.floats(1e-6, 1e9)
PARTS = ("quality", "cost", "latency", "satisfaction")
WEIGHTS = st.builds(
    lambda some, sure, weight: Weights(**{**some, sure: weight}),
    st.fixed_dictionaries({}, optional=dict.fromkeys(PARTS, WEIGHT)),
    st.sampled_from(PARTS),
    st.floats(1e-6, 1e9),
)
WEIGHING = st.fixed_dictionaries({"preset": PRESETS}) | st.fixed_dictionaries({"weights": WEIGHTS})
HOURS = st.builds(
    lambda start, length, weighing: HourWeights(from_hour=start, to_hour=(start + length) % 24, **weighing),
    st.integers(0, 23),
    st.integers(1, 23),
    WEIGHING,
)
SETTINGS = st.builds(
    lambda weighing, rest: RewardSettings(**weighing, **rest),
    WEIGHING | st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "max_cost_usd": st.floats(1e-6, 1e3),
            "max_latency_s": st.floats(1e-3, 1e3),
            "quality_floor": UNIT,
            "hours": st.lists(HOURS, max_size=2).map(tuple),
        },
    ),
)
SAID = st.dictionaries(st.sampled_from(SIGNALS), st.sampled_from([0.0, 1.0, 5.0, 60.0]), max_size=4)
FEEDBACK = st.builds(Feedback, score=st.none() | UNIT, signals=SAID, comment=st.none() | st.text(max_size=5))
OUTCOMES = st.fixed_dictionaries(
    {
        "status": st.sampled_from(get_args(OutcomeStatus)),
        "quality": st.none() | UNIT,
        "cost_usd": AMOUNTS | st.sampled_from([0.01, 0.03]),
        "latency_s": AMOUNTS | st.sampled_from([1.0, 9.0]),
        "hour": st.integers(0, 23),
    }
)


@given(OUTCOMES, st.none() | FEEDBACK, SETTINGS)
def test_a_reward_is_in_the_unit_interval_or_absent(
    given_: dict[str, Any], feedback: Feedback | None, how: Any
) -> None:
    """Nothing else may reach the statistics, and neither may a part."""
    found = reward(make_outcome(**given_), feedback, how)
    if found is not None:
        assert 0.0 <= found.value <= 1.0
        assert all(0.0 <= part <= 1.0 for part in found.parts.values())


@given(OUTCOMES, st.none() | FEEDBACK, SETTINGS, st.sampled_from(["cost_usd", "latency_s"]), AMOUNTS)
def test_spending_more_never_earns_more(
    given_: dict[str, Any], feedback: Feedback | None, how: RewardSettings, what: str, extra: float
) -> None:
    """A reward never rises with cost or latency."""
    less = reward(make_outcome(**given_), feedback, how)
    more = reward(make_outcome(**{**given_, what: given_[what] + extra}), feedback, how)
    assert (less is None) is (more is None)
    assert less is None or more is None or more.value <= less.value + 1e-12


@given(OUTCOMES, st.none() | FEEDBACK, SETTINGS, UNIT, UNIT)
def test_a_better_answer_never_earns_less(
    given_: dict[str, Any], feedback: Feedback | None, how: RewardSettings, one: float, two: float
) -> None:
    """A reward never falls with the quality, across the floor and with feedback too."""
    low = reward(make_outcome(**{**given_, "quality": min(one, two)}), feedback, how)
    high = reward(make_outcome(**{**given_, "quality": max(one, two)}), feedback, how)
    assert (low is None) is (high is None)
    assert low is None or high is None or high.value >= low.value - 1e-12


@given(OUTCOMES, SAID, SETTINGS, UNIT, UNIT)
def test_a_better_rating_never_earns_less(
    given_: dict[str, Any], said: dict[str, float], how: RewardSettings, one: float, two: float
) -> None:
    """The same for an explicit score."""
    low, high = (
        reward(make_outcome(**given_), Feedback(score=score, signals=said), how)
        for score in (min(one, two), max(one, two))
    )
    assert (low is None) is (high is None)
    assert low is None or high is None or high.value >= low.value - 1e-12


@given(OUTCOMES, st.none() | FEEDBACK, SETTINGS)
def test_a_reward_is_the_weighted_mean_of_its_parts(
    given_: dict[str, Any], feedback: Feedback | None, how: RewardSettings
) -> None:
    """sum(w_i * part_i) / sum(w_i) over the parts that are there; below the floor, cost and latency earn nothing."""
    outcome = make_outcome(**given_)
    found = reward(outcome, feedback, how)
    weights = how.weights_at(outcome.hour)
    if found is None or not found.parts or how.function is not None:
        return
    judged = found.parts.get("quality", found.parts.get("satisfaction", 1.0))
    low = how.quality_floor is not None and judged < how.quality_floor
    earned = {name: part for name, part in found.parts.items() if not (low and name in ("cost", "latency"))}
    total = sum(weights.of(name) for name in found.parts)
    assert abs(found.value - sum(weights.of(name) * part for name, part in earned.items()) / total) < 1e-9


@given(WEIGHTS, st.floats(1e-3, 1e3))
def test_only_the_ratios_of_weights_matter(weights: Weights, factor: float) -> None:
    """They sum to 1, and scaling all of them changes none."""
    names = ("quality", "cost", "latency", "satisfaction")
    assert abs(sum(weights.of(name) for name in names) - 1.0) < 1e-9
    scaled = Weights(**{name: weights.of(name) * factor for name in names})
    assert all(abs(scaled.of(name) - weights.of(name)) < 1e-9 for name in names)


@given(FEEDBACK)
def test_implied_quality_is_in_the_unit_interval_or_absent(feedback: Feedback) -> None:
    """Whatever combination of signals arrives."""
    quality = implied_quality(feedback)
    assert (quality is None) is (feedback.score is None and not feedback.signals)
    assert quality is None or 0.0 <= quality <= 1.0


@given(st.none() | FEEDBACK, FEEDBACK, st.booleans())
def test_merging_the_same_again_changes_nothing(old: Feedback | None, new: Feedback, revise: bool) -> None:
    """A lost reply or a retry counts once, with or without revision; without it, what was said stays or is refused."""
    try:
        once = merge(old, new, revise)
    except ConflictError:
        assert not revise
        return
    assert merge(once, new, revise) == once
    assert merge(once, new, revise=False) == once
    if old is not None and not revise:
        assert old.signals.items() <= once.signals.items()
        assert once.score == (new.score if old.score is None else old.score)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["id", "score", "rating", "thumb", "success", "signals", "comment", "revise", "x"])
VALUES = JSON | st.sampled_from(["up", "down", 0.5, 1, 5]) | st.dictionaries(st.sampled_from(SIGNALS), JSON, max_size=3)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
@settings(max_examples=300)
def test_any_json_is_read_or_refused_by_name(body: dict[str, object]) -> None:
    """Feedback is a score in [0, 1] and bounded signals, or a 400 that names its field; nothing else comes out."""
    refused: RequestError | None = None
    feedback = Feedback()
    try:
        _, feedback, _ = parse({"id": "d1", **body})
    except RequestError as error:
        refused = error
    if refused is not None:
        assert (refused.status, bool(refused.param)) == (400, True)
        return
    assert feedback != Feedback()
    assert feedback.score is None or 0.0 <= feedback.score <= 1.0
    assert all(0.0 <= value <= 30 * 86_400 for value in feedback.signals.values())
