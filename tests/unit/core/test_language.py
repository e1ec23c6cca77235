"""Scripts, English or not, and the estimate of tokens."""

from __future__ import annotations

import pytest

from gateway.core.language import GROUPS, estimate_tokens, group_of, script_shares
from gateway.core.text import view_of

TEXTS = {
    "english": ["What is the capital of France?", "please fix my code", "", "12345 !!", "résumé for the café"],
    "latin": [
        "Wie komme ich zum Bahnhof, bitte?",
        "Quelle est la capitale de la France ?",
        "¿Cuál es la capital de España?",
        "Qual è la capitale della Francia?",
        "Jaka jest stolica Polski?",
        "Wat is de hoofdstad van het land?",
    ],
    "cyrillic": ["Какая столица Франции?", "Привіт, як справи?"],
    "cjk": ["法国的首都是哪里?", "フランスの首都はどこですか", "프랑스의 수도는 어디인가요?"],
    "arabic": ["ما هي عاصمة فرنسا؟"],
    "devanagari": ["फ्रांस की राजधानी क्या है?"],
    "other": ["Ποια είναι η πρωτεύουσα της Γαλλίας;", "מהי בירת צרפת?"],
}


@pytest.mark.parametrize(("group", "text"), [(group, text) for group, texts in TEXTS.items() for text in texts])
def test_finds_the_language_group(group: str, text: str) -> None:
    """The leading script, and English or not for Latin letters; no evidence counts as English."""
    assert group_of(script_shares(text), frozenset(view_of(text).words)) == group
    assert group in GROUPS


@pytest.mark.parametrize(
    ("hint", "group"), [("en", "english"), ("en-GB", "english"), ("English", "english"), ("de", "latin")]
)
def test_a_hint_decides_between_latin_languages(hint: str, group: str) -> None:
    """What the client says of its language beats the guess, in both directions."""
    text = "Was ist das?" if group == "english" else "What is that?"
    assert group_of(script_shares(text), frozenset(view_of(text).words), hint) == group


def test_a_hint_does_not_change_the_script() -> None:
    """Cyrillic letters stay Cyrillic."""
    assert group_of(script_shares("Привет"), frozenset(), "en") == "cyrillic"


@pytest.mark.parametrize(
    "text", ["", "abc", "Привет мир", "法国 is France", "\ud800", "e\u0301", "١٢٣", "a" * 10_000 + "ж"]
)
def test_shares_sum_to_one(text: str) -> None:
    """Whatever the text, its letters are shared out completely."""
    assert sum(script_shares(text).values()) == pytest.approx(1.0)


SCRIPTS = {
    "latin": [(0x41, 0x5A), (0x61, 0x7A), (0xAA, 0x24F), (0x1E00, 0x1EFF)],
    "cyrillic": [(0x400, 0x52F)],
    "cjk": [
        (0x3040, 0x30FF),
        (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF),
        (0xAC00, 0xD7A3),
        (0xF900, 0xFAFF),
        (0x20000, 0x3FFFF),
    ],
    "arabic": [(0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF)],
    "devanagari": [(0x900, 0x97F)],
}


def script_of(character: str) -> str | None:
    """The script, character by character; `other` for a letter outside all ranges."""
    for script, ranges in SCRIPTS.items():
        if any(low <= ord(character) <= high for low, high in ranges):
            return script
    return "other" if character.isalnum() and not character.isdecimal() else None


EDGES = [chr(edge + step) for ranges in SCRIPTS.values() for bounds in ranges for edge in bounds for step in (-1, 0, 1)]


@pytest.mark.parametrize("character", EDGES)
def test_ranges_end_where_they_should(character: str) -> None:
    """The characters at the bounds of every range and beside them are of the script that the ranges say."""
    assert script_shares(character) == {script_of(character) or "latin": 1.0}


def test_what_is_no_word_is_of_no_script() -> None:
    """Texts of Latin letters are found without counting: none of the signs that may stand between them is a letter."""
    between = [
        chr(c)
        for low, high in ((0x80, 0x24F), (0x2000, 0x206F), (0x20A0, 0x20C0), (0x2190, 0x23FF))
        for c in range(low, high + 1)
    ]
    assert all(script_of(character) in ("latin", None) for character in between)


def test_mixed_scripts_share() -> None:
    """Two letters here and six there are a quarter and three quarters."""
    assert script_shares("ab привет") == pytest.approx({"latin": 0.25, "cyrillic": 0.75})


def test_both_ends_of_a_long_text_count() -> None:
    """A foreign document under an English instruction is seen."""
    assert script_shares("a" * 1_000 + "ж" * 1_000) == pytest.approx({"latin": 0.5, "cyrillic": 0.5})


@pytest.mark.parametrize(
    ("characters", "shares", "tokens"),
    [
        (1_024, {"latin": 1.0}, 256),
        (3, {"cjk": 1.0}, 2),
        (1, {"latin": 1.0}, 1),
        (0, {"latin": 1.0}, 0),
        (100, {"cyrillic": 1.0}, 40),
        (120, {"latin": 0.5, "cjk": 0.5}, 55),
    ],
)
def test_tokens_follow_the_script(characters: int, shares: dict[str, float], tokens: int) -> None:
    """4 characters a token in Latin letters, 1.5 in CJK, 2.5 elsewhere, rounded up."""
    assert estimate_tokens(characters, shares) == tokens
