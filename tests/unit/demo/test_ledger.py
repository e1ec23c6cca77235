"""The ledger's sums, against a second, slower way to compute them and against what must hold whatever the numbers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.reward import RewardSettings
from gateway.demo.configuration import REWARD, degradation
from gateway.demo.ledger import RECOVERED, WINDOW, Ledger, Run, Standing, ledger, reward_of
from gateway.demo.profiles import PROFILES, Degradation, outcome
from gateway.demo.questions import draw_questions
from gateway.demo.traffic import Row

SEED = 7
QUESTIONS = draw_questions(240, SEED)
FALL = degradation(240)
SHAKY = tuple(replace(profile, error_rate=0.3) for profile in PROFILES)
MODELS = [profile.id for profile in PROFILES]


def books(drift: Degradation | None = None) -> Ledger:
    return ledger(SHAKY, QUESTIONS, REWARD, seed=SEED, baseline="scholar", degradation=drift)


def rows(arms: list[str | None]) -> list[Row]:
    return [
        Row(question_id=question.id, task=question.task, streamed=False, arm=arm)
        for question, arm in zip(QUESTIONS, arms, strict=True)
    ]


def run(arms: list[str | None], drift: Degradation | None = None) -> Run:
    return Run(algorithm="linucb", seed=SEED, rows=rows(arms), ledger=books(drift), drift=drift, seconds=1.0)


def test_a_reward_is_the_weighted_sum_of_its_parts() -> None:
    """Balanced: 0.6 quality + 0.3 saved cost + 0.1 saved time, in shares of the limits."""
    for question in QUESTIONS[:50]:
        for profile in PROFILES:
            found = outcome(profile, question, SEED)
            cost, latency = min(1.0, found.cost_usd / 0.0022), min(1.0, found.latency_s / 1.0)
            expected = 0.6 * found.quality + 0.3 * (1.0 - cost) + 0.1 * (1.0 - latency)
            assert reward_of(found, REWARD) == pytest.approx(expected)


def test_other_reward_settings_count_otherwise() -> None:
    """Nothing is fixed here: the settings decide."""
    found = outcome(PROFILES[0], QUESTIONS[0], SEED)
    assert reward_of(found, RewardSettings(preset="quality")) != reward_of(found, RewardSettings(preset="cost"))


@pytest.mark.parametrize("drift", [None, FALL])
def test_a_call_that_fails_is_answered_by_the_fallback(drift: Degradation | None) -> None:
    """The baseline steps in, for the baseline the first model as listed, and if all fail there is nothing."""
    found = books(drift)
    for question in QUESTIONS:
        results = {profile.id: outcome(profile, question, SEED, drift) for profile in SHAKY}
        for place, model in enumerate(MODELS):
            order = dict.fromkeys([model, "scholar", *MODELS])
            answering = next((results[other] for other in order if not results[other].fails), None)
            expected = 0.0 if answering is None else reward_of(answering, REWARD)
            assert found.asked[question.id, place] == pytest.approx(expected)


@pytest.mark.parametrize("drift", [None, FALL])
def test_best_fixed_and_oracle_by_hand(drift: Degradation | None) -> None:
    """One model for all, and one per task and phase, found with dictionaries."""
    found = books(drift)
    total: dict[str, float] = defaultdict(float)
    cells: dict[tuple[str, bool], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for question in QUESTIONS:
        for place, model in enumerate(MODELS):
            total[model] += found.asked[question.id, place]
            late = drift is not None and question.id >= drift.from_question
            cells[question.task, late][model] += found.asked[question.id, place]
    assert found.models[found.best_fixed] == max(total, key=lambda model: total[model])
    for question, place in zip(QUESTIONS, found.oracle, strict=True):
        cell = cells[question.task, drift is not None and question.id >= drift.from_question]
        assert found.models[place] == max(cell, key=lambda model: cell[model])


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_nobody_who_chooses_by_task_beats_the_oracle(data: st.DataObject) -> None:
    """Whatever model each task is given, the oracle earns at least as much."""
    found = books()
    given_to = {task: data.draw(st.integers(0, 2)) for task in sorted(set(found.tasks))}
    every = np.arange(len(QUESTIONS))
    chosen = np.array([given_to[task] for task in found.tasks])
    assert found.asked[every, chosen].sum() <= found.asked[every, found.oracle].sum() + 1e-9


def test_what_was_earned_is_the_answering_models_reward() -> None:
    """By whatever way the model came to answer; a request that nobody answered earned nothing."""
    arms: list[str | None] = [None if i % 10 == 0 else MODELS[i % 3] for i in range(len(QUESTIONS))]
    earned = books().earned(rows(arms))
    for question, arm, value in zip(QUESTIONS, arms, earned, strict=True):
        profile = next((profile for profile in SHAKY if profile.id == arm), None)
        expected = 0.0 if profile is None else reward_of(outcome(profile, question, SEED), REWARD)
        assert value == pytest.approx(expected)


@pytest.mark.parametrize("drift", [None, FALL])
def test_the_references_stand_in_the_run(drift: Degradation | None) -> None:
    """A run is compared with the best fixed model and the oracle of its own ledger."""
    found = run([MODELS[0]] * len(QUESTIONS), drift)
    assert found.standing.fixed.sum() == pytest.approx(found.ledger.asked.sum(axis=0).max())
    assert found.standing.oracle.mean() >= found.standing.fixed.mean()


def test_captured_is_0_for_the_best_fixed_model_and_1_for_the_oracle() -> None:
    """And in between for a mixture of the two, in proportion."""
    fixed, oracle = np.full(100, 0.5), np.full(100, 0.9)
    half = np.where(np.arange(100) < 75, fixed, oracle)
    assert Standing(earned=fixed, fixed=fixed, oracle=oracle).captured() == pytest.approx(0.0)
    assert Standing(earned=oracle, fixed=fixed, oracle=oracle).captured() == pytest.approx(1.0)
    mixed = Standing(earned=half, fixed=fixed, oracle=oracle)
    assert mixed.captured() == pytest.approx(0.25)
    assert mixed.captured(mixed.last_quarter) == pytest.approx(1.0)


def test_there_is_nothing_to_capture_where_the_oracle_gains_nothing() -> None:
    """Then the share is not a number, rather than a division by zero or a false zero."""
    same = np.full(8, 0.5)
    assert np.isnan(Standing(earned=same, fixed=same, oracle=same).captured())


@settings(max_examples=50, deadline=None)
@given(drift_at=st.integers(0, 500), blind=st.integers(0, 800))
def test_recovery_is_when_the_first_good_window_ends(drift_at: int, blind: int) -> None:
    """Blind for a while after the drift, then as good as the oracle: back once a tenth of a window is still blind."""
    count = 2_000
    fixed, oracle = np.zeros(count), np.ones(count)
    places = np.arange(count)
    earned = ((places < drift_at) | (places >= drift_at + blind)).astype(float)
    back = Standing(earned=earned, fixed=fixed, oracle=oracle).recovery(drift_at)
    assert back == max(WINDOW, blind + round(RECOVERED * WINDOW))


def test_a_run_that_never_comes_back_says_so() -> None:
    """None, and not the length of the run."""
    nothing = np.zeros(1_000)
    assert Standing(earned=nothing, fixed=nothing, oracle=np.ones(1_000)).recovery(100) is None


def test_without_a_drift_there_is_nothing_to_recover_from() -> None:
    """A calm run has no time of recovery."""
    assert run([MODELS[0]] * len(QUESTIONS)).recovered_after is None
