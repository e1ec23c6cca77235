"""The demo's picture: who answered which kind of task over time, and the regret that piled up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from gateway.core.values import FloatArray
from gateway.demo.ledger import Run
from gateway.demo.report import NAMES, student

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSTALL = "pip install 'llm-auto-optimizer-gateway[demo]'"
COLORS = ("#4c9f70", "#3a6ea5", "#d98c3f", "#8d6a9f", "#b5534b", "#6b7280")
"""One per model, readable for colour-blind eyes and in print."""
INK, FAINT = "#22272e", "#8a919b"
LINES: Mapping[str, str] = {"linucb": "#c2255c", "thompson": "#7048e8", "contextual_thompson": "#0c8599"}
CEILING = 1.6
"""Height of the regret's axis, in regrets of the best fixed model."""
_TRACE = 1e-12
WINDOWS = 40
"""Points along the axis of requests at which shares are drawn."""


class PlotError(Exception):
    """There can be no picture; the message says why and what to do."""


def draw(runs: Mapping[str, Sequence[Run]], path: Path) -> None:
    """Write a PNG of these runs by algorithm, the one to be shown in detail first. All have the same size and drift.

    PlotError if matplotlib is missing or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise PlotError(f"The plot needs matplotlib, which is not installed: {INSTALL}") from error
    figure = Figure(
        figsize=(12.0, 10.0), dpi=130, facecolor="white", layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
    )
    FigureCanvasAgg(figure)
    _compose(figure, runs)
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise PlotError(f"The plot could not be written to {path}: {error}") from error


def _compose(figure: Figure, runs: Mapping[str, Sequence[Run]]) -> None:
    name, shown = next(iter(runs.items()))
    first = shown[0]
    seeds = f"seed {first.seed}" if len(shown) == 1 else f"mean of {len(shown)} seeds"
    drift = "" if first.drift is None else f", {first.drift.model_id} gets worse halfway"
    figure.suptitle(
        f"{NAMES[name]} learns which model to ask: {len(first.rows):,} requests, {seeds}{drift}",
        fontsize=15, fontweight="bold", color=INK,
    )  # fmt: skip
    tasks = sorted(set(first.ledger.tasks))
    above, below = cast("Sequence[Figure]", figure.subfigures(2, 1, height_ratios=(1.15, 1.0)))
    above.suptitle("Share of each model, by kind of task", fontsize=11.5, color=INK)
    grid = above.subplots(2, -(-len(tasks) // 2), sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place < len(tasks):
            _shares(axes, shown, tasks[place])
        else:
            axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("share of requests", color=INK)
    for axes in grid[-1]:
        axes.set_xlabel("requests", color=INK)
    handles, labels = grid[0][0].get_legend_handles_labels()
    above.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=10)
    _regret(below.subplots(), runs)


def _shares(axes: Axes, runs: Sequence[Run], task: str) -> None:
    """Stacked areas of who answered one kind of task, in a window around each point."""
    models, count = runs[0].ledger.models, len(runs[0].rows)
    points = np.linspace(0, count, WINDOWS)
    shares = np.mean([_windowed(run, task, points) for run in runs], axis=0)
    axes.stackplot(points, shares, labels=models, colors=COLORS[: len(models)], alpha=0.92, linewidth=0)
    axes.set_title(task.replace("_", " "), fontsize=10.5, color=INK, loc="left", fontweight="bold")
    axes.set_title(f"best: {_best(runs[0], task)}", fontsize=9.5, color=FAINT, loc="right")
    axes.set_xlim(0, count)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    _plain(axes)
    _mark_drift(axes, runs[0])


def _best(run: Run, task: str) -> str:
    """The oracle's model for one kind of task, and the one after the drift if that is another."""
    books = run.ledger
    oracle = [books.models[column] for column, kind in zip(books.oracle, books.tasks, strict=True) if kind == task]
    return " → ".join(dict.fromkeys(oracle))


def _windowed(run: Run, task: str, points: FloatArray) -> FloatArray:
    """Shares of the models, shape (K, points), among the requests of one kind around each point."""
    models = run.ledger.models
    places = np.array([place for place, kind in enumerate(run.ledger.tasks) if kind == task], dtype=np.float64)
    chosen = np.array([row.arm for row in run.rows])[places.astype(int)]
    width = len(run.rows) / WINDOWS * 1.5
    # A trace of weight everywhere, so that there is a share even where no request was near.
    weights = np.exp(-0.5 * ((points[:, None] - places[None, :]) / (width / 2.0)) ** 2) + _TRACE
    counts = np.array([weights @ (chosen == model) for model in models])
    shares: FloatArray = counts / np.maximum(counts.sum(axis=0), _TRACE)
    return shares


def _regret(axes: Axes, runs: Mapping[str, Sequence[Run]]) -> None:
    """Cumulative regret against the oracle: of each algorithm, and of every model asked for everything."""
    first = next(iter(runs.values()))
    books, count = first[0].ledger, len(first[0].rows)
    requests = np.arange(1, count + 1)
    for place, model in enumerate(books.models):
        lost = np.mean([np.cumsum(run.standing.oracle - run.ledger.asked[:, place]) for run in first], axis=0)
        best = place == books.best_fixed
        label = f"always {model}{' (best fixed model)' if best else ''}"
        axes.plot(requests, lost, color=COLORS[place], linewidth=2.2 if best else 1.3, linestyle="--", label=label)
    for name, some in runs.items():
        lost = np.array([np.cumsum(run.standing.oracle - run.standing.earned) for run in some])
        mean, color = lost.mean(axis=0), LINES[name]
        axes.plot(requests, mean, color=color, linewidth=2.6, label=f"gateway, {NAMES[name]}")
        if len(some) > 1:
            half = student(len(some) - 1) * lost.std(axis=0, ddof=1) / np.sqrt(len(some))
            axes.fill_between(requests, mean - half, mean + half, color=color, alpha=0.18, linewidth=0)
    axes.axhline(0.0, color=INK, linewidth=1.2, label="oracle: the best model per task")
    axes.set_title("Cumulative regret: reward lost against the oracle (lower is better)", fontsize=11.5, color=INK)
    # A model that collapses would press all the other lines flat.
    top = CEILING * float(np.mean([(run.standing.oracle - run.standing.fixed).sum() for run in first]))
    axes.set_ylim(-0.03 * top, min(top, axes.get_ylim()[1]))
    axes.set_xlabel("requests", color=INK)
    axes.set_ylabel("reward lost so far", color=INK)
    axes.set_xlim(0, count)
    axes.grid(color="#e7e9ec", linewidth=0.8)
    axes.set_axisbelow(True)
    _plain(axes)
    _mark_drift(axes, first[0], named=True)
    axes.legend(loc="upper left", frameon=False, fontsize=10)


def _mark_drift(axes: Axes, run: Run, *, named: bool = False) -> None:
    if run.drift is None:
        return
    place = run.drift.from_question
    axes.axvline(place, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
    if named:
        axes.annotate(
            f"from here on {run.drift.model_id} has {run.drift.skill_factor:.0%} of its skill",
            (place, 0.97),
            (6, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize=9.5,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 2.0},
        )


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.set_major_formatter(lambda number, _: f"{number:,.0f}")
