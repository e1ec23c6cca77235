"""Whether an answer speaks the language it was asked in: scripts and frequent words of twenty languages."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping

from gateway.core.signals import vocabulary
from gateway.core.values import ChatRequest

_SAMPLE = 320
"""Characters a guess is made from."""
_MENTION_SAMPLE = 2_000
_MIN_HITS = 2.0
_MIN_SHARE = 0.08
_MARGIN = 1.5
_DOMINANT = 0.6

_WORDS = re.compile(r"[^\W\d_]+")
_FENCED = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)

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
        return _latin(sample.casefold())
    if script == "cyrillic":
        lower = sample.casefold()
        return "uk" if any(letter in lower for letter in "іїєґ") else "ru"
    if script == "arabic":
        return "fa" if any(letter in sample for letter in "پچژگ") else "ar"
    return _ONE_LANGUAGE.get(script, script) if script else None


def _script(sample: str) -> str | None:
    """The script of most letters; Japanese is told from Chinese by its kana and comes back as "ja"."""
    counts: Counter[str] = Counter()
    for char, count in Counter(sample).items():
        if char.isalpha():
            name = _BLOCKS[bisect_right(_STARTS, ord(char)) - 1][1]
            counts[name] += 3 * count if name in _DENSE else count
    if counts["kana"] * 10 >= counts["han"] and counts["kana"]:
        counts["ja"] = counts.pop("kana") + counts.pop("han", 0)
    del counts[""]
    if not counts:
        return None
    best, weight = counts.most_common(1)[0]
    return best if weight >= _DOMINANT * counts.total() and weight >= 6 else None


def _latin(sample: str) -> str | None:
    """The language whose frequent words clearly lead."""
    words = _WORDS.findall(sample)
    hits: dict[str, float] = {}
    for word in words:
        codes = vocabulary.LATIN.get(word, ())
        for code in codes:
            # "de" speaks a little for each of its five languages.
            hits[code] = hits.get(code, 0.0) + 1.0 / len(codes)
    best = max(hits, key=hits.__getitem__, default=None)
    if best is None or hits[best] < max(_MIN_HITS, _MIN_SHARE * len(words)):
        return None
    second = max((count for code, count in hits.items() if code != best), default=0.0)
    return best if hits[best] >= _MARGIN * second else None


def _prose(text: str) -> str:
    """The beginning of a text without its code."""
    return _FENCED.sub(" ", text[: 4 * _SAMPLE]) if "`" in text[: 4 * _SAMPLE] else text


def _prompt(request: ChatRequest) -> str:
    """What the user said last, without code."""
    said = (_content(message) for message in reversed(request.messages) if _role(message) == "user")
    return _prose(next(said, ""))


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
    return any(stem in lower for stem in vocabulary.MENTIONS)


def _role(message: object) -> object:
    return message.get("role") if isinstance(message, Mapping) else None


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
