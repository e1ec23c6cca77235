"""Rules of field extraction: the field asked for stands in the text beside a trap of the same shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.tasks.extraction import SHAPES, FieldSolution, ask

DUE = FieldSolution(field="due date", shape="date", value="2026-03-01", trap="2026-02-01")
MAIL = FieldSolution(field="address", shape="email", value="a.b@firm.example", trap="billing@firm.example")
TOTAL = FieldSolution(field="total", shape="amount", value="1,284.50", trap="214.08")


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_value_and_trap_are_the_two_values_of_their_shape_in_the_prompt(seed: int) -> None:
    """The prompt can be answered from its text alone, and can be got wrong."""
    draft = ask(np.random.default_rng(seed))
    solution = draft.solution
    assert isinstance(solution, FieldSolution)
    assert solution.value != solution.trap
    assert set(SHAPES[solution.shape].findall(draft.prompt)) == {solution.value, solution.trap}
    assert solution.field in draft.prompt


@pytest.mark.parametrize(
    ("solution", "text"),
    [
        (DUE, "2026-03-01"),
        (DUE, "It is due on 2026-03-01, and 2026-03-01 is a Sunday."),
        (MAIL, "Write to A.B@firm.example."),
        (TOTAL, "$1,284.50"),
    ],
)
def test_the_value_may_stand_in_a_sentence(solution: FieldSolution, text: str) -> None:
    """Words around it, repetition, currency signs and case do not matter."""
    assert solution.check(text) == 1.0


@pytest.mark.parametrize(
    ("solution", "text"),
    [
        (DUE, "2026-02-01"),
        (DUE, "2026-02-01 or 2026-03-01"),
        (DUE, "1 March 2026"),
        (MAIL, "firm.example"),
        (TOTAL, "284.50"),
    ],
)
def test_the_trap_both_values_or_a_part_are_wrong(solution: FieldSolution, text: str) -> None:
    """Only the value, in the form in which the text has it, and no other of its shape."""
    assert solution.check(text) == 0.0
