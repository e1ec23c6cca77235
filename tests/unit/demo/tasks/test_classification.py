"""Rules of classification: one label, named alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.tasks.classification import SENTIMENTS, TOPICS, LabelSolution, ask

SOLUTION = LabelSolution(label="positive", labels=("positive", "negative", "neutral"))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_prompt_offers_every_label_and_holds_a_text_of_the_right_one(seed: int) -> None:
    """The question can be answered from its prompt alone."""
    draft = ask(np.random.default_rng(seed))
    solution = draft.solution
    assert isinstance(solution, LabelSolution)
    assert all(label in draft.prompt for label in solution.labels)
    assert any(text in draft.prompt for text in {**SENTIMENTS, **TOPICS}[solution.label])


def test_no_text_belongs_to_two_labels() -> None:
    """Each text has one right label."""
    texts = [text for group in (SENTIMENTS, TOPICS) for label in group for text in group[label]]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("text", ["positive", "Positive.", "The sentiment is **positive**: quite positive indeed."])
def test_the_label_may_stand_in_a_sentence(text: str) -> None:
    """Case, marks, words around it and repetition do not matter."""
    assert SOLUTION.check(text) == 1.0


@pytest.mark.parametrize("text", ["", "good", "negative", "positive or neutral", "nonpositive", "positively"])
def test_no_label_another_label_or_several_are_wrong(text: str) -> None:
    """Naming two labels is hedging, and part of a word is no label."""
    assert SOLUTION.check(text) == 0.0
