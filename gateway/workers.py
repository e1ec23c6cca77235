"""Several processes on one port: start them, restart the dead, pass the end on."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import tempfile
import time
from multiprocessing.process import BaseProcess

import structlog

from gateway.app import free_port, run
from gateway.settings.schema import Settings

_log = structlog.get_logger()
_RESTART_S = 0.5
"""Pause before a dead worker is replaced, so that one that dies at once does not spin."""


def run_here(settings: Settings, *, reuse_port: bool = False) -> None:
    """Serve in this process, on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(run(settings, reuse_port=reuse_port))
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, reuse_port=reuse_port))


class Supervisor:
    """Keeps `workers` processes alive until it is told to end. One that ends by itself is replaced."""

    def __init__(self, settings: Settings) -> None:
        server = settings.server
        if server.port == 0:
            # All workers must agree on one port; the kernel chooses it once.
            server = server.model_copy(update={"port": free_port(server.host)})
        self._settings = settings.model_copy(update={"server": server})
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[BaseProcess] = []
        self._over = False

    def run(self) -> int:
        """Block until SIGTERM or SIGINT and all workers have drained; returns the exit status."""
        with tempfile.TemporaryDirectory(prefix="gateway-metrics-") as folder:
            # prometheus-client reads it at import, in the workers; a spawned child inherits it.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # noqa: TID251 # told to the library, not read by us
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, self._end)
            self._workers = [self._start() for _ in range(self._settings.server.workers)]
            while not self._over:
                self._replace_dead()
                time.sleep(_RESTART_S)
            for worker in self._workers:
                worker.join(self._settings.server.drain_s + 10.0)
            late = [worker for worker in self._workers if worker.is_alive()]
            for worker in late:
                worker.kill()
            return 1 if late or any(worker.exitcode for worker in self._workers) else 0

    def _start(self) -> BaseProcess:
        worker = self._context.Process(target=run_worker, args=(self._settings,), name="gateway-worker")
        worker.start()
        _log.info("worker_started", pid=worker.pid)
        return worker

    def _replace_dead(self) -> None:
        for i, worker in enumerate(self._workers):
            if not worker.is_alive() and not self._over:
                _log.error("worker_died", pid=worker.pid, exitcode=worker.exitcode)
                self._workers[i] = self._start()

    def _end(self, _number: int, _frame: object) -> None:
        self._over = True
        for worker in self._workers:
            if worker.is_alive():
                worker.terminate()


def run_worker(settings: Settings) -> None:
    """The body of one worker process."""
    from gateway.adapters.structlog_logging import configure

    configure(settings.log.level, settings.log.format)
    run_here(settings, reuse_port=True)
