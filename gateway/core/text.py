"""What can be read of a request's text within fixed bounds: excerpts, counts, words, and words hashed into numbers."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import shake_256
from typing import NamedTuple
from zlib import crc32

import numpy as np

from gateway.core.values import FloatArray

EXCERPT_HEAD = 450
EXCERPT_TAIL = 250
"""Characters kept from the beginning and the end of a long text: instructions stand at its ends."""
SYSTEM_HEAD = 300
MAX_MESSAGES = 1000
"""Messages looked at; of more, an even sample is, and the sums are extrapolated."""
MAX_LATEST = 64
"""Latest messages that are always searched for the last one of the user."""
MAX_PARTS = 64
"""Content parts looked at in one message, half from each end."""
MAX_PARTS_IN_ALL = 1000
MAX_WORDS = 96
MAX_KEPT_WORD = 64
"""Characters of the longest word whose direction is kept for the next time."""

OBJECT = (dict, Mapping)
"""What a JSON object may come as. An abstract class is slow to ask, so the usual class comes first."""

_SYSTEM_ROLES = ("system", "developer")
_SPACED = bytes(c if (0x30 <= c <= 0x39 or 0x61 <= c <= 0x7A or c >= 0x80) else 0x20 for c in range(256))
_PLAIN = bytes(c for c in range(256) if c >= 0x7F or 0x61 <= c <= 0x7A or (c <= 0x20 and c != 0x0A))
_SPACED_LATIN1 = bytes(c if chr(c).isalnum() else 0x20 for c in range(256))
_CAPITALS = bytes(range(0x41, 0x5B))
_DIGITS = b"0123456789"
# An ideograph is a word of its own: these scripts write no spaces.
_WORD = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]|[^\\W_]+")
# Beyond Latin-1 the ranges hold typographic signs, arrows, symbols and emoji: nothing that is part of a word.
_FOREIGN = re.compile("[^\0-\xff\u2000-\u206f\u20a0-\u20c0\u2190-\u23ff\u2500-\u26ff\U0001f300-\U0001faff]")
# Arrays without axes, as operands, are a third cheaper than numpy's scalars.
_PAIR, _SPREAD, _SIGN, _POSITION, _HALF = (np.array(n, np.uint32) for n in (0x85EBCA6B, 0x9E3779B1, 1, 8, 15))
_ENDS = np.array([0, 0xFFFFFFFF], dtype=np.uint32)
_SIGNS = np.array([1.0, -1.0])
_WEIGHTS = 1.0 + np.log(np.maximum(1, np.arange(2 * MAX_WORDS)))
"""What a term counts, by how often it occurs."""


class View(NamedTuple):
    """A short text as it is looked at again and again."""

    lower: str
    words: list[bytes]
    """In lower case as UTF-8, in order: letters and digits only, ideographs one by one."""
    marks: str
    """The ASCII punctuation in order: so short that it tells cheaply which searches would be in vain."""
    digits: int
    capitals: int
    """ASCII digits and capitals."""
    lines: int
    """Line feeds."""
    size: int
    """Bytes as UTF-8."""


class Reading(NamedTuple):
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


def ends_of(content: list[object]) -> list[object]:
    """All content parts of a message, or at most `MAX_PARTS`, half from each end."""
    if len(content) <= MAX_PARTS:
        return content
    half = MAX_PARTS // 2
    return [*content[:half], *content[-half:]]


def read(messages: object) -> Reading:
    """One pass over the messages of a chat: whatever they are, its cost is bounded and it never raises."""
    every = _sequence(messages)
    sample = every if len(every) <= MAX_MESSAGES else every[:: -(-len(every) // MAX_MESSAGES)]
    characters = turns = 0
    asked: object = None
    listed: list[list[object]] = []
    for message in sample:
        if not isinstance(message, OBJECT):
            continue
        content = message.get("content")
        role = message.get("role")
        if role == "user":
            turns += 1
            asked = content
        elif role == "assistant":
            turns += 1
        if isinstance(content, str):
            characters += len(content)
        elif isinstance(content, list):
            listed.append(content)
        if calls := message.get("tool_calls"):
            characters += _argument_characters(calls)
    images = audio = 0
    if sample is not every or listed:
        grown = len(every) / len(sample)
        asked = _latest(every[-MAX_LATEST:], asked) if grown > 1.0 else asked
        in_parts, images, audio = _in_parts(listed, grown)
        characters = round(characters * grown + in_parts)
    return Reading(_text(asked), _system_text(sample[:4]), characters, images, audio, turns > 1)


def _in_parts(listed: list[list[object]], grown: float) -> tuple[float, int, int]:
    """Characters, images and sounds in `grown` times these lists of content parts; junk is skipped."""
    characters = images = audio = 0.0
    budget = MAX_PARTS_IN_ALL
    looked = 0
    for content in listed:
        if budget <= 0:
            break
        looked += 1
        some = ends_of(content)
        weight = max(1.0, len(content) / MAX_PARTS)
        budget -= len(some)
        for part in some:
            if isinstance(part, OBJECT):
                text = part.get("text")
                if isinstance(text, str):
                    characters += weight * len(text)
                kind = part.get("type")
                if kind != "text" and isinstance(kind, str):
                    images += weight * ("image" in kind)
                    audio += weight * ("audio" in kind)
    grown *= len(listed) / max(1, looked)
    return characters * grown, math.ceil(images * grown), math.ceil(audio * grown)


def _sequence(messages: object) -> Sequence[object]:
    if isinstance(messages, list):
        return messages
    return messages if isinstance(messages, Sequence) and not isinstance(messages, str | bytes) else ()


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
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in ends_of(content) if isinstance(part, Mapping))
    return excerpt("\n".join(excerpt(text) for text in texts if isinstance(text, str)))


def _latest(messages: Sequence[object], else_: object) -> object:
    """The content of the last message of the user, `else_` where there is none."""
    for message in reversed(messages):
        if isinstance(message, Mapping) and message.get("role") == "user":
            return message.get("content")
    return else_


def _system_text(messages: Sequence[object]) -> str:
    for message in messages:
        if isinstance(message, OBJECT) and message.get("role") in _SYSTEM_ROLES:
            return _text(message.get("content"))[:SYSTEM_HEAD]
    return ""


def view_of(text: str) -> View:
    """The view of a text that is short already."""
    lower = text.lower()
    raw = text.encode("utf-8", "surrogatepass")
    # What is left after one pass over the text is short, so that all else is counted in that.
    rest = raw.translate(None, _PLAIN)
    no_capitals = rest.translate(None, _CAPITALS)
    no_digits = no_capitals.translate(None, _DIGITS)
    marks = no_digits.decode("ascii").replace("\n", "")
    return View(
        lower,
        words_of(lower),
        marks,
        len(no_capitals) - len(no_digits),
        len(rest) - len(no_capitals),
        len(no_digits) - len(marks),
        len(raw),
    )


def shape_of(view: View) -> tuple[float, float, float]:
    """Lines, share of capitals and share of punctuation of a text, each growing from 0 to 1."""
    if not view.size:
        return 0.0, 0.0, 0.0
    return (
        min(1.0, math.log1p(view.lines) / 4.0),
        min(1.0, 4.0 * view.capitals / view.size),
        min(1.0, 6.0 * len(view.marks) / view.size),
    )


@lru_cache(maxsize=256)
def first_words(text: str, limit: int) -> list[bytes]:
    """The first words of a text, kept for the next time: system prompts come again and again."""
    return words_of(text.lower())[:limit]


def words_of(lower: str) -> list[bytes]:
    """The words of a text in lower case, as in `View.words`."""
    if lower.isascii():
        return lower.encode("ascii").translate(_SPACED).split()
    try:
        latin = lower.encode("latin-1")
    except UnicodeEncodeError:
        if _FOREIGN.search(lower):
            return "\n".join(_WORD.findall(lower)).encode("utf-8", "surrogatepass").split()
        latin = lower.encode("latin-1", "replace")
    return latin.translate(_SPACED_LATIN1).decode("latin-1").encode("utf-8").split()


def hashed_words(words: list[bytes], dimensions: int) -> FloatArray:
    """Signed feature hashing of words and pairs of neighbours, shape (dimensions,), of length 1, or 0 without words.

    Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning. A term that occurs n times counts
    1 + ln n. At most `MAX_WORDS` words count, two thirds from the beginning. CRC-32 is the same in every process, which
    Python's own hash is not.
    """
    if len(words) > MAX_WORDS:
        cut = MAX_WORDS * 2 // 3
        words = words[:cut] + words[cut - MAX_WORDS :]
    if not words or not dimensions:
        return np.zeros(dimensions)
    single = np.frombuffer(array("I", list(map(crc32, words))), dtype=np.uint32)
    terms = np.concatenate((_ENDS, single, single[:-1] * _PAIR + single[1:]))
    # Sorted, equal terms are runs between the ends. (`np.unique` does the same at three times the price for so few.)
    terms.sort()
    last = (terms[1:] != terms[:-1]).nonzero()[0]
    counts = last[1:] - last[:-1]
    terms = terms[last[1:]]
    # CRC is linear in its input; a multiplication and a shift spread its bits over sign and position.
    mixed = (terms ^ (terms >> _HALF)) * _SPREAD
    weights = _SIGNS.take(mixed & _SIGN) * _WEIGHTS[counts]
    positions = (mixed >> _POSITION) % np.array(dimensions, np.uint32)
    block = np.bincount(positions, weights, dimensions)
    length = math.sqrt(block.dot(block))
    # Terms that cancel leave rounding errors, which a division would blow up.
    return np.asarray(block / length) if length > 1e-9 else np.zeros(dimensions)


def direction(word: str, dimensions: int) -> tuple[float, ...]:
    """A fixed pseudo-random vector of length 1 for a word, of that many dimensions: different words, different ones."""
    return _kept_direction(word, dimensions) if len(word) <= MAX_KEPT_WORD else _direction(word, dimensions)


def _direction(word: str, dimensions: int) -> tuple[float, ...]:
    digest = shake_256(word.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    vector = np.frombuffer(digest, dtype="<u2").astype(np.float64) - 32767.5
    return tuple((vector / np.sqrt(vector @ vector)).tolist())


_kept_direction = lru_cache(maxsize=1024)(_direction)
