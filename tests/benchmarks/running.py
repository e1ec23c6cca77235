"""A gateway or the provider while it runs: started, waited for, put under load, ended."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from tests.benchmarks import processes, prompts
from tests.benchmarks.arithmetic import Spread
from tests.benchmarks.gateways import KEY, ROOT, Gateway, Launch, Unavailable
from tests.benchmarks.plan import Plan, Report
from tests.benchmarks.processes import Session

_START_S = 120.0
_POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Which cores are whose: the load with the provider on one, the gateway beside them."""

    load: int | None
    others: tuple[int | None, ...]

    def for_gateway(self, workers: int) -> tuple[int | None, ...]:
        """A core a worker; the load's own as well where there are not enough."""
        return self.others[:workers] if len(self.others) >= workers else (self.load, *self.others)


def places() -> Places:
    """The first core for the load, the others for gateways."""
    first, *others = processes.cores()
    return Places(load=first, others=tuple(others))


class Upstream:
    """The simulated provider."""

    def __init__(self, session: Session, port: int) -> None:
        self.session = session
        self.port = port

    def pace(self, milliseconds: int) -> None:
        """Send frames of streams that far apart; 0: in one burst."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("PUT", "/control", orjson.dumps({"pace_ms": milliseconds}))
            if connection.getresponse().status != 200:
                raise RuntimeError("the simulated provider does not take orders")


@contextmanager
def upstream(where: Places) -> Iterator[Upstream]:
    """The provider, ready; ended at the end."""
    port = processes.free_port()
    line = [sys.executable, "-m", "tests.benchmarks.mock_upstream", "--port", str(port)]
    with _started(line, on=(where.load,), extra={"PYTHONPATH": str(ROOT)}) as session:
        launch = Launch(command=tuple(line), url=f"http://127.0.0.1:{port}/v1/chat/completions")
        _wait(session, launch)
        yield Upstream(session, port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A gateway that answers."""

    gateway: Gateway
    launch: Launch
    upstream: Upstream
    session: Session | None
    where: Places
    folder: Path
    start_s: float = 0.0
    """From its start to its first answer."""

    def load(self, plan: Plan) -> Report:
        """Put it under load, from a process of its own."""
        launch = self.launch
        given = dataclasses.replace(plan, url=launch.url, model=launch.model, key=KEY, headers=launch.headers)
        return run_load(given, core=self.where.load, gateway=self.session, upstream=self.upstream.session)

    def size(self) -> processes.Size:
        """Its memory, descriptors and threads now."""
        return processes.size(self.session.id if self.session else -1)

    def get(self, path: str) -> str:
        """The text at a path of it."""
        connection = http.client.HTTPConnection(urlsplit(self.launch.url).netloc, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
            return connection.getresponse().read().decode()


@contextmanager
def running(gateway: Gateway, provider: Upstream, where: Places) -> Iterator[Running]:
    """The gateway in a fresh folder, ready; ended at the end. Unavailable if it does not answer."""
    with tempfile.TemporaryDirectory(prefix=f"benchmark-{gateway.name}-") as name:
        folder = Path(name)
        if gateway.launch is None:
            launch = Launch(command=(), url=f"http://127.0.0.1:{provider.port}/v1/chat/completions")
            yield Running(gateway=gateway, launch=launch, upstream=provider, session=None, where=where, folder=folder)
            return
        launch = gateway.launch(folder, processes.free_port(), provider.port)
        began_s = time.perf_counter()
        on = where.for_gateway(gateway.workers)
        with _started(launch.command, on=on, extra=dict(launch.extra), folder=folder) as session:
            launch = _wait(session, launch)
            yield Running(
                gateway=gateway,
                launch=launch,
                upstream=provider,
                session=session,
                where=where,
                folder=folder,
                start_s=time.perf_counter() - began_s,
            )


def run_load(
    plan: Plan, *, core: int | None, gateway: Session | None = None, upstream: Session | None = None
) -> Report:
    """The report of one run of the load. RuntimeError if the load itself fails."""
    line = [sys.executable, "-m", "tests.benchmarks.load", plan.url, "--model", plan.model, "--key", plan.key]
    line += ["--connections", str(plan.connections), "--seconds", str(plan.seconds), "--requests", str(plan.requests)]
    line += ["--warm-up-s", str(plan.warm_up_s), "--drain-s", str(plan.drain_s), "--spread-s", str(plan.spread_s)]
    line += [f"--header={header}" for header in plan.headers]
    line += ["--stream"] if plan.stream else []
    line += [] if core is None else ["--core", str(core)]
    line += [] if gateway is None else ["--cpu-of", str(gateway.id)]
    line += [] if upstream is None else ["--upstream", str(upstream.id)]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the load failed: {ended.stderr[-2000:]}")
    found = orjson.loads(ended.stdout)
    spreads = {name: Spread(**value) for name, value in found.items() if name.endswith("_us")}
    return Report(**{**found, **spreads})


@contextmanager
def _started(
    command: Sequence[str], *, on: Sequence[int | None], extra: dict[str, str], folder: Path | None = None
) -> Iterator[Session]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as spare:
        session = Session(command, folder=folder or Path(spare), on=on, extra=extra)
        try:
            yield session
        finally:
            session.stop()


def _wait(session: Session, launch: Launch) -> Launch:
    """Ask until there is an answer; returns the launch with its address."""
    until_s = time.perf_counter() + _START_S
    status = "it did not listen"
    while time.perf_counter() < until_s:
        last_words = session.ended()
        if last_words is not None:
            raise Unavailable(f"ended at its start: {last_words[-300:]}")
        launch = launch if launch.url else _with_url(session, launch)
        if launch.url:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status = _asked(launch)
                if status == "200":
                    return launch
        time.sleep(_POLL_S)
    raise Unavailable(f"gave no good answer within {_START_S:g} s: {status}")


def _with_url(session: Session, launch: Launch) -> Launch:
    said = re.search(launch.says_url, session.said())
    return launch if said is None else dataclasses.replace(launch, url=f"{said[1]}/chat/completions")


def _asked(launch: Launch) -> str:
    address = urlsplit(launch.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    headers = dict(line.split(": ", 1) for line in launch.headers)
    headers |= {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with contextlib.closing(connection):
        connection.request("POST", address.path, prompts.bodies(model=launch.model, count=1)[0], headers)
        response = connection.getresponse()
        text = response.read()
    return "200" if response.status == 200 else f"{response.status} {text[:200].decode(errors='replace')}"
