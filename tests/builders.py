"""Valid values of every kind for tests: each builder takes any field as a keyword and fills in the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.core.rollout import RolloutState
from gateway.core.statistics import ArmStatistics, Tallies, revision
from gateway.core.values import (
    Arm,
    ChatRequest,
    Completion,
    Decision,
    Feedback,
    Outcome,
    Price,
    RequestContext,
    Reward,
)
from gateway.flows.ports import Batch, Delta, Rating, Settled, StateKey

NOW_S = 1_750_000_000.0
KEY = StateKey(policy="default", fingerprint="f1")


class FakeClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s
        self.monotonic_s = 1_000.0

    def now(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.monotonic_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        self.monotonic_s += seconds


def vector(*values: float) -> npt.NDArray[np.float64]:
    """A feature vector as the describing code makes it: float64 and read-only."""
    x = np.array(values, dtype=np.float64)
    x.flags.writeable = False
    return x


def make_arm(**given: Any) -> Arm:
    return replace(
        Arm(
            id="small",
            model="openai/small-1",
            price=Price(input_usd=1e-6, output_usd=2e-6),
            max_context_tokens=8_192,
            supports=frozenset({"tools", "json_schema"}),
        ),
        **given,
    )


def make_request(**given: Any) -> ChatRequest:
    """`body` and `messages` agree with each other and with `model` and `stream`, unless they are given."""
    messages = given.get("messages", [{"role": "user", "content": "What is 2 + 2?"}])
    model, stream = given.get("model", "auto"), given.get("stream", False)
    request = ChatRequest(
        body={"model": model, "messages": messages} | ({"stream": True} if stream else {}),
        messages=messages,
        model=model,
        stream=stream,
        include_usage=False,
        tenant="acme",
        unit="session-1",
    )
    return replace(request, **given)


def make_context(**given: Any) -> RequestContext:
    return replace(
        RequestContext(
            unit="session-1",
            task_type="question_answering",
            tokens_in=12,
            features=vector(1.0, 0.5, -0.25),
            schema="rich:1:abcd",
        ),
        **given,
    )


def make_decision(**given: Any) -> Decision:
    return replace(
        Decision(
            id="dec-1",
            tenant="acme",
            unit="session-1",
            policy="default",
            version="linucb:7",
            mode="live",
            arm_id="small",
            propensity=0.9,
            proposal="small",
            order=("small", "large"),
            scores={"small": 0.7, "large": 0.4},
            reason="highest score",
            context=make_context(),
            created_s=NOW_S,
        ),
        **given,
    )


def make_completion(**given: Any) -> Completion:
    return replace(
        Completion(
            id="chatcmpl-1",
            text="4",
            finish_reason="stop",
            tokens_in=12,
            tokens_out=3,
            latency_s=0.8,
            first_token_s=0.2,
        ),
        **given,
    )


def make_outcome(**given: Any) -> Outcome:
    return replace(
        Outcome(
            decision_id="dec-1",
            completion_id="chatcmpl-1",
            arm_id="small",
            status="answered",
            attempts=1,
            signals={"finish_reason": 1.0, "repetition": 0.9},
            quality=0.95,
            cost_usd=1.8e-5,
            latency_s=0.8,
            first_token_s=0.2,
            tokens_in=12,
            tokens_out=3,
            hour=13,
            finished_s=NOW_S + 1.0,
        ),
        **given,
    )


def make_reward(value: float = 0.6, **given: Any) -> Reward:
    return replace(Reward(value=value, parts={"quality": 0.95, "cost": 0.9}, source="scored"), **given)


def make_feedback(**given: Any) -> Feedback:
    return replace(Feedback(score=0.8), **given)


def make_settled(**given: Any) -> Settled:
    """`decision_id` and `arm_id` go into the outcome."""
    inner = {name: given.pop(name) for name in ("decision_id", "completion_id", "arm_id") if name in given}
    return replace(Settled(outcome=make_outcome(**inner), reward=make_reward(), key=KEY, bucket=5), **given)


def make_statistics(x: npt.NDArray[np.float64] | None = None, reward: float | None = 0.6) -> ArmStatistics:
    """One pull of an arm at x, with its reward (None: none yet)."""
    x = vector(1.0, 0.5, -0.25) if x is None else x
    d = x.shape[0]
    pull = ArmStatistics(gram=np.zeros((d, d)), moment=np.zeros(d), tallies=Tallies(pulls=1.0, cost_usd=1.8e-5))
    return pull if reward is None else pull + revision(x, None, reward)


def make_delta(**given: Any) -> Delta:
    return replace(Delta(key=KEY, arm_id="small", bucket=5, statistics=make_statistics()), **given)


def make_batch(id: str = "dec-1", **given: Any) -> Batch:
    """A decision with this id, settled, and the delta that counts it; `reward`, `features` and `arm_id` go into all.

    Batch, decision and completion are named after it, so that batches of different ids are about different decisions.
    """
    reward: float | None = given.pop("reward", 0.6)
    x = given.pop("features", vector(1.0, 0.5, -0.25))
    arm_id, bucket = given.pop("arm_id", "small"), given.pop("bucket", 5)
    settled = make_settled(
        decision_id=id,
        completion_id=f"chatcmpl-{id}",
        arm_id=arm_id,
        reward=None if reward is None else make_reward(reward),
        bucket=bucket,
    )
    delta = make_delta(arm_id=arm_id, bucket=bucket, statistics=make_statistics(x, reward))
    decision = make_decision(id=id, arm_id=arm_id, context=make_context(features=x))
    return replace(Batch(id=f"batch-{id}", decisions=(decision,), settled=(settled,), deltas=(delta,)), **given)


def make_rating(**given: Any) -> Rating:
    """Rates dec-1, settled and not rated before, unless told otherwise."""
    reward = make_reward(0.9, source="feedback")
    return replace(Rating(decision_id="dec-1", feedback=make_feedback(), reward=reward, version=1), **given)


def make_rollout(**given: Any) -> RolloutState:
    return replace(RolloutState(stage="canary", percentage=25.0, version=1, changed_s=NOW_S), **given)


def plain(value: Any) -> object:
    """The value in types that compare with == down to the last bit of every array."""
    if is_dataclass(value):
        return type(value).__name__, {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(item) for item in value]
    return value
