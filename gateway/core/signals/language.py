"""Whether an answer speaks the language it was asked in: scripts and frequent words of twenty languages."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache

from gateway.core.signals import vocabulary
from gateway.core.values import ChatRequest

_SAMPLE = 320
"""Characters a guess is made from."""
_MENTION_SAMPLE = 2_000
_MIN_HITS = 2.0
_MIN_SHARE = 0.08
_MARGIN = 1.5
_DOMINANT = 0.6
_MIN_LETTERS = 6

_WORDS = re.compile(r"[^\W\d_]+")
_NO_LETTERS = bytes(c for c in range(256) if not (c < 128 and chr(c).isalpha()))
_TO_WORDS = bytes(c if c >= 128 else ord(chr(c).lower() if chr(c).isalpha() else " ") for c in range(256))
_TYPOGRAPHY = "’“”–—…‘•"
"""Signs that often are all that keeps an English text from being ASCII."""
_FENCED = re.compile(r"```(?:[^`]+|`(?!``))*(?:```|\Z)|`[^`\n]*`")

# First code points of blocks, with the script that reigns until the next one; "" for what says nothing.
_BLOCKS = (
    (0x41, "latin"), (0x370, "greek"), (0x400, "cyrillic"), (0x530, ""), (0x590, "hebrew"), (0x600, "arabic"),
    (0x700, ""), (0x900, "devanagari"), (0x980, ""), (0xE00, "thai"), (0xE80, ""), (0x1100, "hangul"), (0x1200, ""),
    (0x1E00, "latin"), (0x1F00, "greek"), (0x2000, ""), (0x3040, "kana"), (0x3100, ""), (0x3400, "han"), (0xA000, ""),
    (0xAC00, "hangul"), (0xD7B0, ""),
)  # fmt: skip
_STARTS = [start for start, _ in _BLOCKS]
_ONE_LANGUAGE = {"greek": "el", "hebrew": "he", "devanagari": "hi", "thai": "th", "hangul": "ko", "han": "zh"}
# One of these carries about as much as three letters of an alphabet.
_DENSE = frozenset({"han", "kana", "hangul"})
# "de" speaks a little for each of its five languages.
_VOTES = {word: tuple((code, 1.0 / len(codes)) for code in codes) for word, codes in vocabulary.LATIN.items()}


def language(request: ChatRequest, text: str) -> float | None:
    """1 if the answer's language is the hinted one or else the prompt's, 0 if it is another.

    None where that cannot be told (code, numbers, a few words). Without a hint, another language than the prompt's is
    not judged either where the prompt names a language, asks for a translation or mixes two.
    """
    hinted = named(request.hints.language)
    prompt = "" if hinted else _prompt(request)
    wanted = hinted or guess(prompt)
    if wanted is None:
        return None
    spoken = guess(_prose(text))
    if spoken is None or spoken == wanted:
        return None if spoken is None else 1.0
    return 0.0 if hinted or not _excused(request, prompt, wanted) else None


def named(hint: str | None) -> str | None:
    """ISO 639-1 code of a language hint ("fr", "pt-BR", "German"); None for others, a programming language say."""
    if hint is None:
        return None
    word = hint.strip().casefold().replace("_", "-")
    return vocabulary.NAMES.get(word) or vocabulary.NAMES.get(word.partition("-")[0])


def guess(text: str) -> str | None:
    """ISO 639-1 code of the language that the first 320 characters are in, None if they do not tell."""
    sample = text[:_SAMPLE]
    script = "latin" if sample.isascii() else _script(sample)
    if script == "latin":
        return _latin(_words(sample))
    if script == "cyrillic":
        lower = sample.casefold()
        return "uk" if any(letter in lower for letter in "іїєґ") else "ru"
    if script == "arabic":
        return "fa" if any(letter in sample for letter in "پچژگ") else "ar"
    return _ONE_LANGUAGE.get(script, script) if script else None


def _script(sample: str) -> str | None:
    """The script of most letters; Japanese is told from Chinese by its kana and comes back as "ja"."""
    plain = sample.encode("ascii", "ignore")
    letters = len(plain.translate(None, _NO_LETTERS))
    # So many that they dominate even if everything else were dense: 1 / (1 + 3 x 2/9) is 0.6.
    if letters >= _MIN_LETTERS and 2 * letters > 9 * (len(sample) - len(plain)):
        return "latin"
    counts: dict[str, int] = {}
    for char, count in Counter(sample).items():
        name, weight = _letter(char)
        counts[name] = counts.get(name, 0) + weight * count
    kana = counts.get("kana", 0)
    if kana and kana * 10 >= counts.get("han", 0):
        counts["ja"] = counts.pop("kana") + counts.pop("han", 0)
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] >= max(_MIN_LETTERS, _DOMINANT * sum(counts.values())) else None


@lru_cache(maxsize=4_096)
def _letter(char: str) -> tuple[str, int]:
    """The script of a letter and what it weighs, 0 for what says nothing."""
    name = _BLOCKS[bisect_right(_STARTS, ord(char)) - 1][1] if char.isalpha() else ""
    return name, (3 if name in _DENSE else 1) if name else 0


def _words(sample: str) -> list[str]:
    """Runs of letters in lower case."""
    if not sample.isascii():
        for sign in _TYPOGRAPHY:
            sample = sample.replace(sign, " ")
    if sample.isascii():
        return sample.encode().translate(_TO_WORDS).decode().split()
    lower = sample.casefold()
    words = lower.encode("utf-8", "surrogatepass").translate(_TO_WORDS).decode("utf-8", "surrogatepass").split()
    # Beyond ASCII the table knows no letters from signs; if there are signs, the slower way does.
    return words if "".join(words).isalpha() else _WORDS.findall(lower)


def _latin(words: list[str]) -> str | None:
    """The language whose frequent words clearly lead."""
    hits: dict[str, float] = {}
    for votes in filter(None, map(_VOTES.get, words)):
        for code, share in votes:
            hits[code] = hits.get(code, 0.0) + share
    if not hits:
        return None
    best = max(hits, key=hits.__getitem__)
    most = hits.pop(best)
    if most < max(_MIN_HITS, _MIN_SHARE * len(words)):
        return None
    return best if most >= _MARGIN * max(hits.values(), default=0.0) else None


def _prose(text: str) -> str:
    """The beginning of a text without its code."""
    return _FENCED.sub(" ", text[: 4 * _SAMPLE]) if "`" in text[: 4 * _SAMPLE] else text


def _prompt(request: ChatRequest) -> str:
    """What the user said last, without code."""
    for message in reversed(request.messages):
        if _role(message) == "user":
            return _prose(_content(message))
    return ""


def _excused(request: ChatRequest, prompt: str, wanted: str) -> bool:
    """Whether an answer in another language than the prompt's may be right."""
    if (request.hints.task_type or "").casefold().startswith("translat"):
        return True
    # An order in one language about a text in another leaves open which of the two the answer should be in.
    if len(prompt) > _SAMPLE and guess(prompt[-_SAMPLE:]) != wanted:
        return True
    told = [message for message in request.messages if _role(message) in ("user", "system", "developer")]
    # The first messages hold the standing orders, the last the question.
    return any(_names_language(_content(message)) for message in told[:1] + told[max(1, len(told) - 3) :])


def _names_language(text: str) -> bool:
    lower = text[:_MENTION_SAMPLE].casefold()
    return any(map(lower.__contains__, vocabulary.MENTIONS))


def _role(message: object) -> object:
    return message.get("role") if isinstance(message, (dict, Mapping)) else None


def _content(message: Mapping[str, object]) -> str:
    """All text of a message, whether its content is a string or a list of parts."""
    found = message.get("content")
    if isinstance(found, str):
        return found
    return "\n".join(_parts(found)) if isinstance(found, (list, tuple)) else ""


def _parts(found: list[object] | tuple[object, ...]) -> Iterator[str]:
    for part in found:
        if isinstance(part, Mapping) and isinstance(text := part.get("text"), str):
            yield text
