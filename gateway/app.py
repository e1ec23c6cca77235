"""The composition root: settings to objects to a running HTTP server; the only room that knows every concrete class."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable

import numpy as np
import structlog
from aiohttp import web

from gateway.adapters.lanes import Lanes
from gateway.adapters.prometheus_meter import PrometheusMeter
from gateway.adapters.sqlite_store import SqliteStore
from gateway.adapters.structlog_access_log import access_log
from gateway.adapters.time_clock import TimeClock
from gateway.api.chat import IN_FLIGHT, finish
from gateway.api.front import Front
from gateway.api.routes import build
from gateway.api.services import Services
from gateway.assembly import keys_of, owners_of, policies_of, switches_of, upstream_of
from gateway.errors import StoreError
from gateway.flows.decide import Decide
from gateway.flows.forward import Forward
from gateway.flows.learn import Learn
from gateway.flows.ports import Upstream
from gateway.flows.rate import Rate
from gateway.flows.serve import Serve
from gateway.flows.sync import Sync
from gateway.flows.tasks import Tasks
from gateway.settings.schema import Settings

_log = structlog.get_logger()
_REFRESH_S = 0.05
_FIT_REST = 30.0
"""A policy rests this many times as long as its last fit took: however large, fits take 3 % of a core at most."""
_METRICS_S = 0.5
"""How old the numbers of the other workers may be in what one of them shows."""
_BACKLOG = 1024
_GC_THRESHOLDS = (20_000, 20, 20)
"""Allocations before a look at the youngest objects, and how many looks before one at the older."""


class Gateway:
    """One process of the gateway: built by `__init__`, alive between `start` and `stop`."""

    def __init__(self, settings: Settings, *, upstream: Upstream | None = None, seed: int | None = None) -> None:
        self._settings = settings
        self._draining = False
        self._clock, self._meter, self._tasks = TimeClock(), PrometheusMeter(), Tasks()
        self._access = access_log()
        self._lane = None if upstream is not None else upstream_of(settings)
        self._upstream: Upstream = upstream or self._lane  # type: ignore[assignment]  # one of them is set
        self._store = SqliteStore(settings.store.removeprefix("sqlite:///"), self._clock)
        self.policies = policies_of(settings)
        self.switches = switches_of(settings, self.policies)
        self.sync = Sync(
            store=self._store,
            learners={name: policy.learner for name, policy in self.policies.items()},
            switches=self.switches,
            clock=self._clock,
            meter=self._meter,
        )
        self.services = self._services(np.random.default_rng(seed))
        self._runner: web.AppRunner | None = None
        self._front: Front | None = None
        self._settled = False
        self._due_s: dict[str, float] = {}
        """When the policies may be fitted next."""
        self._server: asyncio.Server | None = None

    def _services(self, rng: np.random.Generator) -> Services:
        clock, meter, policies, sync = self._clock, self._meter, self.policies, self.sync
        rate = Rate(store=self._store, sync=sync, policies=policies, clock=clock, ttl_s=self._settings.feedback.ttl_s)
        sync.on_rated = rate.settle_late
        serve = Serve(
            policies=policies,
            owners=owners_of(policies),
            decide=Decide(switches=self.switches, clock=clock, rng=rng),
            forward=Forward(upstream=self._upstream, clock=clock, meter=meter),
            learn=Learn(policies=policies, sync=sync, clock=clock, meter=meter, access=self._access),
            sync=sync,
            clock=clock,
            meter=meter,
        )
        return Services(
            serve=serve,
            rate=rate,
            sync=sync,
            switches=self.switches,
            store=self._store,
            policies=policies,
            keys=keys_of(self._settings),
            clock=clock,
            metrics=meter.render,
            upstream_ready=lambda: self._lane is None or self._lane.ready,
            draining=lambda: self._draining,
        )

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
        assert self._runner.server is not None
        self._front = Front(self.services, self._runner.server, max_body_bytes=server.max_body_bytes)
        self._server = await loop.create_server(
            self._front, server.host, server.port, backlog=_BACKLOG, reuse_port=reuse_port or None
        )
        self._tasks.every("sync", server.sync_interval_s, self.sync.tick)
        self._tasks.every("refresh", _REFRESH_S, self._refresh)
        self._tasks.every("metrics", _METRICS_S, self._pour)
        if self._lane is not None:
            self._tasks.spawn("load lanes", self._load(self._lane), finish=False)
        port = int(self._server.sockets[0].getsockname()[1])
        _log.info("gateway_listening", url=f"http://{server.host}:{port}", policies=list(self.policies))
        return port

    def settle_down(self) -> None:
        """For a process of its own: what is in memory now stays, so the collector need not look through it again.

        A request leaves no cycles behind; looking for some every few requests would only make a few of them late.
        """
        self._settled = True
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)

    async def _load(self, lanes: Lanes) -> None:
        await lanes.warm()
        if self._settled:
            self.settle_down()

    async def stop(self) -> None:
        """Drain: no new requests, let those in flight finish, write everything down."""
        self._draining = True
        _log.info("gateway_draining")
        if self._server is not None and self._front is not None and self._runner is not None:
            self._server.close()
            drain_s = self._settings.server.drain_s
            await asyncio.gather(self._front.drain(drain_s), finish(self._runner.app[IN_FLIGHT], drain_s))
            await self._runner.cleanup()
        await self._tasks.drain(5.0)
        try:
            await self.sync.flush()
        except StoreError as error:
            _log.error("state_not_written", detail=error.message, entries=self.sync.backlog)
        await self._store.close()
        await self._upstream.close()
        self._access.flush()
        self._meter.flush()
        _log.info("gateway_stopped")

    async def _pour(self) -> None:
        self._meter.flush()

    async def _refresh(self) -> None:
        for name, policy in self.policies.items():
            began_s = self._clock.monotonic()
            if began_s < self._due_s.get(name, 0.0):
                continue
            work = policy.learner.prepare(self._clock.now())
            if work is not None:
                # In a thread, so that no stream stands still meanwhile.
                policy.learner.adopt(await asyncio.to_thread(work))
                now_s = self._clock.monotonic()
                self._due_s[name] = now_s + _FIT_REST * (now_s - began_s)


async def run(settings: Settings, *, reuse_port: bool = False, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    gateway = Gateway(settings)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, over.set)
    port = await gateway.start(reuse_port=reuse_port)
    gateway.settle_down()
    if ready is not None:
        ready(port)
    await over.wait()
    await gateway.stop()
