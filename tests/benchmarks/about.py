"""On what, when and how a table was made."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.benchmarks.gateways import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The facts without which figures mean nothing."""

    date: str
    command: str
    commit: str
    machine: str
    python: str
    libraries: dict[str, str]


def about(arguments: Sequence[str]) -> About:
    """Gathered now; `arguments` are the command line's."""
    return About(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=" ".join(["python -m tests.benchmarks", *arguments]),
        commit=_commit(),
        machine=f"{_processor()}, {psutil.cpu_count()} CPUs, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        libraries={name: version(name) for name in ("aiohttp", "uvloop", "numpy", "orjson", "litellm")},
    )


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine() or sys.platform


def _commit() -> str:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return "unknown"
    return (
        f"{_git('rev-parse', '--short=12', 'HEAD')}{' with changes' if _git('status', '--porcelain', '-uno') else ''}"
    )


def _git(*arguments: str) -> str:
    line = ["git", "-c", f"safe.directory={ROOT}", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
