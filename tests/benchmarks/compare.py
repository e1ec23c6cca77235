"""Two commits of ours side by side: the same rounds over both, and the ratio with its spread."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from tests.benchmarks import gateways
from tests.benchmarks.arithmetic import ratios, rounds
from tests.benchmarks.figures import FIGURES, tabulate
from tests.benchmarks.gateways import DIRECT, ROOT, Lane, Unavailable
from tests.benchmarks.measure import STREAMS, WHOLE, Measurement, Pace
from tests.benchmarks.results import aligned
from tests.benchmarks.running import Places

HERE = "."
"""Stands for the files as they are, committed or not."""


def checkout(revision: str, folder: Path) -> Path:
    """The product as it was at a revision, with the benchmark as it is now. Unavailable for an unknown revision.

    Dependencies are this environment's: they must be the same at both revisions.
    """
    if revision == HERE:
        shutil.copytree(ROOT / "gateway", folder / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    else:
        line = ["git", "-c", f"safe.directory={ROOT}", "archive", revision, "gateway"]
        packed = subprocess.run(line, cwd=ROOT, capture_output=True, check=False)
        if packed.returncode:
            raise Unavailable(packed.stderr.decode().strip())
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
    shutil.copytree(ROOT / "tests" / "benchmarks", folder / "tests" / "benchmarks")
    for name in ("__init__.py", "builders.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests" / name)
    return folder


def compare(
    before: Path, after: Path, *, names: tuple[str, str], pace: Pace, where: Places, say: Callable[[str], None]
) -> Iterator[str]:
    """Lines of a table: each figure at both revisions, and the later over the earlier."""
    lane, note = _lane(before, after)
    pair = [
        gateways.ours(lane=lane, source=source, name=key, title=name)
        for key, source, name in zip(("before", "after"), (before, after), names, strict=True)
    ]
    phases = [phase for phase in (*WHOLE, *STREAMS) if phase.connections in {1, 64, 100}]
    series = Measurement(gateways=[DIRECT, *pair], phases=phases, pace=pace, where=where, say=say).run()
    yield from (f"{name}: {reason}" for name, reason in series.missing.items())
    table = tabulate(series)
    old, new = table.get("before", {}), table.get("after", {})
    rows = [["", *names, "later / earlier", "least", "most"]]
    for figure in FIGURES:
        if figure.name in old and figure.name in new:
            medians = [f"{row[figure.name].median:,.{figure.digits}f}" for row in (old, new)]
            found = ratios(new[figure.name].values, old[figure.name].values)
            spread = ["-"] * 3 if found is None else [f"{v:.3f}" for v in (found.median, found.least, found.most)]
            rows.append([f"{figure.group}: {figure.title}", *medians, *spread])
    yield note
    yield from aligned(rows)
    say("the steps one by one")
    yield from ("", *_steps(before, after, names, pace.rounds))


def _lane(before: Path, after: Path) -> tuple[Lane, str]:
    """The direct lane if both have it."""
    try:
        for source in (before, after):
            gateways.ours(source=source).install()
    except Unavailable:
        return "litellm", "litellm lane: one of the two has no other"
    return "direct", "direct lane"


def _steps(before: Path, after: Path, names: tuple[str, str], count: int) -> Iterator[str]:
    """The micro-benchmarks of both, in turns."""
    found: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for _ in range(count):
        for source, results in zip((before, after), found, strict=True):
            results.append(micro(source))
    rows = [["step, us", *names, "later / earlier", "least", "most"]]
    for name in found[0][0]:
        old, new = ([result[name] for result in results if name in result] for results in found)
        ratio, one, other = ratios(new, old), rounds(old), rounds(new)
        if ratio is not None and one is not None and other is not None:
            spread = [f"{value:.3f}" for value in (ratio.median, ratio.least, ratio.most)]
            rows.append([name, f"{one.median:.1f}", f"{other.median:.1f}", *spread])
    yield from aligned(rows)


def micro(source: Path) -> dict[str, float]:
    """The steps of the product in this folder, measured by a process of its own, on one thread."""
    line = ["env", "OPENBLAS_NUM_THREADS=1", sys.executable, "-m", "tests.benchmarks.micro"]
    ended = subprocess.run(line, cwd=source, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the steps cannot be measured: {ended.stderr[-2000:]}")
    steps: dict[str, float] = orjson.loads(ended.stdout)
    return steps
