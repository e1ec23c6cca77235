"""Rules of the repetition signal: loops are found, honest repetition is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_only_the_end_of_a_long_answer_is_read() -> None:
    """What is further from the end than 16,384 characters cannot change the verdict."""
    honest = prose(20_000)
    assert repetition("again and again " * 10_000 + honest) == repetition(honest) == 1.0
