"""The picture of a table: CPU per request, added latency and CPU per streamed frame, a bar a gateway."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.results import Results

_COLORS = {"ours": "#79b8ff", "peer": "#c3cad3", "limit": "#e6e9ed"}
_PANELS = (
    ("cpu_us", "CPU per request, microseconds"),
    ("added_p50_us", "added latency, microseconds (p50, tick: p99)"),
    ("paced_cpu_us", "CPU per frame of a paced stream, microseconds"),
)
_TAIL = {"added_p50_us": "added_p99_us"}


def draw(results: Results, kinds: dict[str, str], path: Path) -> None:
    """A PNG; nothing where no gateway was measured. `kinds` colours gateways as ours, peers and limits."""
    names = [name for name, row in results.table.items() if name != "direct" and any(key in row for key, _ in _PANELS)]
    if not names:
        return
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = sorted(names, key=lambda name: _value(results, name, "cpu_us") or 0.0, reverse=True)
    figure, panels = plt.subplots(
        1, len(_PANELS), figsize=(15, 1.6 + 0.42 * len(shown)), sharey=True, layout="constrained"
    )
    for axes, (key, title) in zip(panels, _PANELS, strict=True):
        values = [_value(results, name, key) for name in shown]
        known = [(row, value) for row, value in enumerate(values) if value is not None and value > 0]
        colors = [_COLORS[kinds[shown[row]]] for row, _ in known]
        axes.barh([row for row, _ in known], [value for _, value in known], color=colors, height=0.7)
        for row, value in known:
            label = f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
            axes.annotate(label, (value, row), xytext=(-4, 0), textcoords="offset points", ha="right", va="center")
        tails = [(row, _value(results, shown[row], _TAIL.get(key, ""))) for row, _ in known]
        marked = [(row, tail) for row, tail in tails if tail is not None and tail > 0]
        axes.plot([tail for _, tail in marked], [row for row, _ in marked], "|", color="#57606a", markersize=13)
        for row in set(range(len(shown))) - {row for row, _ in known}:
            axes.annotate(" not measured", (1, row), va="center", fontsize=9, color="#57606a")
        axes.set_xscale("log")
        axes.set_xlim(left=1.0)
        axes.set_title(title, fontsize=10, loc="left")
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(shown)), [_label(results, name) for name in shown])
    about = results.about
    figure.suptitle(f"{about.machine}, {about.date}, commit {about.commit}: lower is better, logarithmic", fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _value(results: Results, name: str, key: str) -> float | None:
    found = results.table[name].get(key)
    return None if found is None else found.median


def _label(results: Results, name: str) -> str:
    parts: Sequence[str] = (results.titles.get(name, name), results.versions.get(name, ""))
    return " ".join(part for part in parts if part)
