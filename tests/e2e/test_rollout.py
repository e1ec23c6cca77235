"""Rollout as an operator turns it: shares, stickiness, and every worker within a second."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

from tests.e2e.conftest import two_arms
from tests.neighbours.gateway_process import GatewayProcess, gateway_process
from tests.neighbours.scripted_provider import ScriptedProvider

_UNITS = 240


async def _modes(gateway: GatewayProcess, units: int = _UNITS) -> list[str]:
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
    gate = asyncio.Semaphore(8)

    async def one(i: int) -> str:
        async with gate:
            headers = {"x-gateway-session-id": f"unit-{i}"}
            status, _, headers_out = await gateway.send("POST", "/v1/chat/completions", body, headers)
            assert status == 200
            return headers_out["x-gateway-mode"]

    return list(await asyncio.gather(*(one(i) for i in range(units))))


async def test_shares_follow_the_command_in_both_workers(tmp_path: Path, provider: ScriptedProvider) -> None:
    """0, 25 and 100 %: the share of units lies in the 99.9 % binomial interval, the same units as before, 0 is none.

    The shares over 10,000 units are tested where they are decided, in tests/unit/core/test_rollout.py.
    """
    configuration = two_arms(provider, rollout={"stage": "off"}) | {"server": {"workers": 2}}
    async with gateway_process(tmp_path, configuration) as gateway:
        assert set(await _modes(gateway, 20)) == {"baseline"}
        served: set[int] = set()
        for percentage in (0, 25, 100):
            done = gateway.command("rollout", "default", "--percentage", str(percentage))
            assert done.returncode == 0, done.stderr
            await asyncio.sleep(1.0)
            modes = await _modes(gateway)
            live = {i for i, mode in enumerate(modes) if mode == "live"}
            p = percentage / 100
            assert abs(len(live) - p * _UNITS) <= 3.29 * math.sqrt(p * (1 - p) * _UNITS) + 1e-9
            assert served <= live
            served = live
            assert {i for i, mode in enumerate(await _modes(gateway)) if mode == "live"} == live


async def test_kill_reaches_every_worker_within_a_second(tmp_path: Path, provider: ScriptedProvider) -> None:
    """A second after the command no worker lets the learner serve; a new stage ends it."""
    configuration = two_arms(provider) | {"server": {"workers": 2}}
    async with gateway_process(tmp_path, configuration) as gateway:
        assert set(await _modes(gateway, 20)) == {"live"}
        started = time.monotonic()
        done = gateway.command("kill", "default", "--json")
        assert done.returncode == 0, done.stderr
        await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - started)))
        assert set(await _modes(gateway, 40)) == {"baseline"}
        gateway.command("rollout", "default", "--stage", "full")
        await asyncio.sleep(1.0)
        assert set(await _modes(gateway, 40)) == {"live"}


async def test_shadow_serves_the_baseline_and_logs_the_proposal(tmp_path: Path, provider: ScriptedProvider) -> None:
    """In shadow the client always gets the baseline; the record says what the learner would have done."""
    async with gateway_process(tmp_path, two_arms(provider, rollout={"stage": "shadow"})) as gateway:
        for i in range(20):
            _, answer, headers = await gateway.chat(f"Question {i}")
            assert (headers["x-gateway-mode"], answer["model"]) == ("shadow", "large")
        _, listing, _ = await gateway.send("GET", "/admin/decisions?limit=100")
        proposals = {entry["proposal"] for entry in listing["decisions"]}
        assert proposals <= {"small", "large"}
        assert "small" in proposals
        assert provider.hits("small") == 0
