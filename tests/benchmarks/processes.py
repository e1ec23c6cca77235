"""Processes under measurement: pinned to cores, ended as a session, their CPU, memory and descriptors told."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_GRACE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the processes of a session hold together."""

    rss_mb: float
    descriptors: int
    threads: int
    processes: int


def pin(*cores: int | None) -> None:
    """Keep this process on these cores, where the system can; None among them means anywhere."""
    if hasattr(os, "sched_setaffinity") and None not in cores:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, [core for core in cores if core is not None])


def cores() -> list[int | None]:
    """The cores this process may use; [None] where the system does not tell or cannot pin."""
    return [*sorted(os.sched_getaffinity(0))] if hasattr(os, "sched_getaffinity") else [None]


def members(session: int) -> Iterator[psutil.Process]:
    """The living processes of a session."""
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) == session:
                yield process


def cpu_s(processes: Iterable[psutil.Process]) -> float:
    """CPU seconds, user and system, that these processes and their ended children have used."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def size(session: int) -> Size:
    """Resident memory, descriptors and threads of all its processes."""
    rss = descriptors = threads = count = 0
    for process in members(session):
        with contextlib.suppress(psutil.Error):
            rss += process.memory_info().rss
            descriptors += process.num_fds() if hasattr(process, "num_fds") else 0
            threads += process.num_threads()
            count += 1
    return Size(rss_mb=rss / 1e6, descriptors=descriptors, threads=threads, processes=count)


def free_port() -> int:
    """A port on the loopback that is free right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Session:
    """A command with all the processes it starts, in a session of their own; its output goes to a file."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, on: Sequence[int | None], extra: Mapping[str, str] | None = None
    ) -> None:
        """Start it in `folder` on the cores `on`, with `extra` in its environment."""
        self.log = folder / "output.log"
        # Through env(1): the caller's environment stays what it is and is not read here.
        settings = [f"{name}={value}" for name, value in (extra or {}).items()]
        before = cores()
        pin(*on)
        try:
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(
                    ["env", *settings, *command],
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        finally:
            pin(*before)

    @property
    def id(self) -> int:
        """The session's id, which is the first process's."""
        return self._process.pid

    def ended(self) -> str | None:
        """The last lines of its output, if the first process has ended; None while it lives."""
        return None if self._process.poll() is None else self.said()

    def said(self, characters: int = 600) -> str:
        """The end of its output."""
        return self.log.read_text(errors="replace")[-characters:].strip()

    def stop(self) -> None:
        """End it: SIGTERM to all, SIGKILL for who stays."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        for process in members(self.id):
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
