"""Rollout: shares are exact, sticky and nested, and the switches change what they say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gateway.core.rollout import RolloutState, Stage, admit, change, kill

UNITS = [f"session-{i}" for i in range(10_000)]
Z_999 = 3.2905
"""Two-sided 99.9 % quantile of the normal distribution."""


def live(percentage: float, policy: str = "default") -> set[str]:
    """The units that a canary of this percentage admits."""
    state = RolloutState(stage="canary", percentage=percentage)
    return {unit for unit in UNITS if admit(state, policy, unit) == "live"}


@pytest.mark.parametrize("percentage", [1.0, 25.0])
def test_share_is_what_was_asked_for(percentage: float) -> None:
    """The admitted share lies within the 99.9 % binomial interval around the percentage."""
    share = percentage / 100
    assert abs(len(live(percentage)) - share * len(UNITS)) <= Z_999 * math.sqrt(len(UNITS) * share * (1 - share))


def test_zero_is_none_and_hundred_is_all() -> None:
    """The ends are exact, not approximate."""
    assert live(0.0) == set()
    assert live(100.0) == set(UNITS)


def test_is_sticky() -> None:
    """The same unit gets the same answer, whatever the state's version or who changed it."""
    state = RolloutState(stage="canary", percentage=25.0)
    later = replace(state, version=9, changed_s=1e9, changed_by="someone")
    assert [admit(state, "p", unit) for unit in UNITS] == [admit(later, "p", unit) for unit in UNITS]


def test_growing_shares_nest() -> None:
    """Who was in stays in when the share grows; full admits all of them."""
    one, five, quarter, all_of_them = live(1.0), live(5.0), live(25.0), live(100.0)
    assert one < five < quarter < all_of_them


def test_policies_are_independent() -> None:
    """Two policies at 25 % do not test on the same users: the overlap is a sixteenth."""
    both = len(live(25.0, "one") & live(25.0, "two"))
    expected = len(UNITS) / 16
    assert abs(both - expected) <= Z_999 * math.sqrt(expected * (1 - 1 / 16))


@pytest.mark.parametrize(
    ("stage", "mode", "share", "decides"),
    [("off", "baseline", 0.0, False), ("shadow", "shadow", 0.0, True), ("full", "live", 1.0, True)],
)
def test_stages_without_a_percentage(stage: Stage, mode: str, share: float, decides: bool) -> None:
    """Off asks no learner, shadow asks but does not follow, full follows; a percentage left over does not matter."""
    state = RolloutState(stage=stage, percentage=50.0)
    assert {admit(state, "p", unit) for unit in UNITS[:200]} == {mode}
    assert state.share == share
    assert state.decides is decides


@pytest.mark.parametrize("stage", ["off", "shadow", "canary", "full"])
def test_kill_switch_wins_over_every_stage(stage: Stage) -> None:
    """Once killed the baseline serves everyone and the learner is not asked; the stage is kept for the record."""
    state = kill(RolloutState(stage=stage, percentage=100.0, version=4), now_s=12.0, by="ops")
    assert {admit(state, "p", unit) for unit in UNITS[:200]} == {"baseline"}
    assert not state.decides
    assert (state.stage, state.percentage) == (stage, 100.0)
    assert (state.version, state.changed_s, state.changed_by) == (5, 12.0, "ops")


@pytest.mark.parametrize("percentage", [0.0, 12.5, 100.0])
def test_percentage_alone_means_canary(percentage: float) -> None:
    """A percentage without a stage is a canary, its ends included."""
    state = change(RolloutState(stage="full"), stage=None, percentage=percentage, now_s=1.0, by="me")
    assert (state.stage, state.percentage, state.version) == ("canary", percentage, 1)


def test_stage_alone_keeps_the_percentage() -> None:
    """Going to shadow and back does not lose the share."""
    state = RolloutState(stage="canary", percentage=5.0)
    shadow = change(state, stage="shadow", percentage=None, now_s=1.0, by="me")
    back = change(shadow, stage="canary", percentage=None, now_s=2.0, by="me")
    assert back.percentage == 5.0
    assert back.version == 2


def test_a_change_revives_a_killed_policy() -> None:
    """Setting a stage is the way out of the kill switch."""
    killed = kill(RolloutState(stage="full"), now_s=1.0, by="ops")
    assert not change(killed, stage="full", percentage=None, now_s=2.0, by="ops").killed


@pytest.mark.parametrize("percentage", [-0.1, 100.1, math.nan, math.inf])
def test_refuses_a_percentage_out_of_range(percentage: float) -> None:
    """A percentage is between 0 and 100; the message repeats what was given."""
    with pytest.raises(ValueError, match="between 0 and 100"):
        change(RolloutState(), stage=None, percentage=percentage, now_s=0.0, by="me")


def test_refuses_an_unknown_stage() -> None:
    """A stage is one of the four, and the message names them."""
    with pytest.raises(ValueError, match="off, shadow, canary, full"):
        change(RolloutState(), stage="on", percentage=None, now_s=0.0, by="me")  # type: ignore[arg-type]


def test_refuses_an_empty_change() -> None:
    """A change changes something."""
    with pytest.raises(ValueError, match="stage, a percentage, or both"):
        change(RolloutState(), stage=None, percentage=None, now_s=0.0, by="me")
