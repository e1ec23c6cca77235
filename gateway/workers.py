"""Several processes on one port: start them, restart the dead, pass the end on."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import structlog

from gateway.errors import GatewayError
from gateway.settings.schema import ServerSettings, Settings

_log = structlog.get_logger()
Body = Callable[[Settings, Callable[[int], None]], None]
"""What a worker does, until SIGTERM: it calls its second argument, with the port, once it can end in good order."""
_ENDS = (signal.SIGTERM, signal.SIGINT)
_PAUSES_S = (0.0, 0.5, 2.0)
"""Before each restart of a worker that dies young; when it has died once more than there are pauses, all is over."""
_YOUNG_S = 5.0
"""A worker that lives longer after it could serve did not die of its start."""
_REFUSALS = {
    errno.EADDRINUSE: "the port is in use; is a gateway running already? --port 0 takes any free one",
    errno.EACCES: "this user may not listen on that port; take one above 1023",
    errno.EPERM: "this user may not listen on that port; take one above 1023",
    errno.EADDRNOTAVAIL: "this machine has no such address; 0.0.0.0 is all it has",
}


def run_here(settings: Settings, *, reuse_port: bool = False, ready: Callable[[int], None] | None = None) -> None:
    """Serve in this process, on uvloop where it is installed, until SIGTERM or SIGINT.

    `ready` is called with the port once it listens. GatewayError, with what to do, if it cannot.
    """
    from gateway.app import run

    try:
        import uvloop
    except ImportError:
        make_loop = None
    else:
        make_loop = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(run(settings, reuse_port=reuse_port, ready=ready))
    except OSError as error:
        raise _not_listening(settings.server, error) from error


class Supervisor:
    """Keeps `workers` processes alive until it is told to end. One that ends by itself is replaced."""

    def __init__(self, settings: Settings, *, body: Body | None = None, grace_s: float = 10.0) -> None:
        """`body` is what a worker does; `grace_s` what it has beyond `drain_s`, for its last write."""
        self._settings = settings
        self._body: Body = body or serve
        self._grace_s = grace_s
        self._over = False
        self._slots: list[_Slot] = []

    def run(self) -> int:
        """Block until SIGTERM or SIGINT and all workers have drained; returns the exit status.

        GatewayError, with what to do, if the port cannot be had. To be called in the main thread of a process.
        """
        with tempfile.TemporaryDirectory(prefix="gateway-metrics-") as folder, _reserve(self._settings.server) as port:
            server = self._settings.server.model_copy(update={"port": int(port.getsockname()[1])})
            settings = self._settings.model_copy(update={"server": server})
            # prometheus-client reads it at import, in the workers; a spawned child inherits it.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # noqa: TID251 # told to the library, not read by us
            # It leaves SIGTERM and SIGINT unblocked when it starts: so before a worker is to inherit them blocked.
            resource_tracker.ensure_running()
            self._slots = [_Slot(self._body, settings) for _ in range(server.workers)]
            inside, outside = socket.socketpair()
            with inside, outside:
                self._watch(inside, outside)
            return self._drain()

    def _watch(self, inside: socket.socket, outside: socket.socket) -> None:
        """Start the workers and replace the dead until the end is asked for, or until one cannot be kept alive."""
        inside.setblocking(False)
        outside.setblocking(False)
        for name in _ENDS:
            signal.signal(name, self._end)
        # Else a signal that comes just before `wait` would be noticed only when the next worker dies.
        signal.set_wakeup_fd(inside.fileno())
        try:
            while not self._over:
                due = [slot.tend() for slot in self._slots]
                if any(slot.hopeless for slot in self._slots):
                    _log.error("workers_given_up", reason="a worker died again and again; its own lines say why")
                    return
                pauses = [pause for pause in due if pause is not None]
                alive = [slot.sentinel for slot in self._slots if slot.sentinel is not None]
                wait([outside, *alive], timeout=min(pauses, default=None))
        finally:
            signal.set_wakeup_fd(-1)

    def _drain(self) -> int:
        for slot in self._slots:
            slot.end()
        until = time.monotonic() + self._settings.server.drain_s + self._grace_s
        clean = [slot.join(until) for slot in self._slots]
        return 0 if self._over and all(clean) else 1

    def _end(self, _number: int, _frame: object) -> None:
        self._over = True


class _Slot:
    """The place of one worker and of those that replace it."""

    def __init__(self, body: Body, settings: Settings) -> None:
        self._body = body
        self._settings = settings
        self._process: BaseProcess | None = None
        self._ready: Connection | None = None
        self._started_s = 0.0
        self._young_deaths = 0
        self._not_before_s = 0.0

    @property
    def hopeless(self) -> bool:
        """Whether it has died young too often to try again."""
        return self._young_deaths > len(_PAUSES_S)

    @property
    def sentinel(self) -> int | None:
        """What becomes readable when the worker ends; None where none is running."""
        return None if self._process is None else self._process.sentinel

    def tend(self) -> float | None:
        """Bury a dead worker, start one where that is due; returns the seconds until it will be, if it is not."""
        if self._process is not None and not self._process.is_alive():
            self._bury(self._process)
        if self._process is not None or self.hopeless:
            return None
        pause_s = self._not_before_s - time.monotonic()
        if pause_s > 0:
            return pause_s
        self._start()
        return None

    def end(self) -> None:
        """Ask the worker to drain."""
        if self._process is not None:
            self._process.terminate()

    def join(self, until_s: float) -> bool:
        """Wait for the worker's end, and make an end of it then; whether it ended cleanly and in time."""
        if self._process is None:
            return True
        self._process.join(max(0.0, until_s - time.monotonic()))
        if self._process.is_alive():
            _log.error("worker_not_drained", pid=self._process.pid)
            self._process.kill()
            self._process.join()
        return self._process.exitcode == 0

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ready, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(self._body, self._settings, theirs), name="gateway-worker")
        # Inherited blocked: a signal waits until the worker can end in good order, which is when it is ready.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._process, self._started_s = process, time.monotonic()
        _log.info("worker_started", pid=process.pid)

    def _bury(self, worker: BaseProcess) -> None:
        lived_s = time.monotonic() - self._started_s
        old = self._was_ready() and lived_s > _YOUNG_S
        self._young_deaths = 0 if old else self._young_deaths + 1
        if not self.hopeless:
            self._not_before_s = time.monotonic() + (0.0 if old else _PAUSES_S[self._young_deaths - 1])
        _log.error("worker_died", pid=worker.pid, exitcode=worker.exitcode, lived_s=round(lived_s, 1))
        self._process = None

    def _was_ready(self) -> bool:
        try:
            return self._ready is not None and self._ready.poll() and self._ready.recv() is not None
        except EOFError:
            return False


def serve(settings: Settings, ready: Callable[[int], None]) -> None:
    """What a worker does: the gateway."""
    from gateway.adapters.structlog_logging import configure

    configure(settings.log.level, settings.log.format, secrets=settings.secrets())
    try:
        run_here(settings, reuse_port=True, ready=ready)
    except GatewayError as error:
        _log.error("worker_failed", detail=error.message)
        sys.exit(1)


def _work(body: Body, settings: Settings, channel: Connection) -> None:
    """The whole life of a worker process."""
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()

    def ready(port: int) -> None:
        channel.send(port)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)

    body(settings, ready)


def _end_with_parent() -> None:
    """A supervisor that was killed -9 cannot pass the end on; its workers notice, and drain."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _reserve(server: ServerSettings) -> socket.socket:
    """A socket that holds the port without listening: others find it taken, our workers may share it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        holder = socket.socket(family, kind, protocol)
        try:
            # For connections of the last run that are still closing; a port that is listened on is refused anyway.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(address)
            # Only now: with it, bind would have joined another gateway's workers.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError:
            holder.close()
            raise
    except OSError as error:
        raise _not_listening(server, error) from error
    return holder


def _not_listening(server: ServerSettings, error: OSError) -> Exception:
    """The error for a person; what has nothing to do with listening stays what it is."""
    if isinstance(error, socket.gaierror):
        reason = "there is no such name; give an address, or a name that this machine knows"
    elif error.errno in _REFUSALS:
        reason = _REFUSALS[error.errno]
    else:
        return error
    return GatewayError(f"cannot listen on {server.host}:{server.port}: {reason}")
