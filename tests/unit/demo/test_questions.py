"""Rules of the demo's traffic: repeatable, unique, and with answers that can be told right from wrong."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.questions import TASKS, Style, by_prompt, check, draw_questions, right_answer, wrong_answer

STYLES: tuple[Style, ...] = get_args(Style)
SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, style=st.sampled_from(STYLES))
def test_right_answers_check_to_one(task: str, seed: int, style: Style) -> None:
    """Whatever the style, a right answer is worth 1."""
    for question in draw_questions(4, seed, [task]):
        assert check(question, right_answer(question, style)) == 1.0


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, style=st.sampled_from(STYLES))
def test_wrong_answers_check_below_one_half(task: str, seed: int, style: Style) -> None:
    """Whatever the style and the mistake, a wrong answer is worth less than 0.5, and never less than 0."""
    rng = np.random.default_rng(seed)
    for question in draw_questions(4, seed, [task]):
        assert 0.0 <= check(question, wrong_answer(question, rng, style)) < 0.5


@pytest.mark.parametrize("task", TASKS)
def test_answers_to_other_questions_are_wrong(task: str) -> None:
    """The check looks at this question: an empty text and refusals are worth nothing to anyone."""
    for question in draw_questions(5, 3, [task]):
        assert check(question, "") < 0.5
        assert check(question, "I am sorry, but I cannot help with that.") < 0.5


def test_styles_order_the_length_of_right_answers() -> None:
    """Terse answers are shorter than plain ones, and plain ones shorter than verbose ones, so that costs differ."""
    for question in draw_questions(120, 5):
        terse, plain, verbose = (len(right_answer(question, style)) for style in ("terse", "plain", "verbose"))
        assert terse < plain < verbose


def test_a_longer_series_starts_with_the_shorter_one() -> None:
    """Question k depends on the seed and on what came before it, not on how many follow."""
    assert draw_questions(300, 11)[:100] == draw_questions(100, 11)


def test_other_seeds_ask_other_questions() -> None:
    """Two series share next to nothing."""
    shared = by_prompt(draw_questions(200, 1)).keys() & by_prompt(draw_questions(200, 2)).keys()
    assert len(shared) < 10


def test_prompts_are_unique_and_lead_back_to_their_question() -> None:
    """A provider recognises a question by its prompt alone."""
    questions = draw_questions(5_000, 13)
    registry = by_prompt(questions)
    assert len(registry) == len(questions)
    assert all(registry[question.prompt] is question for question in questions)
    assert [question.id for question in questions] == list(range(5_000))


def test_kinds_are_equally_likely() -> None:
    """Each of the six kinds has a share of one sixth: within 4.5 standard deviations of a binomial count."""
    count, share = 3_000, 1 / len(TASKS)
    tasks = [question.task for question in draw_questions(count, 17)]
    tolerance = 4.5 * (count * share * (1 - share)) ** 0.5
    for task in TASKS:
        assert abs(tasks.count(task) - count * share) < tolerance


def test_a_chosen_kind_is_the_only_one_asked() -> None:
    """`tasks` narrows the series."""
    assert {question.task for question in draw_questions(20, 1, ["reasoning"])} == {"reasoning"}


def test_bodies_survive_json() -> None:
    """A body carries plain JSON values only, never a numpy scalar."""
    for question in draw_questions(60, 19):
        body = question.body("swift")
        assert json.loads(json.dumps(body)) == body
