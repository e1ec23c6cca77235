"""What the demo reports: shares that add up, totals that follow from the rows, intervals as in textbooks."""

from __future__ import annotations

import io
import json
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from gateway.demo.configuration import REWARD, degradation
from gateway.demo.ledger import Run, ledger
from gateway.demo.profiles import PROFILES, Degradation, outcome
from gateway.demo.questions import TASKS, draw_questions
from gateway.demo.report import interval, show, show_seeds, student, summary, summary_of_seeds
from gateway.demo.traffic import Row

COUNT = 360
FALL = degradation(COUNT)
MODELS = [profile.id for profile in PROFILES]


def make_run(seed: int = 3, drift: Degradation | None = None, algorithm: str = "linucb") -> Run:
    """A run in which chance chose the model, the oracle's more often than not; one request was not answered."""
    questions = draw_questions(COUNT, seed)
    books = ledger(PROFILES, questions, REWARD, seed=seed, baseline="scholar", degradation=drift)
    rng = np.random.default_rng(seed)
    rows = []
    for question in questions:
        profile = PROFILES[int(rng.integers(3)) if rng.random() < 0.4 else books.oracle[question.id]]
        found = outcome(profile, question, seed, drift)
        row = Row(
            question_id=question.id,
            task=question.task,
            streamed=question.id % 3 == 2,
            arm=profile.id,
            mode="fallback" if question.id % 100 == 1 else "live",
            attempts=1,
            quality=found.quality,
            reward=0.5,
            cost_usd=found.cost_usd,
            latency_s=found.latency_s,
        )
        rows.append(row)
    rows[5] = Row(question_id=5, task=questions[5].task, streamed=True, error="AnswerError: status 502")
    return Run(algorithm=algorithm, seed=seed, rows=rows, ledger=books, drift=drift, seconds=12.0)


def printed(report: dict[str, Any], width: int = 80, *, seeds: bool = False) -> str:
    page = io.StringIO()
    console = Console(file=page, width=width)
    (show_seeds if seeds else show)(report, console)
    return page.getvalue()


@pytest.mark.parametrize("drift", [None, FALL])
def test_every_model_has_its_share_of_every_task(drift: Degradation | None) -> None:
    """Per task (and phase) there is a row for each model, and the shares add up to what was answered."""
    run = make_run(drift=drift)
    choices = summary(run)["choices"]
    phases = [None] if drift is None else ["before", "after"]
    assert [(c["task"], c["phase"], c["model"]) for c in choices] == [
        (task, phase, model) for task in sorted(TASKS) for phase in phases for model in MODELS
    ]
    assert sum(choice["requests"] for choice in choices) == COUNT - 1
    for place in range(0, len(choices), 3):
        assert sum(choice["share"] for choice in choices[place : place + 3]) == pytest.approx(1.0, abs=0.06)
        assert sum(choice["best"] for choice in choices[place : place + 3]) == 1


def test_means_are_those_of_the_rows() -> None:
    """Quality, cost and latency of a model on a task, and of the gateway as a whole."""
    run = make_run()
    report = summary(run)
    for choice in report["choices"]:
        rows = [row for row in run.rows if row.task == choice["task"] and row.arm == choice["model"]]
        if not rows:
            assert choice["quality"] is choice["cost_usd"] is choice["latency_s"] is choice["reward"] is None
            continue
        assert choice["quality"] == pytest.approx(fmean(row.quality for row in rows))
        assert choice["cost_usd"] == pytest.approx(fmean(row.cost_usd for row in rows))
        assert choice["latency_s"] == pytest.approx(fmean(row.latency_s for row in rows))
    assert report["totals"]["gateway"]["quality"] == pytest.approx(fmean(row.quality for row in run.rows))
    assert report["errors"] == ["AnswerError: status 502"]
    assert report["fallbacks"] == 4


def test_regret_is_the_difference_of_the_totals() -> None:
    """Against the oracle and against the best fixed model, in reward over the whole run."""
    report = summary(make_run())
    totals = report["totals"]
    earned = totals["gateway"]["reward"]
    best = totals["fixed"][report["best_fixed"]]["reward"]
    assert best == max(reference["reward"] for reference in totals["fixed"].values())
    assert report["regret"]["oracle"] == pytest.approx(COUNT * (totals["oracle"]["reward"] - earned))
    assert report["regret"]["best_fixed"] == pytest.approx(COUNT * (best - earned))
    assert report["captured"] == pytest.approx((earned - best) / (totals["oracle"]["reward"] - best))


@pytest.mark.parametrize("drift", [None, FALL])
def test_reports_are_json(drift: Degradation | None) -> None:
    """No numpy scalars, no NaN, no tuples: what is printed is what is read back."""
    for report in (
        summary(make_run(drift=drift)),
        summary_of_seeds({"linucb": [make_run(1, drift), make_run(2, drift)]}),
    ):
        assert json.loads(json.dumps(report, allow_nan=False)) == report


@pytest.mark.parametrize("drift", [None, FALL])
def test_tables_fit_a_narrow_terminal(drift: Degradation | None) -> None:
    """80 columns hold every name in full, the best model marked, and the closing sentences."""
    page = printed(summary(make_run(drift=drift)))
    for word in (*TASKS, "swift ●", "coder ●", "always scholar", "oracle", "gateway, LinUCB", "$/1000"):
        assert word in page
    assert "…" not in page
    assert ("not before the end" in page) == (drift is not None)


def test_the_table_over_seeds_names_every_algorithm() -> None:
    """The best fixed model above, the oracle below, the algorithms with their intervals between."""
    runs = {name: [make_run(seed, FALL, name) for seed in range(3)] for name in ("linucb", "thompson")}
    page = printed(summary_of_seeds(runs), seeds=True)
    lines = [line.strip() for line in page.splitlines()]
    order = ["best fixed", "LinUCB", "Thompson without context", "oracle"]
    found = [next(i for i, line in enumerate(lines) if line.startswith(name)) for name in order]
    assert found == sorted(found)
    assert "…" not in page


def test_an_interval_is_students() -> None:
    """Mean and t times the standard error, by hand for 1, 2, 3: t(2) = 4.303, s = 1."""
    found = interval([1.0, 2.0, 3.0])
    assert found["mean"] == pytest.approx(2.0)
    assert found["high"] == pytest.approx(2.0 + 4.303 / 3**0.5)
    assert found["low"] == pytest.approx(2.0 - 4.303 / 3**0.5)
    assert interval([0.5]) == {"mean": 0.5, "low": None, "high": None}


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (19, 2.093), (30, 2.042), (1_000, 1.962)],
)
def test_students_quantiles(freedom: int, quantile: float) -> None:
    """As printed in every table of the t distribution."""
    assert student(freedom) == pytest.approx(quantile, rel=0.01)
