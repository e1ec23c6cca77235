"""Hashing a unit: stable for ever, uniform, and independent between salts."""

from __future__ import annotations

import math

import pytest

from gateway.core.bucket import position

UNITS = [f"user-{i}" for i in range(10_000)]


def test_stays_within_the_unit_interval() -> None:
    """A position lies in [0, 1), so that a share of 1 admits everyone and a share of 0 no one."""
    positions = [position("salt", unit) for unit in UNITS]
    assert min(positions) >= 0.0
    assert max(positions) < 1.0


def test_is_uniform_over_units() -> None:
    """The empirical distribution stays within the Kolmogorov-Smirnov bound at 0.1 %."""
    ordered = sorted(position("salt", unit) for unit in UNITS)
    n = len(ordered)
    distance = max(max((i + 1) / n - p, p - i / n) for i, p in enumerate(ordered))
    assert distance < math.sqrt(-0.5 * math.log(0.001 / 2) / n)


def test_salts_are_independent() -> None:
    """Who is early under one salt says nothing of another: experiments do not all hit the same users."""
    both = sum(position("a", unit) < 0.5 and position("b", unit) < 0.5 for unit in UNITS)
    assert abs(both - 2_500) < 3.29 * math.sqrt(10_000 * 0.25 * 0.75)


def test_salt_and_unit_do_not_run_together() -> None:
    """The border between salt and unit counts."""
    assert position("ab", "c") != position("a", "bc")


@pytest.mark.parametrize("unit", ["", "ключ", "\ud800", "\x00", "x" * 100_000])
def test_takes_any_text(unit: str) -> None:
    """A unit is the client's text: empty, long, or no valid Unicode, it has a position, always the same."""
    assert position("salt", unit) == position("salt", unit)


def test_never_changes() -> None:
    """Positions survive restarts and releases: BLAKE2b of the length-prefixed text, its first 53 bits as a fraction.

    Computed with coreutils: printf 4:saltunit | b2sum -l 64 prints 171ab30bba34360f.
    """
    assert position("salt", "unit") == (0x171AB30BBA34360F >> 11) / 2**53
