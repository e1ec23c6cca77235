"""Rules of summaries: all four facts within the limit of words."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.tasks.summarization import MAX_WORDS, SummarySolution, ask

SOLUTION = SummarySolution(firm="Northwind", plan="a hub", city="Oslo", sum="40 million dollars", year="2030")
FACTS = ("Northwind", "Oslo", "40 million dollars", "2030")


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_prompt_holds_the_facts_and_the_limit(seed: int) -> None:
    """The summary can be written from the prompt alone, and the text is longer than the limit."""
    draft = ask(np.random.default_rng(seed))
    solution = draft.solution
    assert isinstance(solution, SummarySolution)
    assert all(fact in draft.prompt for fact in (solution.firm, solution.city, solution.sum, solution.year))
    assert str(MAX_WORDS) in draft.prompt
    assert len(draft.prompt.split()) > MAX_WORDS


def test_every_lost_fact_costs_and_the_first_costs_most() -> None:
    """Four facts are worth 1; k of four are worth k / 8, below one half."""
    assert [SOLUTION.check(" ".join(FACTS[:count])) for count in range(5)] == [0.0, 0.125, 0.25, 0.375, 1.0]


def test_a_text_over_the_limit_is_worth_nothing() -> None:
    """Repeating the article is no summary: one word more than the limit fails."""
    facts = " ".join(FACTS)
    room = MAX_WORDS - len(facts.split())
    assert SOLUTION.check(facts + " word" * room) == 1.0
    assert SOLUTION.check(facts + " word" * (room + 1)) == 0.0
