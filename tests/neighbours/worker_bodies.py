"""Things that a worker process may do in place of serving; each line of their output names the process."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from gateway.settings.schema import Settings

Ready = Callable[[int], None]


def tell(what: object) -> None:
    """Write a line to the supervisor's standard output."""
    os.write(1, f"{os.getpid()} {what}\n".encode())


def obey(settings: Settings, ready: Ready) -> None:
    """Be ready at once, and end in good order when told to."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    folder = _folder()
    tell(f"port {settings.server.port} metrics {os.path.isdir(folder)} {'prometheus_client' in sys.modules}")
    ready(settings.server.port)
    tell("ready")
    while not ended:
        time.sleep(0.01)
    tell("drained")


def _folder() -> str:
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")  # noqa: TID251 # what the library would read


def dawdle(settings: Settings, ready: Ready) -> None:
    """The same, after half a second in which it could not end in good order."""
    tell("starting")
    time.sleep(0.5)
    obey(settings, ready)


def obey_once(settings: Settings, ready: Ready) -> None:
    """The first to come obeys; all others fail before being ready."""
    try:
        os.mkdir(f"{_folder()}/taken")
    except FileExistsError:
        tell("dying")
        sys.exit(3)
    obey(settings, ready)


def stumble(settings: Settings, ready: Ready) -> None:
    """Fail right after being ready."""
    ready(settings.server.port)
    tell("dying")
    os.kill(os.getpid(), signal.SIGKILL)


def ignore(settings: Settings, ready: Ready) -> None:
    """Never end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready(settings.server.port)
    tell("ready")
    time.sleep(60)


def fail_to_drain(settings: Settings, ready: Ready) -> None:
    """End, but not in good order."""
    try:
        obey(settings, ready)
    finally:
        sys.exit(4)
