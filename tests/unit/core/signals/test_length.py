"""Rules of the length signal: short under 100 tokens, long over 500, medium between."""

from __future__ import annotations

import pytest

from gateway.core.signals.length import length
from gateway.core.values import OutputLength

TEXT = "x" * 10_000


@pytest.mark.parametrize(
    ("hint", "tokens", "worth"),
    [
        ("short", 1, 1.0),
        ("short", 99, 1.0),
        ("short", 200, 0.5),
        ("short", 1_000, 0.1),
        ("medium", 50, 0.5),
        ("medium", 100, 1.0),
        ("medium", 500, 1.0),
        ("medium", 1_000, 0.5),
        ("long", 100, 0.2),
        ("long", 501, 1.0),
        ("long", 5_000, 1.0),
    ],
)
def test_outside_its_band_a_length_is_worth_its_ratio_to_the_edge(
    hint: OutputLength, tokens: int, worth: float
) -> None:
    """1 inside, edge / tokens above, tokens / edge below."""
    assert length(TEXT, tokens, hint) == pytest.approx(worth)


def test_without_a_hint_length_says_nothing() -> None:
    """No wish, no verdict."""
    assert length(TEXT, 3, None) is None


def test_hidden_reasoning_does_not_make_an_answer_long() -> None:
    """800 tokens billed for an answer of two characters are at most two tokens of answer."""
    assert length("42", 800, "short") == 1.0
    assert length("42", 800, "long") == pytest.approx(2 / 500)


def test_without_a_count_four_characters_make_a_token() -> None:
    """An upstream that reports no usage is judged by the text: 800 characters are 200 tokens."""
    assert length("x" * 800, 0, "short") == 0.5
