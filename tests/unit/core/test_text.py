"""Bounded reading of messages, words, and words hashed into numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import log, sqrt
from zlib import crc32

import numpy as np
import pytest

from gateway.core.text import (
    EXCERPT_HEAD,
    EXCERPT_TAIL,
    MAX_LATEST,
    MAX_MESSAGES,
    MAX_PARTS,
    MAX_PARTS_IN_ALL,
    MAX_WORDS,
    SYSTEM_HEAD,
    direction,
    excerpt,
    first_words,
    hashed_words,
    read,
    shape_of,
    view_of,
    words_of,
)


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def words(text: str) -> list[bytes]:
    return words_of(text.lower())


def test_short_text_is_its_own_excerpt() -> None:
    """Nothing is cut that fits; of the rest both ends stay."""
    fits = "a" * (EXCERPT_HEAD + EXCERPT_TAIL)
    assert excerpt(fits) == fits
    assert excerpt("b" + fits + "e") == "b" + "a" * (EXCERPT_HEAD - 1) + "\n" + "a" * (EXCERPT_TAIL - 1) + "e"
    assert excerpt("abcdef", head=2, tail=0) == "ab"


def test_the_last_user_message_is_read() -> None:
    """Later tool results and answers do not hide it, earlier questions do not replace it."""
    messages = [
        {"role": "developer", "content": "Be brief."},
        user("first"),
        {"role": "assistant", "content": "one"},
        user("second"),
        {"role": "tool", "content": "result"},
    ]
    reading = read(messages)
    assert (reading.user, reading.system, reading.multi_turn) == ("second", "Be brief.", True)
    assert reading.characters == len("Be brief.firstonesecondresult")


def test_one_question_is_no_dialogue() -> None:
    """A system prompt before it does not make it one."""
    reading = read([{"role": "system", "content": "s"}, user("q")])
    assert not reading.multi_turn
    assert reading.system == "s"


def test_parts_are_read_and_counted() -> None:
    """Texts of parts are joined, images and audio counted, tool arguments are characters too."""
    call = {"function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [call, "junk", {"function": 3}]},
        user([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}, {"type": "input_audio"}, 5]),
    ]
    reading = read(messages)
    assert (reading.user, reading.images, reading.audio, reading.characters) == ("look", 1, 1, 6)


@pytest.mark.parametrize("junk", [None, 3, "text", b"bytes", {}, [None, 1, "x", [], {"role": ["user"], "content": 5}]])
def test_junk_reads_as_nothing(junk: object) -> None:
    """What is no chat has no text, and no error either."""
    reading = read(junk)
    assert (reading.user, reading.system, reading.characters, reading.images) == ("", "", 0, 0)


def test_many_messages_are_sampled_and_extrapolated() -> None:
    """The count stays right for even messages, and the last question is found between the samples."""
    messages = [user("12345678")] * (3 * MAX_MESSAGES) + [user("latest"), {"role": "assistant", "content": "12345678"}]
    reading = read(messages)
    assert reading.user == "latest"
    assert reading.characters == pytest.approx(8 * len(messages), rel=0.01)


def test_many_parts_are_sampled_and_extrapolated() -> None:
    """The first and the last parts are read, the rest is counted as if like them."""
    content = [{"type": "text", "text": "ab"}, {"type": "image_url"}] * (5 * MAX_PARTS)
    reading = read([user(content)])
    assert reading.characters == 2 * 5 * MAX_PARTS
    assert reading.images == 5 * MAX_PARTS


def test_parts_of_many_messages_are_extrapolated() -> None:
    """Where the parts of all messages are too many, those of the first messages stand for the rest."""
    content = [{"type": "text", "text": "abc"}, {"type": "image_url"}] * (MAX_PARTS // 2)
    reading = read([user(content)] * 200)
    assert reading.characters == 200 * 3 * MAX_PARTS // 2
    assert reading.images == 200 * MAX_PARTS // 2


class Counting(Sequence[object]):
    """A list of messages that counts how often it is looked into."""

    def __init__(self, size: int) -> None:
        self.size, self.looks = size, 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: object) -> object:  # type: ignore[override]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.size))]
        self.looks += 1
        return {"role": "assistant", "content": "x"}


def test_the_work_is_bounded() -> None:
    """A hundred thousand messages are looked into about a thousand times."""
    messages = Counting(100_000)
    read(messages)
    assert messages.looks <= MAX_MESSAGES + MAX_LATEST + 4


class Part(dict[str, object]):
    """A content part that counts how often one of them is asked for something."""

    asked = 0

    def get(self, key: str, default: object = None) -> object:
        Part.asked += 1
        return super().get(key, default)


@pytest.mark.parametrize(("messages", "parts"), [(1, 100_000), (400, 1), (1_000, 64), (30_000, 30)])
def test_the_work_in_parts_is_bounded(messages: int, parts: int) -> None:
    """However the parts are spread, about a thousand are counted, and those of one message are read."""
    Part.asked = 0
    read([user([Part(type="text", text="x" * 10)] * parts)] * messages)
    assert Part.asked <= 2 * (MAX_PARTS_IN_ALL + MAX_PARTS) + MAX_PARTS


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    """All that is read of a megabyte, in one text or in many parts, is an excerpt."""
    for content in ("word " * 200_000, [{"type": "text", "text": "word " * 5_000}] * 50):
        reading = read([{"role": "system", "content": content}, user(content)])
        assert len(reading.user) <= EXCERPT_HEAD + EXCERPT_TAIL + 1
        assert len(reading.system) <= SYSTEM_HEAD


def test_words_are_letters_and_digits() -> None:
    """Case and punctuation do not count, accents do, and each ideograph is a word."""
    assert words("Don't PANIC, 42!") == [b"don", b"t", b"panic", b"42"]
    assert words("Über_die—Brücke") == ["über".encode(), b"die", "brücke".encode()]
    assert words("翻译 this") == ["翻".encode(), "译".encode(), b"this"]
    assert words("\ud800 a") == [b"a"]
    assert words("") == []


def test_both_ways_to_find_words_agree() -> None:
    """Plain ASCII takes a faster way; adding one other letter changes nothing else."""
    text = "".join(map(chr, range(128))) * 2
    assert [*words(text), "é".encode()] == words(f"{text} é")


def test_view_is_lower_case_once() -> None:
    """All that is looked up is in lower case; the text itself is kept."""
    view = view_of("Hello WORLD hello")
    assert view.lower == "hello world hello"
    assert view.words == [b"hello", b"world", b"hello"]


def test_typographic_signs_are_no_words() -> None:
    """Texts with them take the fast way, which would lose a letter among them."""
    ranges = ((0x2000, 0x206F), (0x20A0, 0x20C0), (0x2190, 0x23FF), (0x2500, 0x26FF), (0x1F300, 0x1FAFF))
    signs = "".join(chr(c) for low, high in ranges for c in range(low, high + 1))
    assert words(f"é{signs}x") == ["é".encode(), b"x"]


def test_view_counts() -> None:
    """Punctuation in order, digits, capitals, line feeds and bytes; other letters and blanks are none of them."""
    view = view_of("A1 b-2\nÄ (c_C)!\r\n\t€")
    assert (view.marks, view.digits, view.capitals, view.lines) == ("-(_)!", 2, 2, 2)
    assert view.size == len("A1 b-2\nÄ (c_C)!\r\n\t€".encode())


def test_first_words() -> None:
    """No more than asked for, in lower case, and the same again."""
    assert first_words("Be BRIEF, be kind", 3) == [b"be", b"brief", b"be"] == first_words("Be BRIEF, be kind", 3)
    assert first_words("", 3) == []


def terms(texts: list[bytes]) -> Iterator[int]:
    crcs = [crc32(word) for word in texts]
    yield from crcs
    yield from ((a * 0x85EBCA6B + b) % 2**32 for a, b in pairwise(crcs))


def reference(texts: list[bytes], dimensions: int) -> list[float]:
    """The same hashing, term by term in Python's own integers."""
    block = [0.0] * dimensions
    for term, count in Counter(terms(texts)).items():
        mixed = (term ^ (term >> 15)) * 0x9E3779B1 % 2**32
        block[(mixed >> 8) % dimensions] += (-1 if mixed & 1 else 1) * (1 + log(count))
    length = sqrt(sum(value * value for value in block))
    return [value / length for value in block]


@pytest.mark.parametrize("dimensions", [2, 7, 32, 256])
def test_hashing_agrees_with_a_plain_implementation(dimensions: int) -> None:
    """Position, sign and weight of every term are as documented; CRC-32 is the standard one."""
    assert crc32(b"123456789") == 0xCBF43926
    texts = words("the cat sat on the mat and the dog sat on the cat")
    np.testing.assert_allclose(hashed_words(texts, dimensions), reference(texts, dimensions), atol=1e-12)


def test_hashing_sees_word_order() -> None:
    """Pairs of neighbours are terms as well."""
    assert not np.allclose(hashed_words(words("dog bites man"), 64), hashed_words(words("man bites dog"), 64))


def test_hashing_without_words_or_dimensions() -> None:
    """Nothing hashes to zeros of the right shape."""
    assert hashed_words([], 4).tolist() == [0.0] * 4
    assert hashed_words([b"a"], 0).shape == (0,)


def test_hashing_looks_at_both_ends_only() -> None:
    """What lies in the middle of a long text does not matter, its first and last words do."""
    cut = MAX_WORDS * 2 // 3
    head, tail = [b"head"] * (cut - 5), [b"tail"] * (MAX_WORDS - cut)
    blocks = [hashed_words(head + [word] * MAX_WORDS + tail, 32) for word in (b"one", b"two")]
    expected = hashed_words([*head, *[b"one"] * 5, *tail], 32)
    np.testing.assert_array_equal(blocks[0], expected)
    assert not np.array_equal(blocks[0], blocks[1])
    assert not np.array_equal(hashed_words([b"x"] * 200, 32), hashed_words([*[b"x"] * 199, b"y"], 32))


def test_directions_are_units_and_differ() -> None:
    """Each word has a direction of its own, the same every time: a thousand words are pairwise different."""
    vectors = np.array([direction(f"word{i}", 8) for i in range(1_000)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0)
    assert len(np.unique(vectors.round(6), axis=0)) == 1_000
    np.testing.assert_array_equal(direction("a", 3), direction("a", 3))
    assert len(direction("\ud800", 100)) == 100


def test_long_words_have_directions_too() -> None:
    """A word too long to be kept is treated like any other."""
    one, other = direction("a" * 1_000, 4), direction("a" * 999 + "b", 4)
    assert sum(value * value for value in one) == pytest.approx(1.0)
    assert one != other


def test_shape_of_a_text() -> None:
    """Lines, capitals and punctuation each grow from 0 to 1 and are 0 for plain lower-case words."""
    assert shape_of(view_of("")) == (0.0, 0.0, 0.0)
    assert shape_of(view_of("plain words")) == (0.0, 0.0, 0.0)
    lines, capitals, punctuation = shape_of(view_of("AB, c\n" * 2))
    assert lines == pytest.approx(log(3) / 4)
    assert capitals == 1.0
    assert punctuation == pytest.approx(6 * 2 / 12)
    assert shape_of(view_of("\n" * 500))[0] == 1.0
