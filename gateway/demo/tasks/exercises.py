"""The programming exercises: what to write, a right solution, the bugs people make, and inputs that tell them apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.demo.tasks.chance import pick, whole

if TYPE_CHECKING:
    import numpy as np

Case = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """A function to write; `{k}` in texts and code stands for a small whole number that differs from prompt to prompt.

    `reference` computes the expected result from the case's arguments and k, independently of `right`. `cases` draws
    arguments for which every one of `bugs` gives at least one wrong result.
    """

    name: str
    parameter: str
    what: str
    reference: Callable[..., object]
    right: str
    bugs: tuple[str, ...]
    cases: Callable[[np.random.Generator, int], list[Case]]


def _numbers(rng: np.random.Generator, count: int, low: int, high: int) -> list[int]:
    return [whole(rng, low, high) for _ in range(count)]


def _number_lists(rng: np.random.Generator, k: int) -> list[Case]:
    """Lists that hold multiples of k, others, values beyond ±k on both sides, and the empty list."""
    return [
        ([k, k + 1, 2 * k, 2 * k + 1, 3 * k, *_numbers(rng, 3, 1, 60)],),
        ([-3 * k - 1, 0, 3 * k + 1, *_numbers(rng, 4, -40, 40)],),
        ([],),
    ]


def _distinct_lists(rng: np.random.Generator, k: int) -> list[Case]:
    """Lists of at least 2k + 1 different values: 11 and more, apart from each other."""
    start = whole(rng, 11, 90)
    longer = [start + 3 * place + whole(rng, 0, 2) for place in range(2 * k + 1 + whole(rng, 0, 2))]
    return [(longer,), ([n + 1 for n in longer],)]


def _repeated_lists(rng: np.random.Generator, k: int) -> list[Case]:
    """Lists with k + 2 different values, the largest of them twice."""
    start = whole(rng, -20, 40)
    distinct = [start + 2 * place for place in range(k + 2)]
    return [([*distinct, distinct[-1]],), ([distinct[-1], *distinct[::-1]],)]


def _word_lists(rng: np.random.Generator, k: int) -> list[Case]:
    """Lists with words shorter than, as long as, and longer than k."""
    words = ["a" * (k - 1), "b" * k, "c" * (k + 1), pick(rng, ("stone", "lantern", "ox", "meadow", "kite"))]
    return [(words,), ([*words, "d" * (k + whole(rng, 1, 4))],), ([],)]


def _texts(rng: np.random.Generator, k: int) -> list[Case]:
    """Texts with capitals, spaces and doubled letters."""
    word = pick(rng, ("Banana", "Otto", "Tomato", "Ebbe", "Anna", "Cocoa"))
    return [(f"{word} and {word.lower()} {k}",), ("Never odd or even",), (f"Aa {word}",)]


def _body(*lines: str) -> str:
    return "\n".join(f"    {line}" for line in lines)


EXERCISES = (
    Exercise(
        name="count_multiples",
        parameter="numbers",
        what="returns how many of the given integers are multiples of {k}",
        reference=lambda numbers, k: len([n for n in numbers if n % k == 0]),
        right=_body("return sum(1 for n in numbers if n % {k} == 0)"),
        bugs=(
            _body("return sum(1 for n in numbers if n % {k} != 0)"),
            _body("return sum(n for n in numbers if n % {k} == 0)"),
        ),
        cases=_number_lists,
    ),
    Exercise(
        name="clamp_all",
        parameter="numbers",
        what="returns a new list in which every integer is limited to the range from -{k} to {k}",
        reference=lambda numbers, k: [min(max(n, -k), k) for n in numbers],
        right=_body("return [max(-{k}, min({k}, n)) for n in numbers]"),
        bugs=(_body("return [min({k}, n) for n in numbers]"), _body("return [n for n in numbers if -{k} <= n <= {k}]")),
        cases=_number_lists,
    ),
    Exercise(
        name="shifted_running_total",
        parameter="numbers",
        what="returns the list of running totals of the integers, where the total starts at {k}",
        reference=lambda numbers, k: [k + sum(numbers[: place + 1]) for place in range(len(numbers))],
        right=_body(
            "totals = []",
            "total = {k}",
            "for n in numbers:",
            "    total += n",
            "    totals.append(total)",
            "return totals",
        ),
        bugs=(
            _body(
                "totals = []",
                "total = 0",
                "for n in numbers:",
                "    total += n",
                "    totals.append(total)",
                "return totals",
            ),
            _body(
                "totals = []",
                "total = {k}",
                "for n in numbers:",
                "    totals.append(total)",
                "    total += n",
                "return totals",
            ),
        ),
        cases=_number_lists,
    ),
    Exercise(
        name="kth_largest",
        parameter="numbers",
        what="returns value number {k} of the list in falling order; the maximum is number 1 and repeats count once",
        reference=lambda numbers, k: sorted(set(numbers))[-k],
        right=_body("return sorted(set(numbers), reverse=True)[{k} - 1]"),
        bugs=(
            _body("return sorted(set(numbers), reverse=True)[{k}]"),
            _body("return sorted(numbers, reverse=True)[{k} - 1]"),
        ),
        cases=_repeated_lists,
    ),
    Exercise(
        name="rotate_left",
        parameter="items",
        what="returns the list rotated to the left by {k} places",
        reference=lambda items, k: [items[(place + k) % len(items)] for place in range(len(items))],
        right=_body("return items[{k}:] + items[:{k}]"),
        bugs=(_body("return items[-{k}:] + items[:-{k}]"), _body("return items[{k}:]")),
        cases=_distinct_lists,
    ),
    Exercise(
        name="split_into_chunks",
        parameter="items",
        what="splits the list into consecutive chunks of length {k}; the last chunk may be shorter",
        reference=lambda items, k: [items[place : place + k] for place in range(0, len(items), k)],
        right=_body(
            "chunks = []", "for i in range(0, len(items), {k}):", "    chunks.append(items[i:i + {k}])", "return chunks"
        ),
        bugs=(
            _body(
                "chunks = []",
                "for i in range(0, len(items) - {k}, {k}):",
                "    chunks.append(items[i:i + {k}])",
                "return chunks",
            ),
            _body("return [items[i:i + {k}] for i in range(len(items))]"),
        ),
        cases=_distinct_lists,
    ),
    Exercise(
        name="every_kth",
        parameter="items",
        what="returns every element number {k}, {k} + {k} and so on of the list, counting from 1",
        reference=lambda items, k: [item for place, item in enumerate(items, start=1) if place % k == 0],
        right=_body("return items[{k} - 1::{k}]"),
        bugs=(_body("return items[::{k}]"), _body("return items[{k}::{k}]")),
        cases=_distinct_lists,
    ),
    Exercise(
        name="count_longer",
        parameter="words",
        what="returns how many of the words have more than {k} characters",
        reference=lambda words, k: len([word for word in words if len(word) > k]),
        right=_body("count = 0", "for word in words:", "    if len(word) > {k}:", "        count += 1", "return count"),
        bugs=(
            _body("count = 0", "for word in words:", "    if len(word) >= {k}:", "        count += 1", "return count"),
            _body("return len(words) > {k}"),
        ),
        cases=_word_lists,
    ),
    Exercise(
        name="letter_counts",
        parameter="text",
        what="returns a dictionary from each letter of the text, in lower case, to the number of times it occurs",
        reference=lambda text, _: {letter: text.lower().count(letter) for letter in text.lower() if letter.isalpha()},
        right=(
            _body(
                "counts = {{}}",
                "for letter in text.lower():",
                "    if letter.isalpha():",
                "        counts[letter] = counts.get(letter, 0) + 1",
                "return counts",
            )
        ),
        bugs=(
            _body(
                "counts = {{}}",
                "for letter in text:",
                "    if letter.isalpha():",
                "        counts[letter] = counts.get(letter, 0) + 1",
                "return counts",
            ),
            _body(
                "counts = {{}}",
                "for letter in text.lower():",
                "    counts[letter] = counts.get(letter, 0) + 1",
                "return counts",
            ),
        ),
        cases=_texts,
    ),
    Exercise(
        name="is_palindrome",
        parameter="text",
        what="returns True if the text reads the same backwards once case and spaces are ignored, and False otherwise",
        reference=lambda text, _: text.replace(" ", "").lower() == text.replace(" ", "").lower()[::-1],
        right=_body('letters = "".join(text.lower().split())', "return letters == letters[::-1]"),
        bugs=(_body("return text == text[::-1]"), _body("letters = text.lower()", "return letters == letters[::-1]")),
        cases=_texts,
    ),
)
