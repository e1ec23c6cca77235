"""Turn a described request into a decision: eligible arms, the learner's choice, the rollout's admission."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
import structlog

from gateway.core.choice import Choice
from gateway.core.rollout import RolloutState, admit
from gateway.core.values import ChatRequest, Decision, Mode, RequestContext
from gateway.errors import RequestError
from gateway.flows.policy import Policy
from gateway.flows.ports import Clock
from gateway.flows.switches import Switches
from gateway.flows.tokens import token

_log = structlog.get_logger()


def local_time(now_s: float) -> datetime:
    """The quarter of an hour on the operator's clock: the hour feature and peak hours mean his day."""
    return _quarter(int(now_s // 900))


@lru_cache(maxsize=4)
def _quarter(number: int) -> datetime:
    # No zone is off by anything but quarters of an hour.
    return datetime.fromtimestamp(number * 900).astimezone()


def new_id(now_s: float) -> str:
    """An unguessable decision id: 128 random bits.

    The time in front puts new ones beside each other in a store's index: with random ones each would touch a page of
    its own, and writing would cost more the more is stored.
    """
    return f"dec_{int(now_s):08x}{token(16)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Decides, and never fails but for a request that no arm can serve."""

    switches: Switches
    clock: Clock
    rng: np.random.Generator
    ids: Callable[[float], str] = new_id

    def decide(self, policy: Policy, request: ChatRequest) -> Decision:
        """A decision for `request` under `policy`. RequestError where no arm is able to serve it."""
        now_s = self.clock.now()
        context = policy.describer.describe(request, local_time(now_s))
        able = policy.roster.eligible(context, request).indices
        state = self.switches.state(policy.name)
        left_out = state.stage == "shadow" and not request.shadowed
        choice, trouble = (None, "left out of shadowing") if left_out else self._ask(policy, context, able, state)
        ids = policy.ids
        baseline = next((ids[row] for row in able if ids[row] == policy.baseline), ids[able[0]])
        mode = admit(state, policy.name, request.unit) if choice is not None else "baseline"
        live = choice is not None and mode == "live"
        arm_id = baseline
        if choice is not None and live:
            arm_id = ids[choice.index]
            policy.learner.reserve(arm_id)
        return Decision(
            id=self.ids(now_s),
            tenant=request.tenant,
            unit=request.unit,
            policy=policy.name,
            version=f"{policy.learner.algorithm.kind}/{policy.learner.version}.{policy.learner.generation}",
            mode=mode,
            arm_id=arm_id,
            propensity=1.0 if choice is None else self._propensity(ids, choice, state.share, arm_id, baseline),
            proposal=None if choice is None else ids[choice.index],
            order=self._order(policy, able, choice, arm_id),
            scores={}
            if choice is None
            else {ids[row]: s for row, s in zip(choice.eligible, choice.scores, strict=True)},
            reason=trouble or (choice.reason if choice is not None and live else self._why(state)),
            context=context,
            created_s=now_s,
        )

    def pin(self, policy: Policy, arm_id: str, request: ChatRequest) -> Decision:
        """The decision a client made itself by naming a model: logged like any other, taught to nobody."""
        now_s = self.clock.now()
        return Decision(
            id=self.ids(now_s),
            tenant=request.tenant,
            unit=request.unit,
            policy=policy.name,
            version="pinned",
            mode="pinned",
            arm_id=arm_id,
            propensity=1.0,
            proposal=None,
            order=(arm_id,),
            scores={},
            reason="the client named the model",
            context=policy.describer.describe(request, local_time(now_s)),
            created_s=now_s,
        )

    def _ask(
        self, policy: Policy, context: RequestContext, able: Sequence[int], state: RolloutState
    ) -> tuple[Choice | None, str | None]:
        if not state.decides:
            return None, None
        try:
            return policy.learner.choose(context.features, able, self.rng), None
        except RequestError:
            raise
        except Exception as error:
            # Learning may fail, serving may not: the baseline takes over and the log says why.
            _log.exception("learner_failed", policy=policy.name)
            return None, f"learner failed: {type(error).__name__}"

    @staticmethod
    def _why(state: RolloutState) -> str:
        if state.killed:
            return "kill switch"
        return f"rollout {state.stage}" + (f" {state.percentage:g} %" if state.stage == "canary" else "")

    @staticmethod
    def _propensity(ids: Sequence[str], choice: Choice, share: float, arm_id: str, baseline: str) -> float:
        """P(arm) over both chances: the unit's hash admits with probability `share`, then the learner draws."""
        drawn = choice.propensity
        if ids[choice.index] != arm_id:
            drawn = next(p for row, p in zip(choice.eligible, choice.probabilities, strict=True) if ids[row] == arm_id)
        return share * drawn + (1.0 - share) * (arm_id == baseline)

    @staticmethod
    def _order(policy: Policy, able: Sequence[int], choice: Choice | None, arm_id: str) -> tuple[str, ...]:
        """The decision's arm, then by score; without a learner the baseline, then the others as listed."""
        ids = policy.ids
        if choice is None:
            ranked = sorted((ids[row] for row in able), key=lambda id: id != policy.baseline)
        else:
            ranked = [ids[row] for row in choice.ranked]
        if ranked[0] == arm_id:
            return tuple(ranked)
        return (arm_id, *(id for id in ranked if id != arm_id))


def served_mode(decision: Decision, arm_id: str) -> Mode:
    """The mode to report: `fallback` where another arm answered than was decided for."""
    return decision.mode if arm_id == decision.arm_id else "fallback"
