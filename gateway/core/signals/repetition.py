"""Whether an answer runs in circles: exact loops at its end, and lines or sentences said again and again."""

from __future__ import annotations

import re

_INSPECTED = 16_384
"""Characters looked at: the last ones, since a model that loops does so to the end."""
_PROBE = 24
_CANDIDATES = 8
_MIN_LOOP = 240
"""Shorter runs are rulers, separators and rows of zeros."""
_MIN_REPEATS = 4
_MIN_UNIT = 12
_MIN_UNITS = 6
_HARMLESS = 0.4
"""Share of repeated text that songs, tables and boilerplate code reach."""
_FATAL = 0.8

# Replacing and splitting is ten times faster than a regular expression.
_STOPS = (". ", "! ", "? ", "。", "！", "？")
# Items of a counted list differ at least in their number: "17. I am sorry".
_COUNTER = re.compile(r"^\W*\d{1,6}[.):\]]\s*")
_LETTERS = re.compile(r"[^\W\d_]{2}")


def repetition(text: str) -> float:
    """1 for no more repetition than honest text has, falling to 0 for an answer that mostly repeats itself.

    The lower of two views: 1 - 2 x the share of the inspected text that an exact loop at its very end covers, and the
    share of repeated units (lines, sentences) mapped from [0.4, 0.8] to [1, 0]. Units without words do not count, so
    tables, numbers and closing braces may repeat as they like. Looks at the last 16,384 characters.
    """
    tail = text[-_INSPECTED:]
    if len(tail) < _MIN_LOOP // 2:
        return 1.0
    loop = max(0.0, 1.0 - 2.0 * _loop(tail) / len(tail))
    share = _repeated(tail)
    return min(loop, 1.0, max(0.0, (_FATAL - share) / (_FATAL - _HARMLESS)))


def _loop(tail: str) -> int:
    """Characters at the end that are one unit repeated at least four times; 0 if there is no such run."""
    probe = tail[-_PROBE:]
    best, end = 0, len(tail) - 1
    for _ in range(_CANDIDATES):
        start = tail.rfind(probe, 0, end)
        if start < 0:
            break
        period = len(tail) - _PROBE - start
        run = period + _common_suffix(tail, period)
        if run >= _MIN_LOOP and run >= _MIN_REPEATS * period:
            best = max(best, run)
            if 2 * best >= len(tail):
                break  # worth 0 already
        end = start + _PROBE - 1
    return best


def _common_suffix(tail: str, period: int) -> int:
    """Length of the longest common suffix of `tail` and `tail` without its last `period` characters."""
    low, high = 0, len(tail) - period
    while low < high:
        middle = (low + high + 1) // 2
        if tail.endswith(tail[-period - middle : -period]):
            low = middle
        else:
            high = middle - 1
    return low


def _repeated(tail: str) -> float:
    """Share in [0, 1] of the text in units that occurred before."""
    for stop in _STOPS:
        tail = tail.replace(stop, "\n")
    seen: set[str] = set()
    total = again = units = 0
    for raw in tail.split("\n"):
        # A Chinese or Japanese sentence of six characters says as much as a line of twelve letters.
        if len(raw) < _MIN_UNIT and (len(raw) < _MIN_UNIT // 2 or raw.isascii()):
            continue
        unit = raw.strip()
        if unit and not unit[0].isalpha():
            unit = _COUNTER.sub("", unit)
        if not _LETTERS.search(unit):
            continue
        units += 1
        total += len(unit)
        if unit in seen:
            again += len(unit)
        seen.add(unit)
    return again / total if units >= _MIN_UNITS else 0.0
