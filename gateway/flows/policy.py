"""One policy as it serves: what was configured for it and the learner behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.eligibility import Roster
from gateway.core.features import Describer
from gateway.core.reward import RewardFunction, RewardSettings
from gateway.core.scoring import ScoringSettings
from gateway.core.values import Arm
from gateway.flows.learner import Learner
from gateway.flows.ports import Limits
from gateway.flows.retries import RetryBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that serving one policy needs; the only thing in it that changes is what was learned."""

    name: str
    arms: tuple[Arm, ...]
    baseline: str
    describer: Describer
    learner: Learner
    scoring: ScoringSettings
    reward: RewardSettings
    reward_function: RewardFunction | None
    limits: Limits
    max_attempts: int
    retry_budget: RetryBudget
    ids: tuple[str, ...] = field(init=False)
    """Ids of the arms, in their order."""
    roster: Roster = field(init=False, repr=False)
    """Who of them can serve a request."""
    _by_id: Mapping[str, Arm] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(arm.id for arm in self.arms))
        object.__setattr__(self, "roster", Roster(self.arms))
        object.__setattr__(self, "_by_id", {arm.id: arm for arm in self.arms})

    def arm(self, arm_id: str) -> Arm:
        """The arm with this id; KeyError if the policy has no such arm."""
        return self._by_id[arm_id]
