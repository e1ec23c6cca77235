"""Rules of the bound on regular expressions: no pattern may run for long."""

from __future__ import annotations

import pytest

from gateway.core.signals.pattern import effort


@pytest.mark.parametrize(
    ("pattern", "degree", "options"),
    [
        ("^abc$", 0, 0),
        ("abc", 1, 0),
        (r"^\d{4}-\d{2}-\d{2}$", 0, 0),
        ("^[a-z]+$", 1, 0),
        ("^[a-z]{2,5}$", 1, 0),
        ("^a?b?$", 0, 2),
        ("^(foo|bar)$", 1, 1),
        (r"^-?\d+(\.\d+)?$", 2, 2),
        (r"^[\w.]+@[\w.]+\.[a-z]{2,}$", 3, 0),
        ("(ab)*", 2, 0),
        ("^[]+*?(]$", 0, 0),
        (r"^\(a\+\)+$", 1, 0),
    ],
)
def test_choices_are_counted(pattern: str, degree: int, options: int) -> None:
    """Open-ended repeats and a free beginning are one degree each; optional pieces and bars double."""
    bound = effort(pattern)
    assert bound is not None
    assert (bound.degree, bound.options) == (degree, options)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "^(a|aa)+$", "((a*)b)*", "(a{1,3}){2}", "(?:x(?:y|z))*", "(a?){30}", r"(a)\1+", "(?i)a", "(?>a+)"],
)
def test_a_choice_inside_a_repeat_has_no_bound(pattern: str) -> None:
    """These can double their paths with every character, or are not counted on."""
    assert effort(pattern) is None


@pytest.mark.parametrize("pattern", ["(", "a**", "[", "x{2,1}", "\\", r"\p{L}", "a" * 401])
def test_what_is_no_pattern_here_has_no_bound(pattern: str) -> None:
    """Broken patterns, other dialects and very long ones are never tried."""
    assert effort(pattern) is None


def test_steps_follow_the_product_of_choices() -> None:
    """Over n characters: (n + 1) ** degree * 2 ** options * (pattern length + 1)."""
    bound = effort("a+b?")
    assert bound is not None
    assert bound.steps(9) == pytest.approx(10**2 * 2 * 5)
    assert bound.steps(10**12) == float("inf")


def test_a_pattern_is_searched_for() -> None:
    """JSON Schema patterns are not anchored."""
    bound = effort("b+c")
    assert bound is not None
    assert bound.matches("abbcd")
    assert not bound.matches("abbd")
