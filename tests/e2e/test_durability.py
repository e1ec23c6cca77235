"""What was acknowledged survives: kill -9, restart, two workers on one file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.conftest import two_arms
from tests.neighbours.gateway_process import GatewayProcess, gateway_process
from tests.neighbours.scripted_provider import ScriptedProvider


async def _rated(gateway: GatewayProcess, number: int) -> None:
    status, _, headers = await gateway.chat(f"Question {number}: what is {number} + 1?")
    assert status == 200
    rating = {"id": headers["x-gateway-decision-id"], "score": (number % 11) / 10}
    status, answer, _ = await gateway.send("POST", "/v1/feedback", rating)
    assert status == 202, answer


async def _state(gateway: GatewayProcess) -> dict[str, Any]:
    status, state, _ = await gateway.send("GET", "/admin/state")
    assert status == 200
    return dict(state["default"]["arms"])


def _same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert set(before) == set(after)
    for arm_id, sums in before.items():
        np.testing.assert_allclose(after[arm_id]["gram"], sums["gram"], atol=1e-9, rtol=0)
        np.testing.assert_allclose(after[arm_id]["moment"], sums["moment"], atol=1e-9, rtol=0)
        assert after[arm_id]["tallies"] == pytest.approx(sums["tallies"], abs=1e-9)


async def test_kill_9_after_acknowledged_feedback_loses_nothing(tmp_path: Path, provider: ScriptedProvider) -> None:
    """Statistics after kill -9 and restart equal those before to 1e-9, and the rollout stage is the one set live."""
    async with gateway_process(tmp_path, two_arms(provider)) as gateway:
        for number in range(40):
            await _rated(gateway, number)
        await gateway.send("PUT", "/admin/policies/default/rollout", {"percentage": 25})
        before = await _state(gateway)
        assert sum(arm["tallies"]["rated"] for arm in before.values()) == 40
        gateway.kill()
        await gateway.start()
        _same(before, await _state(gateway))
        _, policy, _ = await gateway.send("GET", "/admin/policies/default")
        assert (policy["stage"], policy["percentage"]) == ("canary", 25.0)


async def test_kill_9_right_after_each_acknowledgement(tmp_path: Path, provider: ScriptedProvider) -> None:
    """However soon after the 202 the process dies, the rating is in the sums of the next one, once."""
    async with gateway_process(tmp_path, two_arms(provider)) as gateway:
        for life in range(1, 4):
            for number in range(5):
                await _rated(gateway, number)
            gateway.kill()
            await gateway.start()
            arms = (await _state(gateway)).values()
            assert sum(arm["tallies"]["rated"] for arm in arms) == 5 * life
            assert sum(arm["tallies"]["rewarded"] for arm in arms) == 5 * life


async def test_two_workers_on_one_file_agree(tmp_path: Path, provider: ScriptedProvider) -> None:
    """Feedback lands on either worker, whichever decided; both then show the same sums, those of all requests."""
    configuration = two_arms(provider) | {"server": {"workers": 2}}
    async with gateway_process(tmp_path, configuration) as gateway:
        await asyncio.gather(*(_rated(gateway, number) for number in range(60)))
        # A rating that overtook its answer's log entry is rewarded by the worker that answered, one round later.
        await asyncio.sleep(1.0)
        states = [await _state(gateway) for _ in range(12)]
        for state in states:
            _same(states[0], state)
        tallies = [arm["tallies"] for arm in states[0].values()]
        assert sum(t["pulls"] for t in tallies) == sum(t["rated"] for t in tallies) == 60
        # Both workers did serve: each wrote its own decisions, one snapshot generation cannot hold all.
        assert len({w.pid for w in gateway.workers()}) == 2
        assert await gateway.stop() == 0


async def test_sigterm_writes_everything_down(tmp_path: Path, provider: ScriptedProvider) -> None:
    """Requests without feedback are in the sums after an orderly end too, and the exit status is 0."""
    async with gateway_process(tmp_path, two_arms(provider)) as gateway:
        for number in range(15):
            await gateway.chat(f"Question {number}")
        assert await gateway.stop() == 0
        await gateway.start()
        assert sum(arm["tallies"]["pulls"] for arm in (await _state(gateway)).values()) == 15


async def test_a_stream_in_flight_outlives_sigterm(tmp_path: Path, provider: ScriptedProvider) -> None:
    """Draining lets a running stream finish, whole."""
    from tests.neighbours.scripted_provider import Script

    provider.scripts["small"] = provider.scripts["large"] = Script(pieces=tuple("abcdefgh"), event_delay_s=0.1)
    async with gateway_process(tmp_path, two_arms(provider)) as gateway:
        streaming = asyncio.get_running_loop().create_task(gateway.chat(stream=True))
        await asyncio.sleep(0.4)
        stopping = asyncio.get_running_loop().create_task(gateway.stop())
        _, text, _ = await streaming
        assert text.endswith("data: [DONE]\n\n")
        assert await stopping == 0
