"""What the demo found out: as JSON for programs, as tables and plain sentences for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean, stdev
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.demo.ledger import RECOVERED, WINDOW, IntArray, Run

Report = dict[str, Any]
"""JSON values only."""
NAMES: Mapping[str, str] = {
    "linucb": "LinUCB",
    "thompson": "Thompson without context",
    "contextual_thompson": "contextual Thompson",
}


def summary(run: Run) -> Report:
    """Everything about one run. Costs are USD and latencies seconds per request; rewards are the ledger's."""
    books, standing, rows = run.ledger, run.standing, run.rows
    chosen = np.array([books.models.index(row.arm) if row.arm else -1 for row in rows])
    gateway = {
        "reward": float(standing.earned.mean()),
        "quality": fmean(row.quality for row in rows),
        "cost_usd": fmean(row.cost_usd for row in rows),
    }
    told = [row.reward for row in rows if row.reward is not None]
    return {
        "algorithm": run.algorithm,
        "seed": run.seed,
        "requests": len(rows),
        "drift": _drift(run),
        "seconds": round(run.seconds, 3),
        "latency_s": fmean(row.latency_s for row in rows),
        "streamed": sum(row.streamed for row in rows),
        "fallbacks": sum(row.mode == "fallback" for row in rows),
        "errors": [row.error for row in rows if row.error is not None],
        "reward_told": fmean(told) if told else None,
        "choices": [_choice(run, chosen, places, model) for places in books.cells() for model in range(_count(run))],
        "totals": {
            "gateway": gateway,
            "oracle": _reference(run, books.oracle),
            "fixed": {
                model: _reference(run, np.full(len(rows), place)) for place, model in enumerate(books.models)
            },
        },
        "best_fixed": books.models[books.best_fixed],
        "regret": {
            "best_fixed": float((standing.fixed - standing.earned).sum()),
            "oracle": float((standing.oracle - standing.earned).sum()),
        },
        "captured": _number(standing.captured()),
        "captured_last_quarter": _number(standing.captured(standing.last_quarter)),
        "recovered_after": run.recovered_after,
    }  # fmt: skip


def _count(run: Run) -> int:
    return len(run.ledger.models)


def _choice(run: Run, chosen: IntArray, places: IntArray, model: int) -> Report:
    """How often a model answered one kind of task (before or after the drift), and what came of it."""
    here = places[chosen[places] == model]
    rows = [run.rows[place] for place in here]
    late = places[-max(1, len(places) // 4) :]
    earned = run.standing.earned[here]
    return {
        "task": run.ledger.tasks[places[0]],
        "phase": _phase(run, places),
        "model": run.ledger.models[model],
        "best": bool(run.ledger.oracle[places[0]] == model),
        "requests": len(rows),
        "share": len(rows) / len(places),
        "share_at_the_end": float((chosen[late] == model).mean()),
        "quality": fmean(row.quality for row in rows) if rows else None,
        "reward": float(earned.mean()) if rows else None,
        "cost_usd": fmean(row.cost_usd for row in rows) if rows else None,
        "latency_s": fmean(row.latency_s for row in rows) if rows else None,
    }


def _phase(run: Run, places: IntArray) -> str | None:
    if run.drift is None:
        return None
    return "after" if places[0] >= run.drift.from_question else "before"


def _drift(run: Run) -> Report | None:
    if run.drift is None:
        return None
    drift = run.drift
    return {"model": drift.model_id, "from_request": drift.from_question, "skill_factor": drift.skill_factor}


def _reference(run: Run, columns: IntArray) -> dict[str, float]:
    every, books = np.arange(len(run.rows)), run.ledger
    return {
        "reward": float(books.asked[every, columns].mean()),
        "quality": float(books.qualities[every, columns].mean()),
        "cost_usd": float(books.costs[every, columns].mean()),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def summary_of_seeds(runs: Mapping[str, Sequence[Run]]) -> Report:
    """Means over seeds with 95 % intervals (Student's t) per algorithm, and beside them the references."""
    first = next(iter(runs.values()))
    standings = {name: [run.standing for run in some] for name, some in runs.items()}
    return {
        "seeds": [run.seed for run in first],
        "requests": len(first[0].rows),
        "drift": _drift(first[0]),
        "seconds": round(sum(run.seconds for some in runs.values() for run in some), 3),
        "errors": sum(row.error is not None for some in runs.values() for run in some for row in run.rows),
        "best_fixed": {
            "reward": interval([float(s.fixed.mean()) for s in standings[first[0].algorithm]]),
            "models": sorted({run.ledger.models[run.ledger.best_fixed] for run in first}),
        },
        "oracle": {"reward": interval([float(s.oracle.mean()) for s in standings[first[0].algorithm]])},
        "algorithms": {
            name: {
                "reward": interval([float(s.earned.mean()) for s in some]),
                "worst_seed": min(float(s.earned.mean()) for s in some),
                "regret_best_fixed": interval([float((s.fixed - s.earned).sum()) for s in some]),
                "regret_oracle": interval([float((s.oracle - s.earned).sum()) for s in some]),
                "captured": interval([s.captured() for s in some]),
                "captured_last_quarter": interval([s.captured(s.last_quarter) for s in some]),
                "recovered_after": [run.recovered_after for run in runs[name]],
            }
            for name, some in standings.items()
        },
    }


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and the two ends of its 95 % interval; one value alone has none."""
    mean = fmean(values)
    if len(values) < 2:
        return {"mean": mean, "low": None, "high": None}
    half = student(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, within 1 % (Abramowitz and Stegun 26.7.5, for 1 and 2 the exact values)."""
    if freedom <= 2:
        return {1: 12.706, 2: 4.303}[freedom]
    z = NormalDist().inv_cdf(0.975)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def show(report: Report, console: Console) -> None:
    """The tables of one run and what they come to."""
    drift = report["drift"]
    phases: dict[str | None, str] = {None: "who answered what"}
    if drift is not None:
        phases = {"before": "until the drift", "after": f"after the drift: {drift['model']} is worse"}
    for phase in dict.fromkeys(choice["phase"] for choice in report["choices"]):
        table = _table(phases[phase], "task", "model", "share", "last ¼", "quality", "reward", "$/1000", "ms")
        last = None
        for choice in report["choices"]:
            if choice["phase"] != phase:
                continue
            if last not in (None, choice["task"]):
                table.add_section()
            table.add_row(
                escape(choice["task"]) if choice["task"] != last else "",
                f"{choice['model']}{' ●' if choice['best'] else ''}",
                f"{choice['share']:.0%}",
                f"{choice['share_at_the_end']:.0%}",
                *_figures(choice),
                _shown(choice["latency_s"], 1000.0, 0),
                style="bold green" if choice["best"] else None,
            )
            last = choice["task"]
        console.print(table)
    console.print("●: earns most on this task; last ¼: share in the last quarter of these requests", style="dim")
    console.print(_totals(report))
    for sentence in _sentences(report):
        console.print(sentence)


def _totals(report: Report) -> Table:
    totals = report["totals"]
    table = _table("what it came to", "choice", "quality", "reward", "$/1000", "regret")
    rows = [
        (f"gateway, {NAMES[report['algorithm']]}", totals["gateway"], "bold"),
        *((f"always {model}", reference, None) for model, reference in totals["fixed"].items()),
        ("oracle: best per task", totals["oracle"], None),
    ]
    for name, total, style in rows:
        lost = (totals["oracle"]["reward"] - total["reward"]) * report["requests"]
        table.add_row(name, *_figures(total), f"{lost:.1f}", style=style)
    return table


def _sentences(report: Report) -> list[str]:
    best, lead = report["best_fixed"], -report["regret"]["best_fixed"]
    told = "more" if lead >= 0 else "less"
    said = [
        f"{report['requests']} requests in {report['seconds']:.0f} s: {report['streamed']} streamed, "
        f"{report['fallbacks']} answered by a fallback, {len(report['errors'])} failed.",
        f"The gateway earned {abs(lead):.1f} {told} than the best fixed model ({best}) and "
        f"{report['regret']['oracle']:.1f} less than the oracle:",
        f"{_percent(report['captured'])} of the oracle's gain over {best}, "
        f"{_percent(report['captured_last_quarter'])} in the last quarter.",
    ]
    if report["drift"] is not None:
        after = report["recovered_after"]
        back = f"after {after} requests" if after is not None else "not before the end"
        said.append(f"Back at {RECOVERED:.0%} of it after the drift (over {WINDOW} requests): {back}.")
    return said


def show_seeds(report: Report, console: Console) -> None:
    """The table over seeds."""
    count = len(report["seeds"])
    drift = f", {report['drift']['model']} worse halfway" if report["drift"] else ""
    what = f"{count} seeds of {report['requests']} requests{drift}"
    table = _table(f"{what}: mean ± half the 95 % interval", "choice", "reward", "captured %", "last ¼ %", "back after")
    table.add_row(f"best fixed: {', '.join(report['best_fixed']['models'])}", _spread(report["best_fixed"]["reward"]))
    for name, found in report["algorithms"].items():
        back = [after for after in found["recovered_after"] if after is not None]
        table.add_row(
            NAMES[name],
            _spread(found["reward"]),
            _spread(found["captured"], percent=True),
            _spread(found["captured_last_quarter"], percent=True),
            f"{fmean(back):.0f} ({len(back)}/{count})" if back else "-",
        )
    table.add_row("oracle: best per task", _spread(report["oracle"]["reward"]))
    console.print(table)
    console.print(
        "captured: share of the oracle's gain over the best fixed model; last ¼: in the last quarter of a run"
    )
    if report["drift"]:
        console.print(f"back after: requests from the drift until {RECOVERED:.0%} are captured over {WINDOW} requests")
    console.print(f"{report['errors']} requests failed; {report['seconds']:.0f} s in all.")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="left" if column in ("task", "model", "choice") else "right", no_wrap=True)
    return table


def _figures(of: Mapping[str, float | None]) -> tuple[str, str, str]:
    return _shown(of["quality"], 1.0, 2), _shown(of["reward"], 1.0, 3), _shown(of["cost_usd"], 1000.0, 3)


def _shown(value: float | None, unit: float, digits: int) -> str:
    return "-" if value is None else f"{value * unit:.{digits}f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _spread(found: Mapping[str, float | None], *, percent: bool = False) -> str:
    mean, high = found["mean"], found["high"]
    if mean is None:
        return "-"
    unit, digits = (100.0, 1) if percent else (1.0, 3)
    half = "" if high is None else f" ± {(high - mean) * unit:.{digits}f}"
    return f"{mean * unit:.{digits}f}{half}"
