"""A thousand requests leave the process as they found it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from tests.e2e.conftest import two_arms
from tests.neighbours.gateway_process import GatewayProcess, gateway_process
from tests.neighbours.scripted_provider import ScriptedProvider


async def _burst(gateway: GatewayProcess, count: int) -> None:
    gate = asyncio.Semaphore(8)

    async def one(i: int) -> None:
        async with gate:
            status, _, _ = await gateway.chat(f"Question {i}", stream=i % 2 == 0)
            assert status == 200

    await asyncio.gather(*(one(i) for i in range(count)))


async def _tasks(gateway: GatewayProcess) -> float:
    _, text, _ = await gateway.send("GET", "/metrics")
    [line] = [line for line in text.splitlines() if line.startswith("gateway_tasks ")]
    return float(line.split()[1])


async def test_memory_tasks_and_descriptors_stay_flat(tmp_path: Path, provider: ScriptedProvider) -> None:
    """After a warm-up, 1,000 requests, half of them streamed, add no task, no descriptor and under 10 MB.

    10 MB, not 0: the log of the last decisions is in SQLite's cache, and the allocator keeps what it once got.
    """
    async with gateway_process(tmp_path, two_arms(provider)) as gateway:
        process = psutil.Process(gateway.pid)
        await _burst(gateway, 500)
        await asyncio.sleep(1.0)
        descriptors, memory, tasks = process.num_fds(), process.memory_info().rss, await _tasks(gateway)
        await _burst(gateway, 1000)
        await asyncio.sleep(1.0)
        assert await _tasks(gateway) <= tasks
        assert process.num_fds() <= descriptors + 2
        assert process.memory_info().rss - memory < 10e6
