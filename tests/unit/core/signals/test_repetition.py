"""Rules of the repetition signal: loops are found, honest repetition is not taken for one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.signals.repetition import repetition

WORDS = (
    "water",
    "rises",
    "from",
    "the",
    "warm",
    "ocean",
    "falls",
    "as",
    "rain",
    "over",
    "hills",
    "rivers",
    "go",
    "home",
)


def prose(characters: int, seed: int = 7) -> str:
    """Sentences of random words: no two alike."""
    rng = np.random.default_rng(seed)
    sentences: list[str] = []
    while sum(map(len, sentences)) < characters:
        sentences.append(" ".join(rng.choice(WORDS, size=int(rng.integers(8, 16)))).capitalize() + ".")
    return " ".join(sentences)


@pytest.mark.parametrize(
    "text",
    [
        "the " * 400,
        "I am sorry, I cannot stop. " * 60,
        "Answer:\n" + "\n" * 2_000,
        "我很抱歉，我不能停止。" * 80,
        "もう一度言います" * 100,
        "- item\n- item two\n- item three\n" * 40,
        "\n".join(f"{i}. I have said this before and I say it again" for i in range(60)),
        "0" * 3_000,
    ],
)
def test_an_answer_that_only_loops_is_worth_nothing(text: str) -> None:
    """Words, sentences, blank lines, scripts without spaces, and counted lines that differ only in the counter."""
    assert repetition(text) == 0.0


def test_a_loop_costs_twice_its_share() -> None:
    """A loop over the last quarter leaves half: 1 - 2 x 1/4."""
    honest = prose(3_000)[:3_000]
    looped = "and so on " * 100
    assert repetition(honest + looped) == pytest.approx(1.0 - 2.0 * 1_000 / 4_000, abs=0.02)


def test_a_cut_in_the_middle_of_a_unit_hides_no_loop() -> None:
    """A token limit stops a loop anywhere."""
    assert repetition(("She said that it was late. " * 50)[:-7]) == 0.0


TABLE = "| name | yes | no |\n|------|-----|----|\n" + "".join(f"| person{i} | 1 | 0 |\n" for i in range(80))
CODE = "".join(
    f"    def test_case_{i}(self):\n        result = run({i})\n        self.assertTrue(result)\n    }}\n"
    for i in range(40)
)
MATRIX = "[" + ", ".join(["[0, 0, 0, 1]"] * 30) + "]"
SONG = "".join(f"{prose(400, seed)}\nOh come back home, come back home to me\n" for seed in range(8))
HONEST = [
    prose(2_000),
    TABLE,
    f"```python\n{CODE}```",
    MATRIX,
    SONG,
    "水循环是指水在地球上不断运动的过程。太阳使海水蒸发。水汽上升后凝结成云。云中的水滴变成雨。雨水汇入河流。",
    "x" * 100,
    "=" * 200 + "\nTitle",
    "",
    "42",
]


@pytest.mark.parametrize("text", HONEST)
def test_honest_text_is_not_a_loop(text: str) -> None:
    """Prose, tables, test code, matrices, songs with a refrain, Chinese and short answers keep the full value."""
    assert repetition(text) == 1.0


def one_by_one(text: str) -> float:
    """The signal of a text without a loop at its end, by cutting it into units and comparing each with all before."""
    units: list[str] = []
    for raw in re.split(r"\n|[.!?] |[。！？]", text):
        if len(raw) >= 12 or (len(raw) >= 6 and not raw.isascii()):
            unit = raw.strip() if raw.strip()[:1].isalpha() else re.sub(r"^\W*\d{1,6}[.):\]]\s*", "", raw.strip())
            units += [unit] if re.search(r"[^\W\d_]{2}", unit) else []
    total = sum(map(len, units))
    again = sum(len(unit) for place, unit in enumerate(units) if unit in units[:place])
    return min(1.0, max(0.0, (0.8 - again / total) / 0.4)) if len(units) >= 6 else 1.0


LAST = "\nThe quick brown fox jumps over this very lazy dog while nobody else looks on"
LINES = st.sampled_from(
    [
        "I have said this before",
        "I have  said this before",
        "The model goes on and on about the same thing for ever",
        "Ein kürzerer Satz über Bären",
        "a b c d e f g h i j k l m n o p q",
        "return foo.bar(baz)[0].qux",
        "这是一个完整的句子",
        "мы это уже говорили",
        "12345 67890 12345 67890",
        "+--------------+--------+",
        "see e.g. the U.S. page example.com/x",
        "",
    ]
)
COUNTERS = st.sampled_from(["", "", "- ", "1. ", "23) ", "• 4. ", "٣. ", "\u3000", "    ", "１：", "[5] ", "**6.** "])
STOPS = st.sampled_from([". ", "! ", "? ", "\n", "\n\n", "。", "！", ".", " ", "\u00a0\n", "\u2028"])
FRESH = st.integers(0, 10**6).map(lambda i: " ".join(WORDS[i // 7**k % 14] for k in range(7)))


@given(st.lists(st.tuples(COUNTERS, LINES | FRESH | st.text(max_size=15), STOPS), min_size=6, max_size=40))
@settings(max_examples=500, deadline=None)
def test_repeated_units_are_those_that_occurred_before(pieces: list[tuple[str, str, str]]) -> None:
    """The shortcuts change nothing: the signal is that of a plain comparison of every unit with all before it."""
    text = "".join(map("".join, pieces)) + LAST
    assert repetition(text) == pytest.approx(one_by_one(text) if len(text) >= 120 else 1.0)


SAID = "The model goes on and on about the same thing for ever"
LETTERS = [f"{a} {b} {c} d e f g h i j k l m n o" for a in "abcd" for b in "efgh" for c in "ijkl"]


@pytest.mark.parametrize(
    "text",
    [
        f"{SAID}。" * 8,
        "".join(f"{one[:4]}{two[:4]}\n" for one in WORDS for two in WORDS) + f"{SAID}\n{prose(90)}\n" * 6,
        "\n".join(LETTERS) + "\n" + f"{SAID}\n{prose(90)}\n" * 8,
        "".join(f"ab{'🌧' * i}ab\n" for i in range(9, 30)) + f"{SAID}\n" * 20,
    ],
    ids=["wide stops", "short lines", "single letters", "emoji"],
)
def test_what_is_no_unit_hides_no_repetition(text: str) -> None:
    """Stops of other scripts separate as well; short lines and lone letters are neither new nor repeated."""
    assert repetition(text + LAST) == pytest.approx(one_by_one(text + LAST))


def test_only_the_end_of_a_long_answer_is_read() -> None:
    """What is further from the end than 16,384 characters cannot change the verdict."""
    honest = prose(20_000)
    assert repetition("again and again " * 10_000 + honest) == repetition(honest) == 1.0
