"""What can be read of a request's text within fixed bounds: excerpts, counts, words, and words hashed into numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import shake_256
from zlib import crc32

import numpy as np

from gateway.core.values import FloatArray

EXCERPT_HEAD = 700
EXCERPT_TAIL = 400
"""Characters kept from the beginning and the end of a long text: instructions stand at its ends."""
SYSTEM_HEAD = 300
MAX_MESSAGES = 1000
"""Messages looked at; of more, an even sample is, and the sums are extrapolated."""
MAX_LATEST = 64
"""Latest messages that are always searched for the last one of the user."""
MAX_PARTS = 64
"""Content parts looked at in one message, half from each end."""
MAX_PARTS_IN_ALL = 1000
MAX_WORDS = 128

_SYSTEM_ROLES = frozenset({"system", "developer"})
_SPACED = bytes(c if (0x30 <= c <= 0x39 or 0x61 <= c <= 0x7A or c >= 0x80) else 0x20 for c in range(256))
_NO_CAPITALS = bytes(c for c in range(256) if not 0x41 <= c <= 0x5A)
_NO_PUNCTUATION = bytes(c for c in range(256) if c <= 0x20 or c >= 0x7F or chr(c).isalnum())
# An ideograph is a word of its own: these scripts write no spaces.
_WORD = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]|[^\\W_]+")
_PAIR, _SPREAD, _SIGN, _POSITION, _HALF = (np.uint32(n) for n in (0x85EBCA6B, 0x9E3779B1, 1, 8, 15))


@dataclass(frozen=True, slots=True)
class View:
    """A short text as it is looked at again and again."""

    text: str
    lower: str
    words: list[bytes]
    """In lower case as UTF-8, in order: letters and digits only, ideographs one by one."""
    vocabulary: frozenset[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one bounded pass over the messages saw; the counts are extrapolated where there was more to see."""

    user: str
    """Excerpt of the last user message."""
    system: str
    """Beginning of the system or developer prompt."""
    characters: int
    """Characters of all messages."""
    images: int
    audio: int
    multi_turn: bool


def excerpt(text: str, head: int = EXCERPT_HEAD, tail: int = EXCERPT_TAIL) -> str:
    """The text itself where it is short, else its first `head` and its last `tail` characters."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n{text[-tail:]}" if tail else text[:head]


def entries(messages: object) -> Sequence[object]:
    """All messages, or an even sample of at most `MAX_MESSAGES` of them; empty for what is no list."""
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes):
        return ()
    every: Sequence[object] = messages
    return every if len(every) <= MAX_MESSAGES else every[:: -(-len(every) // MAX_MESSAGES)]


def parts(content: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Type and mapping of at most `MAX_PARTS` content parts of one message; junk is skipped."""
    if not isinstance(content, list):
        return
    half = MAX_PARTS // 2
    for part in content if len(content) <= MAX_PARTS else [*content[:half], *content[-half:]]:
        if isinstance(part, Mapping):
            kind = part.get("type")
            yield kind if isinstance(kind, str) else "", part


def read(messages: object) -> Reading:
    """One pass over the messages of a chat: whatever they are, its cost is bounded and it never raises."""
    sample = entries(messages)
    characters = turns = listed = looked = 0
    in_parts = images = audio = 0.0
    budget = MAX_PARTS_IN_ALL
    for message in sample:
        if not isinstance(message, dict | Mapping):
            continue
        turns += message.get("role") in ("user", "assistant")
        calls = message.get("tool_calls")
        if calls:
            characters += _argument_characters(calls)
        content = message.get("content")
        if isinstance(content, str):
            characters += len(content)
        elif isinstance(content, list):
            listed += 1
            if budget <= 0:
                continue
            looked += 1
            budget -= min(len(content), MAX_PARTS)
            weight = max(1.0, len(content) / MAX_PARTS)
            for kind, part in parts(content):
                text = part.get("text")
                in_parts += weight * len(text) if isinstance(text, str) else 0.0
                images += weight * ("image" in kind)
                audio += weight * ("audio" in kind)
    grown = len(messages) / len(sample) if sample and isinstance(messages, Sequence) else 1.0
    grown_parts = grown * listed / max(1, looked)
    latest = messages[-MAX_LATEST:] if isinstance(messages, Sequence) and grown > 1.0 else ()
    return Reading(
        user=_last_user_text([*sample, *latest]),
        system=_system_text(sample),
        characters=round(characters * grown + in_parts * grown_parts),
        images=math.ceil(images * grown_parts),
        audio=math.ceil(audio * grown_parts),
        multi_turn=turns > 1,
    )


def _argument_characters(calls: object) -> int:
    total = 0
    for call in calls[:16] if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        arguments = function.get("arguments") if isinstance(function, Mapping) else None
        total += len(arguments) if isinstance(arguments, str) else 0
    return total


def _text(content: object) -> str:
    if isinstance(content, str):
        return excerpt(content)
    texts = (part.get("text") for _, part in parts(content))
    return excerpt("\n".join(excerpt(text) for text in texts if isinstance(text, str)))


def _last_user_text(sample: Sequence[object]) -> str:
    for message in reversed(sample):
        if isinstance(message, dict | Mapping) and message.get("role") == "user":
            return _text(message.get("content"))
    return ""


def _system_text(sample: Sequence[object]) -> str:
    for message in sample[:4]:
        if isinstance(message, dict | Mapping):
            role = message.get("role")
            if isinstance(role, str) and role in _SYSTEM_ROLES:
                return _text(message.get("content"))[:SYSTEM_HEAD]
    return ""


def shape_of(text: str) -> tuple[float, float, float]:
    """Lines, share of capitals and share of punctuation of a text, each growing from 0 to 1."""
    raw = text.encode("utf-8", "surrogatepass")
    if not raw:
        return 0.0, 0.0, 0.0
    capitals = len(raw.translate(None, _NO_CAPITALS))
    punctuation = len(raw.translate(None, _NO_PUNCTUATION))
    return (
        min(1.0, math.log1p(raw.count(b"\n")) / 4.0),
        min(1.0, 4.0 * capitals / len(raw)),
        min(1.0, 6.0 * punctuation / len(raw)),
    )


def view_of(text: str) -> View:
    """The view of a text that is short already."""
    lower = text.lower()
    words = words_of(lower)
    return View(text, lower, words, frozenset(words))


def words_of(lower: str) -> list[bytes]:
    """The words of a text in lower case, as in `View.words`."""
    if lower.isascii():
        return lower.encode("ascii").translate(_SPACED).split()
    return "\n".join(_WORD.findall(lower)).encode("utf-8", "surrogatepass").split()


def hashed_words(words: Sequence[bytes], dimensions: int) -> FloatArray:
    """Signed feature hashing of words and pairs of neighbours, shape (dimensions,), of length 1, or 0 without words.

    Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning. A term that occurs n times counts
    1 + ln n. At most `MAX_WORDS` words count, two thirds from the beginning. CRC-32 is the same in every process, which
    Python's own hash is not.
    """
    if len(words) > MAX_WORDS:
        cut = MAX_WORDS * 2 // 3
        words = [*words[:cut], *words[cut - MAX_WORDS :]]
    if not words or not dimensions:
        return np.zeros(dimensions)
    single = np.fromiter(map(crc32, words), dtype=np.uint32, count=len(words))
    pairs = single[:-1] * _PAIR + single[1:]
    terms, counts = np.unique(np.concatenate((single, pairs)), return_counts=True)
    # CRC is linear in its input; a multiplication and a shift spread its bits over sign and position.
    mixed = (terms ^ (terms >> _HALF)) * _SPREAD
    weights = np.where(mixed & _SIGN, -1.0, 1.0) * (1.0 + np.log(counts))
    positions = (mixed >> _POSITION) % np.uint32(dimensions)
    block: FloatArray = np.bincount(positions, weights=weights, minlength=dimensions).astype(np.float64)
    length = float(np.sqrt(block @ block))
    # Terms that cancel leave rounding errors, which a division would blow up.
    return block / length if length > 1e-9 else np.zeros(dimensions)


def direction(word: str, dimensions: int) -> FloatArray:
    """A fixed pseudo-random direction for a word, shape (dimensions,), of length 1: different words, different ones."""
    digest = shake_256(word.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    vector = np.frombuffer(digest, dtype="<u2").astype(np.float64) - 32767.5
    return np.asarray(vector / np.sqrt(vector @ vector))
