"""The demo's picture: a PNG for every kind of run, and a clear word where there can be none."""

from __future__ import annotations

import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.demo.ledger import Run
from gateway.demo.plot import INSTALL, PlotError, draw
from tests.unit.demo.test_report import FALL, make_run

RUNS = {
    "one run": {"linucb": [make_run()]},
    "one run with a drift": {"contextual_thompson": [make_run(drift=FALL, algorithm="contextual_thompson")]},
    "seeds": {
        "linucb": [make_run(seed, FALL) for seed in range(2)],
        "thompson": [make_run(seed, FALL, "thompson") for seed in range(2)],
    },
}


def size_of(png: Path) -> tuple[int, int]:
    """Width and height from the file's own header."""
    head = png.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@pytest.mark.parametrize("runs", RUNS.values(), ids=RUNS)
def test_a_picture_is_written(runs: dict[str, list[Run]], tmp_path: Path) -> None:
    """A PNG, large enough to read on any screen."""
    draw(runs, tmp_path / "plot.png")
    width, height = size_of(tmp_path / "plot.png")
    assert width >= 1_200
    assert height >= 900


def test_a_run_without_answers_can_be_drawn(tmp_path: Path) -> None:
    """Where everything failed there are no shares, and the picture says so instead of breaking the demo."""
    run = make_run()
    rows = [replace(row, arm=None) for row in run.rows]
    draw({"linucb": [replace(run, rows=rows)]}, tmp_path / "plot.png")
    assert size_of(tmp_path / "plot.png") > (0, 0)


def test_without_matplotlib_there_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo works without its extra; the message says how to install it."""
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PlotError, match=r"needs matplotlib.*demo") as caught:
        draw(RUNS["one run"], tmp_path / "plot.png")
    assert INSTALL in str(caught.value)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A typo in --plot loses the picture, not the table."""
    with pytest.raises(PlotError, match="nowhere"):
        draw(RUNS["one run"], tmp_path / "nowhere" / "plot.png")
