"""The supervisor: workers are started, replaced, given up, drained and never left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]


class Supervised:
    """A supervisor as a process, with workers that do as one of `tests.neighbours.worker_bodies`."""

    def __init__(self, body: str, *, workers: int = 1, drain_s: float = 5.0) -> None:
        script = (
            "import sys\n"
            "from gateway.adapters.structlog_logging import configure\n"
            "from gateway.workers import Supervisor\n"
            "from tests.neighbours import worker_bodies\n"
            "from tests.unit.settings.mistakes import GOOD, settings\n"
            "configure('info', 'json')\n"
            f"server = '{{port: 0, workers: {workers}, drain_s: {drain_s}}}'\n"
            "found = settings(GOOD, {'GATEWAY__SERVER': server})\n"
            f"sys.exit(Supervisor(found, body=worker_bodies.{body}, grace_s=0.2).run())\n"
        )
        line = [sys.executable, "-c", script]
        pipe = subprocess.PIPE
        # In a group of its own, so that nothing it started outlives the test.
        self.process = subprocess.Popen(line, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    def line(self, ending: str) -> int:
        """The process id of the next line that ends like this."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            pid, _, text = line.strip().partition(" ")
            if text.endswith(ending):
                return int(pid)
        raise AssertionError(f"no more lines; {self.process.communicate()[1]}")

    def end(self, number: int | None = signal.SIGTERM) -> tuple[int, list[str], list[dict[str, Any]]]:
        """Send a signal, and wait: exit status, what the workers still said, and the log."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out.splitlines(), [json.loads(line) for line in err.splitlines()]


@pytest.fixture
def supervised() -> Iterator[Any]:
    """Starts supervisors, and ends them whatever happens."""
    running: list[Supervised] = []

    def start(body: str, **options: Any) -> Supervised:
        running.append(Supervised(body, **options))
        return running[-1]

    yield start
    for one in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.communicate(timeout=30)


def gone(pid: int, within_s: float = 10.0) -> bool:
    """Whether a process ends within this time."""
    until = time.monotonic() + within_s
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_reaches_every_worker(supervised: Any, number: int) -> None:
    """SIGTERM and Ctrl-C drain all workers; clean ends make a clean end."""
    one = supervised("obey", workers=2)
    workers = {one.line("ready"), one.line("ready")}
    status, said, _ = one.end(number)
    assert status == 0
    assert {line for line in said if line.endswith("drained")} == {f"{pid} drained" for pid in workers}


def test_an_end_that_comes_too_early_waits(supervised: Any) -> None:
    """SIGTERM to a worker that is still starting is not lost, and does not tear it down half-way."""
    one = supervised("dawdle")
    one.line("starting")
    status, said, _ = one.end()
    assert status == 0
    assert said[-1].endswith("drained")


def test_an_end_right_at_the_beginning_is_heard(supervised: Any) -> None:
    """Between the first worker's start and the second's, and before either has said a word."""
    one = supervised("obey", workers=2)
    assert one.process.stderr is not None
    assert "worker_started" in one.process.stderr.readline()
    assert one.end()[0] == 0


def test_a_dead_worker_is_replaced(supervised: Any) -> None:
    """kill -9 of one of two: another takes its place on the same port, the other goes on, and the end is clean."""
    one = supervised("obey", workers=2)
    first, second = one.line("ready"), one.line("ready")
    os.kill(first, signal.SIGKILL)
    third = one.line("ready")
    assert third not in (first, second)
    status, said, log = one.end()
    assert status == 0
    assert {line for line in said if line.endswith("drained")} == {f"{second} drained", f"{third} drained"}
    died = [entry for entry in log if entry["event"] == "worker_died"]
    assert [(entry["pid"], entry["exitcode"]) for entry in died] == [(first, -9)]


@pytest.mark.parametrize(("body", "workers", "exitcode"), [("obey_once", 2, 3), ("stumble", 1, -9)])
def test_a_worker_that_dies_again_and_again_is_given_up(
    supervised: Any, body: str, workers: int, exitcode: int
) -> None:
    """At start or just after it: four deaths with growing pauses, then an error, status 1, and the others are ended."""
    one = supervised(body, workers=workers)
    status, said, log = one.end(None)
    assert status == 1
    assert sum(line.endswith("dying") for line in said) == 4
    assert sum(line.endswith("drained") for line in said) == workers - 1
    assert [entry["exitcode"] for entry in log if entry["event"] == "worker_died"] == [exitcode] * 4
    assert log[-1]["event"] == "workers_given_up"


def test_a_worker_that_does_not_drain_is_ended(supervised: Any) -> None:
    """After its time, with an exit status that says so."""
    one = supervised("ignore", drain_s=0.1)
    worker = one.line("ready")
    status, _, log = one.end()
    assert status == 1
    assert [entry["pid"] for entry in log if entry["event"] == "worker_not_drained"] == [worker]
    assert gone(worker)


def test_a_worker_that_fails_while_draining_shows_in_the_status(supervised: Any) -> None:
    """What could not be written down must not look like a clean end."""
    one = supervised("fail_to_drain")
    one.line("ready")
    assert one.end()[0] == 1


def test_a_killed_supervisor_leaves_no_orphans(supervised: Any) -> None:
    """kill -9 of the supervisor: its workers notice and end in good order."""
    one = supervised("obey", workers=2)
    workers = [one.line("ready"), one.line("ready")]
    one.process.kill()
    assert {one.line("drained"), one.line("drained")} == set(workers)
    assert all(gone(pid) for pid in workers)


def test_all_workers_share_one_free_port(supervised: Any) -> None:
    """Port 0 is chosen once, and the metrics' folder is there before prometheus-client is imported."""
    one = supervised("obey", workers=2)
    assert one.process.stdout is not None
    lines = [one.process.stdout.readline().strip().partition(" ")[2] for _ in range(4)]
    (told,) = {line for line in lines if line.startswith("port")}
    assert int(told.split()[1]) > 1023
    assert told.endswith("metrics True False")
