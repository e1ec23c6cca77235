"""What the routes work with: handed in by the composition root, found again through one typed key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.api.keys import Keys
from gateway.flows.policy import Policy
from gateway.flows.ports import Clock, StateStore
from gateway.flows.rate import Rate
from gateway.flows.serve import Serve
from gateway.flows.switches import Switches
from gateway.flows.sync import Sync


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the routes."""

    serve: Serve
    rate: Rate
    sync: Sync
    switches: Switches
    store: StateStore
    policies: Mapping[str, Policy]
    keys: Keys
    clock: Clock
    metrics: Callable[[], bytes]
    """The metrics in Prometheus' text format."""
    upstream_ready: Callable[[], bool]
    """Whether every lane that the models need can be used."""
    draining: Callable[[], bool]
    """Whether the process is on its way out."""


SERVICES = web.AppKey("services", Services)
