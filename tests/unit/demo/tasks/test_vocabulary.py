"""Rules of the words the prompts are made of."""

from __future__ import annotations

import re

import pytest

from gateway.demo.tasks.vocabulary import CITIES, FIRMS, GOODS, PEOPLE, domain


@pytest.mark.parametrize("words", [PEOPLE, FIRMS, CITIES, GOODS])
def test_no_word_is_listed_twice(words: tuple[str, ...]) -> None:
    """A repeated word would make two samples look alike."""
    assert len(set(words)) == len(words)


def test_no_name_is_part_of_another() -> None:
    """Answers are searched for names, so finding one must never mean finding another."""
    names = (*FIRMS, *CITIES)
    assert not [(one, other) for one in names for other in names if one != other and one in other]


@pytest.mark.parametrize("firm", FIRMS)
def test_domains_are_reserved_host_names(firm: str) -> None:
    """Mail domains end in `.example`, which RFC 2606 keeps free, and hold letters and hyphens only."""
    assert re.fullmatch(r"[a-z-]+\.example", domain(firm))
