"""Rules of the word lists that languages are told by."""

from __future__ import annotations

import builtins
import keyword

from gateway.core.signals.vocabulary import LATIN, MENTIONS, NAMES


def test_programming_words_are_nobodys_frequent_words() -> None:
    """Code must not pass for prose, so its commonest words speak for no language."""
    code = {"for", "in", "is", "not", "from", "as", "do", "import", "select", "where", "if", "or", "print", "return"}
    assert code <= {*keyword.kwlist, *dir(builtins), "do", "select", "where"}
    assert not code & LATIN.keys()


def test_every_frequent_word_can_be_met() -> None:
    """Texts are compared in lower case, word by word."""
    assert all(word == word.casefold() and word for word in LATIN)
    assert all(stem == stem.casefold() for stem in MENTIONS)


def test_languages_have_codes_and_names() -> None:
    """A hint may be a code or an English name; every language with frequent words has both."""
    for code in {code for codes in LATIN.values() for code in codes}:
        assert NAMES[code] == code
        assert sum(known == code for known in NAMES.values()) >= 2
