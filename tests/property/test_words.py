"""Words are the same whichever of the ways to find them a text takes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.text import MAX_WORDS, hashed_words, view_of, words_of

IDEOGRAPHS = (
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
ODD = (
    "aZ5.,-_\t\n\x00\x1f\x7f\x80\x85\xa0\xaa\xab\xb2\xb5\xbd\xd7\xdf\xe9\xff\u0130\u0307\u0153\u0142\u1e9e"
    "\u200b\u2013\u201c\u2026\u2071\u20ac\u2122\u2160\u2192\u2460\u2600\u30fb\u044f\u6cd5\ud55c\u0663\ud800"
    "\U0001f600\U0001d518\U00020000"
)
some = st.characters(exclude_categories=()) | st.sampled_from(ODD)
texts = st.text(some, max_size=40) | st.text("aZ5 .,-_\n", max_size=40) | st.text("aZ5 éßµ²½×«\xa0–“…€😀", max_size=40)
unhurried = settings(deadline=None)
"""A busy machine is no failure."""


def is_ideograph(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in IDEOGRAPHS)


def plain_words(lower: str) -> list[bytes]:
    """Character by character: a word is an ideograph, or a run of letters and digits that begins with none."""
    words: list[str] = []
    running = False
    for character in lower:
        if running and character.isalnum():
            words[-1] += character
        else:
            running = character.isalnum() and not is_ideograph(character)
            if running or is_ideograph(character):
                words.append(character)
    return [word.encode("utf-8", "surrogatepass") for word in words]


@unhurried
@given(text=texts)
def test_every_way_to_find_words_agrees(text: str) -> None:
    """ASCII, Latin-1, signs beside Latin-1 and all the rest take ways of their own to the same words."""
    assert words_of(text.lower()) == plain_words(text.lower())


@unhurried
@given(text=texts)
def test_a_view_counts_what_is_there(text: str) -> None:
    """Punctuation in order, digits, capitals, line feeds and bytes, as counted one by one."""
    view = view_of(text)
    ascii_only = [character for character in text if character.isascii()]
    assert view.marks == "".join(c for c in ascii_only if c.isprintable() and not c.isalnum() and c != " ")
    assert view.digits == sum(c.isdigit() for c in ascii_only)
    assert view.capitals == sum(c.isupper() for c in ascii_only)
    assert view.lines == text.count("\n")
    assert view.size == len(text.encode("utf-8", "surrogatepass"))


@unhurried
@given(
    words=st.lists(st.sampled_from([b"a", b"b", b"the", b"cat"]), max_size=2 * MAX_WORDS), dimensions=st.integers(1, 64)
)
def test_repeated_words_keep_the_length(words: list[bytes], dimensions: int) -> None:
    """However often terms occur, the block has length 1, or is 0 where there are no words or all terms cancel."""
    block = hashed_words(words, dimensions)
    assert block.shape == (dimensions,)
    assert abs(float(block @ block) - 1.0) < 1e-9 or not block.any()
