"""Rules of code generation: code is judged by what it returns on inputs the prompt does not show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.tasks.code_generation import FunctionSolution, ask

SOLUTION = FunctionSolution(
    name="double",
    cases=((1,), (4,), (0,)),
    expected=(2, 8, 0),
    right="def double(n):\n    return 2 * n",
    bugs=("def double(n):\n    return n * n",),
)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_prompt_names_the_function_and_python(seed: int) -> None:
    """A model can answer from the prompt alone."""
    draft = ask(np.random.default_rng(seed))
    assert isinstance(draft.solution, FunctionSolution)
    assert draft.solution.name in draft.prompt
    assert "Python" in draft.prompt


@pytest.mark.parametrize(
    "text",
    [
        "def double(n):\n    return n + n",
        "Here you are:\n```python\ndef double(n):\n    return n * 2\n```\nEnjoy.",
        "```\ndef double(n):\n    total = 0\n    for _ in [1, 2]:\n        total += n\n    return total\n```".replace(
            "_", "i"
        ),
    ],
)
def test_any_code_with_the_right_results_is_right(text: str) -> None:
    """How it is written, and whether it is fenced, does not matter."""
    assert SOLUTION.check(text) == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def double(n):\n    return n * n",
        "def double(n):\n    return 2.0 * n",
        "def twice(n):\n    return 2 * n",
        "def double(n)\n    return 2 * n",
        "import os\ndef double(n):\n    return 2 * n",
        "def double(n):\n    while True:\n        n = n",
        "2 * n",
    ],
)
def test_wrong_unsafe_endless_or_missing_code_is_worth_nothing(text: str) -> None:
    """One wrong result, another type, another name, or code that may not run: 0, with no partial credit."""
    assert SOLUTION.check(text) == 0.0
