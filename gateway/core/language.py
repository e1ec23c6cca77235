"""In which script and, for Latin letters, whether in English a text is written; and how many tokens it may be."""

from __future__ import annotations

import math
import re

GROUPS = ("english", "latin", "cyrillic", "cjk", "arabic", "devanagari", "other")

SAMPLE = 400
"""Characters looked at."""

_LETTERS = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "latin": re.compile("[A-Za-z\u00aa-\u024f\u1e00-\u1eff]+"),
    "cyrillic": re.compile("[\u0400-\u052f]+"),
    "cjk": re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]+"),
    "arabic": re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff]+"),
    "devanagari": re.compile("[\u0900-\u097f]+"),
}
_CHARACTERS_PER_TOKEN = {"latin": 4.0, "cjk": 1.5}
_CHARACTERS_PER_TOKEN_ELSEWHERE = 2.5

_ENGLISH = frozenset(
    (
        b"the of and to is are what how that with for this it you from which who where when does can write "
        b"please your i be have not by or if my there has was were do did will would should make give find "
        b"list explain a an in on at as"
    ).split()
)
# The commonest words of German, French, Spanish, Italian, Portuguese, Dutch, Polish, Turkish and Swedish.
_OTHER_LATIN = frozenset(
    (
        "der das und ist nicht ein eine einen einem einer mit für auf wie ich sie wir zu dem von im bitte "
        "schreibe welche le la les des du et est un une dans pour que qui sur avec ce cette quel quelle vous "
        "je nous pas sont écris el los las en por para con una del es qué cuál cómo cuántos su al lo escribe "
        "il che di non gli della sono quanto scrivi os um uma não em na da dos mais são qual escreva het een "
        "dat niet voor zijn wat hoe ik w jest nie jak bir ve bu için ne och att det är som på"
    )
    .encode()
    .split()
)


def script_shares(text: str) -> dict[str, float]:
    """Share of the letters of a text that each script has, summing to 1; looks at `SAMPLE` characters of both ends."""
    if len(text) > SAMPLE:
        text = text[: SAMPLE // 2] + text[-SAMPLE // 2 :]
    if text.isascii():
        return {"latin": 1.0}
    counts = {name: sum(map(len, runs.findall(text))) for name, runs in _SCRIPTS.items()}
    known = sum(counts.values())
    counts["other"] = max(0, sum(map(len, _LETTERS.findall(text))) - known)
    total = known + counts["other"]
    if not total:
        return {"latin": 1.0}
    return {name: count / total for name, count in counts.items() if count}


def group_of(shares: dict[str, float], vocabulary: frozenset[bytes], hint: str = "") -> str:
    """The language group, one of `GROUPS`: the leading script, and English or not for Latin letters.

    A hint such as `en`, `en-GB` or `German` decides between English and the others; without one the commonest words
    in the vocabulary do, and no evidence at all counts as English.
    """
    script = max(shares, key=lambda name: shares[name])
    if script != "latin":
        return script
    if hint:
        return "english" if hint.lower().startswith("en") else "latin"
    return "english" if len(vocabulary & _ENGLISH) >= len(vocabulary & _OTHER_LATIN) else "latin"


def estimate_tokens(characters: int, shares: dict[str, float]) -> int:
    """About how many tokens that many characters make: 4 characters each in Latin letters, 1.5 in CJK, else 2.5."""
    per_character = sum(
        share / _CHARACTERS_PER_TOKEN.get(name, _CHARACTERS_PER_TOKEN_ELSEWHERE) for name, share in shares.items()
    )
    return math.ceil(characters * per_character)
