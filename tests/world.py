"""A small world around the flows: two arms, one policy, a real SQLite store, fake time and fake upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gateway.adapters.sqlite_store import SqliteStore
from gateway.core.features import Describer, FeatureSettings
from gateway.core.forgetting import Forgetting
from gateway.core.policies.base import Algorithm
from gateway.core.policies.linucb import LinUcb
from gateway.core.reward import RewardFunction, RewardSettings
from gateway.core.rollout import RolloutState
from gateway.core.scoring import ScoringSettings
from gateway.core.values import Arm
from gateway.flows.decide import Decide
from gateway.flows.forward import Forward
from gateway.flows.learn import Learn
from gateway.flows.learner import Learner
from gateway.flows.policy import Policy
from gateway.flows.ports import Limits, StateKey, StateStore
from gateway.flows.rate import Rate
from gateway.flows.retries import RetryBudget
from gateway.flows.serve import Serve
from gateway.flows.switches import Switches
from gateway.flows.sync import Sync
from tests.builders import FakeClock, make_arm
from tests.fakes import FakeAccessLog, FakeMeter, FakeUpstream

ARMS = (make_arm(id="small"), make_arm(id="large", model="openai/large-1"))


def make_learner(
    *,
    arms: tuple[Arm, ...] = ARMS,
    algorithm: Algorithm | None = None,
    forgetting: Forgetting | None = None,
    features: FeatureSettings | None = None,
) -> tuple[Learner, Describer]:
    """A learner and the describer whose vectors it reads."""
    describer = Describer(features or FeatureSettings())
    learner = Learner(
        key=StateKey(policy="default", fingerprint=describer.schema.fingerprint),
        arms=arms,
        algorithm=algorithm or LinUcb(),
        forgetting=forgetting or Forgetting(),
        dimension=describer.schema.dimension,
        bias=describer.schema.bias,
    )
    return learner, describer


class World:
    """One replica."""

    def __init__(self, store: StateStore, clock: FakeClock, **given: Any) -> None:
        self.store, self.clock, self.meter = store, clock, FakeMeter()
        self.upstream = FakeUpstream()
        function: RewardFunction | None = given.pop("reward_function", None)
        reward = given.pop("reward", RewardSettings())
        first = given.pop("rollout", RolloutState(stage="full"))
        max_attempts: int = given.pop("max_attempts", 3)
        self.learner, describer = make_learner(**given)
        self.policy = Policy(
            name="default",
            arms=self.learner.arms,
            baseline=self.learner.arms[-1].id,
            describer=describer,
            learner=self.learner,
            scoring=ScoringSettings(),
            reward=reward,
            reward_function=function,
            limits=Limits(connect_s=5, first_token_s=30, idle_s=60, total_s=600),
            max_attempts=max_attempts,
            retry_budget=RetryBudget(20.0),
        )
        policies = {"default": self.policy}
        self.switches = Switches({"default": first})
        learners = {"default": self.learner}
        self.sync = Sync(store=store, learners=learners, switches=self.switches, clock=clock, meter=self.meter)
        self.access = FakeAccessLog()
        self.learn = Learn(policies=policies, sync=self.sync, clock=clock, meter=self.meter, access=self.access)
        self.decide = Decide(switches=self.switches, clock=clock, rng=np.random.default_rng(7))
        self.forward = Forward(upstream=self.upstream, clock=clock, meter=self.meter)
        self.rate = Rate(store=store, sync=self.sync, policies=policies, clock=clock, ttl_s=3600.0)
        self.sync.on_rated = self.rate.settle_late
        self.serve = Serve(
            policies=policies,
            owners={arm.id: "default" for arm in self.policy.arms},
            decide=self.decide,
            forward=self.forward,
            learn=self.learn,
            sync=self.sync,
            clock=clock,
            meter=self.meter,
        )


@asynccontextmanager
async def open_world(
    path: Path, wrap: Callable[[StateStore], StateStore] = lambda s: s, **given: Any
) -> AsyncIterator[World]:
    """A world on the store at `path`; `wrap` may put a faulty store around the real one."""
    clock = FakeClock()
    real = SqliteStore(path / "state.db", clock)
    await real.open()
    try:
        yield World(wrap(real), clock, **given)
    finally:
        await real.close()
