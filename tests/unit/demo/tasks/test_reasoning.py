"""Rules of the word problems: the stated number solves the story, and only an answer's last number counts."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.tasks.reasoning import STORIES, NumberSolution, ask

SOLUTION = NumberSolution(number=1250, steps=("1000 + 250 = 1250.",), slips=(1250, 1000))

# A second implementation: each story solved from the numbers in its text, in the order in which they stand there.
FORMULAS: tuple[Callable[..., float], ...] = (
    lambda count, price, other, other_price: count * price + other * other_price,
    lambda hours, speed, more, slower: hours * speed + more * slower,
    lambda inflow, volume, leak: volume / (inflow - leak),
    lambda shelves, books, lent, returned: shelves * books - lent + returned,
    lambda crew, days, larger_crew: crew * days / larger_crew,
    lambda a, b, c, d, target: 5 * target - (a + b + c + d),
    lambda price, percent, shipping: price * (100 - percent) / 100 + shipping,
)


@pytest.mark.parametrize("kind", range(len(STORIES)))
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_number_solves_the_story(kind: int, seed: int) -> None:
    """The answer is what the numbers in the text lead to, computed here a second time."""
    story, solution = STORIES[kind](np.random.default_rng(seed))
    numbers = [int(found) for found in re.findall(r"\d+", story)]
    assert FORMULAS[kind](*numbers) == solution.number


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_calculation_is_true_and_ends_with_the_answer(seed: int) -> None:
    """Each step that states an equation holds, and the right answer's last number is the solution."""
    solution = ask(np.random.default_rng(seed)).solution
    assert isinstance(solution, NumberSolution)
    operations = {"×": "*", "÷": "//", "+": "+", "-": "-"}
    for step in solution.steps:
        for left, sign, right, result in re.findall(r"(\d+) ([×÷+-]) (\d+) = (\d+)", step):
            value = {"*": int(left) * int(right), "//": int(left) / int(right)}.get(operations[sign])
            value = value if value is not None else int(left) + (int(right) if sign == "+" else -int(right))
            assert value == int(result)


@pytest.mark.parametrize("text", ["1250", "1,250", "The answer is 1250.", "3 then 4, so 1250 dollars", "1250.00"])
def test_the_last_number_counts_however_it_is_written(text: str) -> None:
    """Thousands separators, words around it and zero cents do not matter."""
    assert SOLUTION.check(text) == 1.0


@pytest.mark.parametrize("text", ["", "no number", "1250 or 1251", "12.50", "-1250", "about 1300"])
def test_another_last_number_is_wrong(text: str) -> None:
    """The right number earlier in the text does not help."""
    assert SOLUTION.check(text) == 0.0


def test_a_slip_that_hits_the_answer_is_never_given() -> None:
    """A wrong answer is wrong even where a careless way leads to the right number."""
    rng = np.random.default_rng(0)
    assert all(SOLUTION.check(SOLUTION.wrong_answer(rng, "plain")) == 0.0 for _ in range(50))
