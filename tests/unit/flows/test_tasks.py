"""Background work: kept, logged, drained."""

from __future__ import annotations

import asyncio

import structlog

from gateway.flows.tasks import Tasks


async def test_an_error_is_logged_and_does_not_escape() -> None:
    """A failing task ends in the log, not in the loop's exception handler."""
    tasks = Tasks()

    async def fails() -> None:
        raise ValueError("boom")

    with structlog.testing.capture_logs() as logs:
        tasks.spawn("fails", fails())
        await tasks.drain(1.0)
    assert [(entry["event"], entry["task"]) for entry in logs] == [("background_task_failed", "fails")]
    assert len(tasks) == 0


async def test_a_loop_outlives_its_errors() -> None:
    """One bad round does not stop the next."""
    tasks, rounds, third = Tasks(), 0, asyncio.Event()

    async def sometimes() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise ValueError("boom")
        if rounds == 3:
            third.set()

    with structlog.testing.capture_logs():
        tasks.every("sometimes", 0.001, sometimes)
        await third.wait()
        await tasks.drain(1.0)
    assert len(tasks) == 0


async def test_drain_waits_for_work_and_cancels_what_is_late() -> None:
    """Work within the time finishes; work beyond it is cancelled and counted."""
    tasks, done = Tasks(), []

    async def quick() -> None:
        await asyncio.sleep(0.01)
        done.append("quick")

    async def endless() -> None:
        await asyncio.Event().wait()

    tasks.spawn("quick", quick())
    assert await tasks.drain(5.0) == 0
    tasks.spawn("endless", endless())
    assert await tasks.drain(0.01) == 1
    tasks.spawn("of no use any more", endless(), finish=False)
    assert await tasks.drain(5.0) == 0
    assert done == ["quick"]
    assert len(tasks) == 0
