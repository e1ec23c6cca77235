"""In which script and, for Latin letters, whether in English a text is written; and how many tokens it may be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Set

import numpy as np

GROUPS = ("english", "latin", "cyrillic", "cjk", "arabic", "devanagari", "other")

SAMPLE = 400
"""Characters looked at."""

_LETTERS = re.compile(r"[^\W\d_]+")
_RANGES = (
    ("latin", "AZ az \u00aa\u024f \u1e00\u1eff"),
    ("cyrillic", "\u0400\u052f"),
    ("cjk", "\u3040\u30ff \u3400\u4dbf \u4e00\u9fff \uac00\ud7a3 \uf900\ufaff \U00020000\U0003ffff"),
    ("arabic", "\u0600\u06ff \u0750\u077f \u08a0\u08ff"),
    ("devanagari", "\u0900\u097f"),
)
"""The first and the last character of each range of a script."""
_NAMED = sorted((ord(pair[0]), ord(pair[1]) + 1, name) for name, ranges in _RANGES for pair in ranges.split())
_BOUNDS = np.array([bound for start, end, _ in _NAMED for bound in (start, end)], dtype=np.uint32)
# Letters beyond Latin-1, among the signs that are common beside Latin letters, are in these ranges Latin letters only.
_NOT_ONLY_LATIN = re.compile("[^\0-\u024f\u1e00-\u1eff\u2000-\u206f\u20a0-\u20c0\u2190-\u23ff]")
_LATIN: Mapping[str, float] = {"latin": 1.0}
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
TELLING = _ENGLISH | _OTHER_LATIN
"""All words that `group_of` knows."""


def script_shares(text: str) -> Mapping[str, float]:
    """Share of the letters of a text that each script has, summing to 1; looks at `SAMPLE` characters of both ends."""
    if len(text) > SAMPLE:
        text = text[: SAMPLE // 2] + text[-SAMPLE // 2 :]
    if text.isascii() or not _NOT_ONLY_LATIN.search(text):
        return _LATIN
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    # Between the bounds of a range the insertion point is odd; a start that is an end as well does not occur.
    inside = np.bincount(_BOUNDS.searchsorted(points, "right"), minlength=len(_BOUNDS) + 1)[1::2].tolist()
    counts = dict.fromkeys((name for name, _ in _RANGES), 0)
    for count, (_, _, name) in zip(inside, _NAMED, strict=True):
        counts[name] += count
    known = sum(inside)
    counts["other"] = max(0, len("".join(_LETTERS.findall(text))) - known)
    total = known + counts["other"]
    if not total:
        return _LATIN
    return {name: count / total for name, count in counts.items() if count}


def group_of(shares: Mapping[str, float], vocabulary: Set[bytes], hint: str = "") -> str:
    """The language group, one of `GROUPS`: the leading script, and English or not for Latin letters.

    A hint such as `en`, `en-GB` or `German` decides between English and the others; without one the commonest words
    in the vocabulary do, and no evidence at all counts as English.
    """
    script = "latin" if shares is _LATIN else max(shares, key=lambda name: shares[name])
    if script != "latin":
        return script
    if hint:
        return "english" if hint.lower().startswith("en") else "latin"
    return "english" if len(vocabulary & _ENGLISH) >= len(vocabulary & _OTHER_LATIN) else "latin"


def estimate_tokens(characters: int, shares: Mapping[str, float]) -> int:
    """About how many tokens that many characters make: 4 characters each in Latin letters, 1.5 in CJK, else 2.5."""
    if shares is _LATIN:
        return -(-characters // 4)
    per_character = sum(
        share / _CHARACTERS_PER_TOKEN.get(name, _CHARACTERS_PER_TOKEN_ELSEWHERE) for name, share in shares.items()
    )
    return math.ceil(characters * per_character)
