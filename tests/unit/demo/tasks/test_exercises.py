"""Rules of the exercises: the right code agrees with the reference, and the cases catch every bug."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.tasks.exercises import EXERCISES, Exercise
from gateway.demo.tasks.sandbox import RefusedCodeError, run_function

SMALL = st.integers(2, 6)
SEEDS = st.integers(0, 2**32 - 1)


def _results(exercise: Exercise, body: str, k: int, cases: list[tuple[object, ...]]) -> list[object] | None:
    source = f"def solve({exercise.parameter}):\n{body.format(k=k)}"
    try:
        return run_function(source, "solve", cases)
    except RefusedCodeError:
        return None


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, k=SMALL)
def test_the_right_code_agrees_with_the_reference(exercise: Exercise, seed: int, k: int) -> None:
    """Two implementations of one description, run on the same inputs."""
    cases = exercise.cases(np.random.default_rng(seed), k)
    assert _results(exercise, exercise.right, k, cases) == [exercise.reference(*case, k) for case in cases]


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, k=SMALL)
def test_the_cases_catch_every_bug(exercise: Exercise, seed: int, k: int) -> None:
    """Whatever is drawn, each bug gives a wrong result or fails, even with the first case held back for the prompt."""
    rng = np.random.default_rng(seed)
    cases = [*exercise.cases(rng, k), *exercise.cases(rng, k)][1:]
    expected = [exercise.reference(*case, k) for case in cases]
    for bug in exercise.bugs:
        assert _results(exercise, bug, k, cases) != expected


def test_names_are_unique() -> None:
    """A name stands for one exercise."""
    assert len({exercise.name for exercise in EXERCISES}) == len(EXERCISES)
