"""Rules of structured output: the whole record or less than half the worth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.tasks.structured_output import Record, RecordSolution, ask

RECORD: Record = {"name": "Mei", "age": 30, "price": 2.5, "remote": True}
SOLUTION = RecordSolution(record=RECORD)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_prompt_names_every_key_and_holds_every_value(seed: int) -> None:
    """The record can be filled from the prompt alone; true and false stand there in words."""
    draft = ask(np.random.default_rng(seed))
    assert isinstance(draft.solution, RecordSolution)
    for key, value in draft.solution.record.items():
        assert key in draft.prompt
        assert isinstance(value, bool) or str(value) in draft.prompt


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_json_mode_is_asked_for_with_the_word_json(seed: int) -> None:
    """OpenAI refuses `json_object` for a conversation that does not mention JSON."""
    draft = ask(np.random.default_rng(seed))
    assert draft.extras == {"response_format": {"type": "json_object"}}
    assert "JSON" in draft.prompt


@pytest.mark.parametrize("change", [{}, {"age": 30.0}])
def test_equal_values_are_right_in_any_order_and_spacing(change: dict[str, object]) -> None:
    """JSON knows one kind of number, and its objects have no order."""
    assert SOLUTION.check(json.dumps(dict(reversed({**RECORD, **change}.items())), indent=3)) == 1.0


@pytest.mark.parametrize("change", [{"age": 31}, {"age": "30"}, {"remote": 1}, {"remote": None}, {"extra": 0}])
def test_one_wrong_extra_or_mistyped_value_loses_more_than_half(change: dict[str, object]) -> None:
    """Partial credit stays below one half, since the record cannot be used; but it is more than nothing."""
    assert 0.0 < SOLUTION.check(json.dumps({**RECORD, **change})) < 0.5


def test_more_right_keys_earn_more() -> None:
    """Partial credit rises with the share of right keys: here 0.4 times 3, 2, 1 and 0 of 4."""
    records = [dict(list(RECORD.items())[:count]) for count in (3, 2, 1, 0)]
    assert [SOLUTION.check(json.dumps(record)) for record in records] == pytest.approx([0.3, 0.2, 0.1, 0.0])


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "Sure! {}", '{"name": "Mei"', "[" * 100_000])
def test_what_is_no_json_object_is_worth_nothing(text: str) -> None:
    """Prose around the object, a cut-off object and other JSON values fail the format."""
    assert SOLUTION.check(text) == 0.0
