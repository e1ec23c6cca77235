"""The one place that spawns background work: it keeps the reference, logs the error, and drains at shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import structlog

_log = structlog.get_logger()


class Tasks:
    """Owns every background task of one process."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._loops: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Number of tasks alive, loops included."""
        return len(self._running) + len(self._loops)

    def spawn(self, name: str, work: Coroutine[object, object, None], *, finish: bool = True) -> None:
        """Run `work` once in the background; an error is logged, never raised. `finish`: `drain` lets it end."""
        self._keep(self._running if finish else self._loops, name, self._guard(name, work))

    def every(self, name: str, interval_s: float, action: Callable[[], Awaitable[None]]) -> None:
        """Await `action()` again and again, `interval_s` seconds apart, until `drain`; an error does not end it."""

        async def loop() -> None:
            while True:
                await asyncio.sleep(interval_s)
                await self._guard(name, action())

        self._keep(self._loops, name, loop())

    async def drain(self, timeout_s: float) -> int:
        """Stop the loops, let single tasks finish within the time, cancel the rest. Returns how many were cancelled."""
        await asyncio.sleep(0)  # what was spawned just now begins, or its coroutine would never be awaited
        for task in self._loops:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=timeout_s)
        late = [*self._running, *self._loops]
        unfinished = len(self._running)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return unfinished

    def _keep(self, home: set[asyncio.Task[None]], name: str, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        home.add(task)
        task.add_done_callback(home.discard)

    async def _guard(self, name: str, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:
            _log.exception("background_task_failed", task=name)
