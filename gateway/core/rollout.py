"""Rollout stages as pure values and transitions: off, shadow, canary, full, and the kill switch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gateway.core.bucket import position
from gateway.core.values import Mode

Stage = Literal["off", "shadow", "canary", "full"]
STAGES: tuple[Stage, ...] = ("off", "shadow", "canary", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """What is switched on, now: state, not configuration. `version` counts the changes."""

    stage: Stage = "off"
    percentage: float = 0.0
    """Share of units, in percent, that the learner serves in the canary stage."""
    killed: bool = False
    """Set by the kill switch: the baseline serves whatever the stage says, until a stage is set again."""
    version: int = 0
    changed_s: float = 0.0
    """Unix time of the last change."""
    changed_by: str = "configuration"

    @property
    def share(self) -> float:
        """Share of units in [0, 1] that the learner serves."""
        if self.killed or self.stage in ("off", "shadow"):
            return 0.0
        return 1.0 if self.stage == "full" else self.percentage / 100.0

    @property
    def decides(self) -> bool:
        """Whether the learner is asked at all."""
        return not self.killed and self.stage != "off"


def admit(state: RolloutState, policy: str, unit: str) -> Mode:
    """Who serves this unit: `live` the learner, `shadow` or `baseline` the baseline. Sticky; growing shares nest."""
    share = state.share
    if share >= 1.0 or (share > 0.0 and position(f"rollout:{policy}", unit) < share):
        return "live"
    return "shadow" if state.decides and state.stage == "shadow" else "baseline"


def change(
    state: RolloutState, *, stage: Stage | None, percentage: float | None, now_s: float, by: str
) -> RolloutState:
    """The next state. A percentage alone means canary (0 and 100 included); ValueError for what is out of range."""
    if stage is None and percentage is None:
        raise ValueError("give a stage, a percentage, or both")
    if stage is not None and stage not in STAGES:
        raise ValueError(f"stage must be one of {', '.join(STAGES)}, not {stage!r}")
    if percentage is not None and not 0.0 <= percentage <= 100.0:
        raise ValueError(f"percentage must be between 0 and 100, not {percentage!r}")
    return replace(
        state,
        stage=stage or "canary",
        percentage=state.percentage if percentage is None else float(percentage),
        killed=False,
        version=state.version + 1,
        changed_s=now_s,
        changed_by=by,
    )


def kill(state: RolloutState, *, now_s: float, by: str) -> RolloutState:
    """The state after the kill switch; stage and percentage are kept for the record."""
    return replace(state, killed=True, version=state.version + 1, changed_s=now_s, changed_by=by)
