"""The environment of the official clients: they cannot share the gateway's, since litellm pins openai below 3.

python = client_environment()
subprocess.run([python, "-m", "tests.clients.openai_suite", ...])
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "tests" / "clients" / "requirements.lock"
CACHE = ROOT / "tests" / ".cache" / "clients"

_LIMIT_S = 200.0
"""Longest time for one step of the building; below the time limit of a test, so that the reason is told."""


class ClientEnvironmentError(RuntimeError):
    """The environment could not be built; the message says by which command, and what that said."""


def client_environment(lock: Path = LOCK, cache: Path = CACHE) -> Path:
    """The Python of an environment that holds what `lock` pins; built where it is missing (15 s, from the registry).

    The folder's name follows the lock and this Python, so a change of either builds anew. Safe in many processes at
    once. ClientEnvironmentError if it cannot be built: without it the clients prove nothing, so nothing is skipped.
    """
    meaning = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    folder = cache / f"{lock.stem}-{meaning[:16]}"
    python, built = folder / "bin" / "python", folder / "built"
    if not _usable(python, built):
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f"{folder.name}.lock").open("w") as held:
            # The kernel drops this lock when its holder dies, so a killed build never blocks the next one.
            fcntl.flock(held, fcntl.LOCK_EX)
            if not _usable(python, built):
                _build(folder, lock)
                built.touch()  # last of all: a folder without it is half a build, and is begun afresh
    return python


def _usable(python: Path, built: Path) -> bool:
    # The link leads nowhere once the Python that it was made from is gone.
    return built.exists() and python.exists()


def _build(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as late:
        raise ClientEnvironmentError(f"not done after {_LIMIT_S:.0f} s: {' '.join(command)}") from late
    if done.returncode:
        raise ClientEnvironmentError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
