"""The composition root: settings to objects to a running HTTP server; the only room that knows every concrete class."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import structlog
from aiohttp import web

from gateway.adapters.litellm_catalog import lookup
from gateway.adapters.litellm_upstream import LitellmUpstream, Route
from gateway.adapters.prometheus_meter import PrometheusMeter
from gateway.adapters.sqlite_store import SqliteStore
from gateway.adapters.time_clock import TimeClock
from gateway.api.keys import Keys, digest
from gateway.api.routes import build
from gateway.api.services import Services
from gateway.core.features import Describer
from gateway.core.policies.fixed import Fixed
from gateway.core.reward import definition
from gateway.core.rollout import RolloutState
from gateway.core.values import Arm, Price
from gateway.errors import StoreError
from gateway.flows.decide import Decide
from gateway.flows.forward import Forward
from gateway.flows.learn import Learn
from gateway.flows.learner import Learner
from gateway.flows.policy import Policy
from gateway.flows.ports import Limits, StateKey, Upstream
from gateway.flows.rate import Rate
from gateway.flows.retries import RetryBudget
from gateway.flows.serve import Serve
from gateway.flows.switches import Switches
from gateway.flows.sync import Sync
from gateway.flows.tasks import Tasks
from gateway.settings.contradictions import is_loopback
from gateway.settings.functions import load_function
from gateway.settings.schema import ModelSettings, PolicySettings, Settings

_log = structlog.get_logger()
PINNED = "pinned"
"""The policy of models that stand in no configured one: only clients that name them reach them."""
_REFRESH_S = 0.05
_BACKLOG = 1024


def arm_of(model: ModelSettings) -> Arm:
    """An arm as configured, completed from litellm's table where the configuration is silent."""
    known = lookup(model.model)
    price = known.price if known is not None else None
    if model.price is not None:
        price = Price(
            input_usd=model.price.input_usd_per_million / 1e6, output_usd=model.price.output_usd_per_million / 1e6
        )
    supports = model.supports if model.supports is not None else (known.supports if known is not None else None)
    return Arm(
        id=model.id,
        model=model.model,
        price=price,
        max_context_tokens=model.max_context_tokens or (known.max_context_tokens if known is not None else None),
        supports=None if supports is None else frozenset(supports),
        cold_start=model.cold_start,
    )


def _policy(name: str, settings: PolicySettings, arms: dict[str, Arm]) -> Policy:
    describer = Describer(settings.features)
    scored = sorted(settings.scoring.weights.items())
    meaning = f"{definition(settings.reward)}|{settings.forgetting!r}|{scored!r}".encode()
    key = StateKey(
        policy=name, fingerprint=f"{describer.schema.fingerprint}+{blake2b(meaning, digest_size=6).hexdigest()}"
    )
    chosen = tuple(arms[id] for id in settings.models)
    learner = Learner(
        key=key,
        arms=chosen,
        algorithm=settings.algorithm,
        forgetting=settings.forgetting,
        dimension=describer.schema.dimension,
        bias=describer.schema.bias,
    )
    function = settings.reward.function
    return Policy(
        name=name,
        arms=chosen,
        baseline=settings.baseline,
        describer=describer,
        learner=learner,
        scoring=settings.scoring,
        reward=settings.reward,
        reward_function=None if function is None else load_function(function),
        limits=Limits(**settings.timeouts.model_dump()),
        max_attempts=settings.retries.max_attempts,
        retry_budget=RetryBudget(settings.retries.budget_percent),
    )


def _policies(settings: Settings) -> dict[str, Policy]:
    arms = {model.id: arm_of(model) for model in settings.models}
    policies = {name: _policy(name, policy, arms) for name, policy in settings.policies.items()}
    routed = {arm.id for policy in policies.values() for arm in policy.arms}
    alone = tuple(id for id in arms if id not in routed)
    if alone:
        pinned = PolicySettings(models=alone, baseline=alone[0], algorithm=Fixed(arm=alone[0]))
        policies[PINNED] = _policy(PINNED, pinned, arms)
    return policies


def _keys(settings: Settings) -> Keys:
    admin = settings.admin_key
    return Keys(
        clients=tuple((digest(entry.key.get_secret_value()), entry.tenant) for entry in settings.keys),
        admin=None if admin is None else digest(admin.get_secret_value()),
        loopback=is_loopback(settings.server.host),
    )


def _upstream(settings: Settings) -> LitellmUpstream:
    return LitellmUpstream(
        {
            model.id: Route(
                model=model.model,
                api_key=None if model.api_key is None else model.api_key.get_secret_value(),
                api_base=model.api_base,
            )
            for model in settings.models
        }
    )


class Gateway:
    """One process of the gateway: built by `__init__`, alive between `start` and `stop`."""

    def __init__(self, settings: Settings, *, upstream: Upstream | None = None, seed: int | None = None) -> None:
        self._settings = settings
        self._draining = False
        clock, meter = TimeClock(), PrometheusMeter()
        lane = None if upstream is not None else _upstream(settings)
        self._lane = lane
        self._upstream: Upstream = upstream if lane is None else lane  # type: ignore[assignment]  # one of them is set
        self.policies = policies = _policies(settings)
        self._store = SqliteStore(settings.store.removeprefix("sqlite:///"), clock)
        first = {
            name: RolloutState(stage=policy.rollout.stage, percentage=policy.rollout.percentage)
            for name, policy in settings.policies.items()
        }
        self.switches = switches = Switches({name: first.get(name, RolloutState()) for name in policies})
        learners = {name: policy.learner for name, policy in policies.items()}
        self._clock = clock
        self._tasks = Tasks()
        self.sync = sync = Sync(store=self._store, learners=learners, switches=switches, clock=clock, meter=meter)
        learn = Learn(policies=policies, sync=sync, clock=clock, meter=meter)
        owners: dict[str, str] = {}
        for name, policy in policies.items():
            for arm in policy.arms:
                owners.setdefault(arm.id, name)
        serve = Serve(
            policies=policies,
            owners=owners,
            decide=Decide(switches=switches, clock=clock, rng=np.random.default_rng(seed)),
            forward=Forward(upstream=self._upstream, clock=clock, meter=meter),
            learn=learn,
            sync=sync,
            clock=clock,
            meter=meter,
        )
        rate = Rate(store=self._store, sync=sync, policies=policies, clock=clock, ttl_s=settings.feedback.ttl_s)
        sync.on_rated = rate.settle_late
        self.services = Services(
            serve=serve,
            rate=rate,
            sync=sync,
            switches=switches,
            store=self._store,
            policies=policies,
            keys=_keys(settings),
            tasks=self._tasks,
            clock=clock,
            metrics=meter.render,
            upstream_ready=lambda: lane is None or lane.ready,
            draining=lambda: self._draining,
        )
        self._meter = meter
        self._runner: web.AppRunner | None = None

    async def start(self, *, reuse_port: bool = False) -> int:
        """Open the store and the port; returns the port. A store that does not open degrades, it does not prevent."""
        try:
            await self._store.open()
            await self.sync.tick()
        except StoreError as error:
            _log.error("store_failed", detail=error.message)
        loop = asyncio.get_running_loop()
        self._meter.watch_tasks(lambda: len(asyncio.all_tasks(loop)))
        server = self._settings.server
        app = build(self.services, max_body_bytes=server.max_body_bytes)
        # Without handler_cancellation a client's leaving would go unnoticed and the upstream would be paid for nothing.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=server.drain_s, keepalive_timeout=620.0
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, server.host, server.port, backlog=_BACKLOG, reuse_port=reuse_port or None)
        await site.start()
        self._tasks.every("sync", server.sync_interval_s, self.sync.tick)
        self._tasks.every("refresh", _REFRESH_S, self._refresh)
        if self._lane is not None:
            self._tasks.spawn("load litellm", self._lane.warm())
        port = int(self._runner.addresses[0][1])
        _log.info("gateway_listening", url=f"http://{server.host}:{port}", policies=list(self.policies))
        return port

    async def stop(self) -> None:
        """Drain: no new requests, let those in flight finish, write everything down."""
        self._draining = True
        _log.info("gateway_draining")
        if self._runner is not None:
            await self._runner.cleanup()
        await self._tasks.drain(5.0)
        try:
            await self.sync.flush()
        except StoreError as error:
            _log.error("state_not_written", detail=error.message, entries=self.sync.backlog)
        await self._store.close()
        await self._upstream.close()
        _log.info("gateway_stopped")

    async def _refresh(self) -> None:
        now_s = self._clock.now()
        for policy in self.policies.values():
            work = policy.learner.prepare(now_s)
            if work is not None:
                # Fitting ten arms takes some 10 ms: in a thread, so that no stream stands still meanwhile.
                policy.learner.adopt(await asyncio.to_thread(work))


async def run(settings: Settings, *, reuse_port: bool = False, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    gateway = Gateway(settings)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, over.set)
    port = await gateway.start(reuse_port=reuse_port)
    if ready is not None:
        ready(port)
    await over.wait()
    await gateway.stop()


def free_port(host: str) -> int:
    """A port that is free right now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
