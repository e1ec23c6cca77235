"""Custom features: where their values come from and how they become coordinates."""

from __future__ import annotations

from math import inf, nan, sqrt
from typing import Any

import pytest

from gateway.core.custom import CustomFeature
from gateway.core.values import Hints
from tests.builders import make_request

COLOUR = CustomFeature(key="colour", kind="category", values=("red", "Green"))
AGE = CustomFeature(key="age", kind="number", low=20, high=60)
TEAM = CustomFeature(key="team", kind="hashed", dimensions=5)


@pytest.mark.parametrize(
    ("value", "numbers"),
    [("red", [1, 0]), (" GREEN ", [0, 1]), ("blue", [0, 0]), ("", [0, 0]), (None, [0, 0])],
)
def test_category_is_one_of_its_values(value: str | None, numbers: list[float]) -> None:
    """One coordinate per value, case and blanks aside; an unknown value is none of them."""
    assert COLOUR.encode(value) == numbers
    assert COLOUR.names == ("custom.colour=red", "custom.colour=Green")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("20", 0.0),
        ("30", 0.25),
        ("60.0", 1.0),
        ("-5", 0.0),
        ("1e9", 1.0),
        ("inf", 1.0),
        ("-inf", 0.0),
        ("nan", 0.0),
        ("old", 0.0),
        ("", 0.0),
        (None, 0.0),
        ("9" * 10_000, 1.0),
    ],
)
def test_number_is_scaled_and_clipped(value: str | None, number: float) -> None:
    """`low` becomes 0 and `high` 1; beyond is clipped; what is no number is 0."""
    assert AGE.encode(value) == [number]
    assert AGE.names == ("custom.age",)


def test_number_survives_huge_bounds() -> None:
    """Bounds far apart give finite numbers."""
    wide = CustomFeature(key="x", kind="number", low=-8e307, high=8e307)
    assert [wide.encode(value)[0] for value in ("-1e308", "1e308", "nan")] == [0.0, 1.0, 0.0]


def test_hashed_word_has_a_direction() -> None:
    """A word is a vector of length 1, a different one for each word; a missing word is zeros."""
    first, second = TEAM.encode("search"), TEAM.encode("ads")
    assert sqrt(sum(value * value for value in first)) == pytest.approx(1.0)
    assert first != second
    assert first == TEAM.encode("search")
    assert TEAM.encode(None) == [0.0] * 5
    assert len(TEAM.names) == 5


def test_values_come_from_hints() -> None:
    """Any metadata key, and by their names the user, the region, the language and the tenant; metadata wins."""
    hints = Hints(user_id="u", region="eu", language="de", custom={"team": "ads", "region": "emea"})
    request = make_request(hints=hints, tenant="acme")
    keys = ("team", "user_id", "region", "language", "tenant", "nothing")
    values = [CustomFeature(key=key, kind="hashed").value(request) for key in keys]
    assert values == ["ads", "u", "emea", "de", "acme", None]


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "category"},
        {"kind": "category", "values": ("a", "A")},
        {"kind": "number", "values": ("a",)},
        {"kind": "hashed", "values": ("a",)},
        {"kind": "hashed", "low": -1.0},
        {"kind": "category", "values": ("a",), "high": 2.0},
        {"kind": "number", "dimensions": 4},
        {"kind": "number", "low": 1.0, "high": 1.0},
        {"kind": "number", "low": nan},
        {"kind": "number", "high": inf},
        {"kind": "number", "low": -1.7e308, "high": 1.7e308},
    ],
)
def test_options_without_effect_are_refused(options: dict[str, Any]) -> None:
    """An option that its kind would ignore, or that makes no sense, is an error that names the feature."""
    with pytest.raises(ValueError, match="'thing'"):
        CustomFeature(key="thing", **options)
