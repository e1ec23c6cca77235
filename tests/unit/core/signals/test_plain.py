"""Rules of the plain checks: they affirm what jsonschema affirms, and nothing else; work is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.core.signals.plain import Rules, surely

STEPS = 2_500
TREE: Rules = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#/$defs/Node"}}},
            "required": ["name"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/Node",
}


def affirmed(value: object, rules: Rules, steps: int = STEPS) -> bool:
    return surely(rules)(value, [steps])


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ({"a": 1, "b": ["x", "y"]}, {"properties": {"a": {"type": "integer"}, "b": {"items": {"enum": ["x", "y"]}}}}),
        ({"a": None}, {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["a"]}),
        ({"a": 1, "z": "s"}, {"properties": {"a": True}, "additionalProperties": {"type": "string", "maxLength": 1}}),
        ([1, 2.5], {"type": ["array", "null"], "items": {"minimum": 1, "exclusiveMaximum": 3}, "maxItems": 2}),
        ("yes", {"const": "yes", "minLength": 3}),
        ({"name": "r", "children": [{"name": "c", "children": []}]}, TREE),
        (3, {}),
        (3, {"allOf": [{"type": "number"}, {"maximum": 3}]}),
    ],
)
def test_the_everyday_rules_are_understood(value: object, rules: Rules) -> None:
    """What applications ask for is affirmed without jsonschema, which agrees."""
    assert affirmed(value, rules)
    assert Draft202012Validator(rules).is_valid(value)


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ("a", {"const": ["a", "b"]}),
        (1, {"enum": [True]}),
        (True, {"type": "integer"}),
        (True, {"type": "number"}),
        ({"a": 1, "c": 1}, {"properties": {"a": True}, "additionalProperties": False}),
        ([1, "x"], {"prefixItems": [True], "items": {"type": "integer"}}),
        ({"b": 1}, {"required": ["a"]}),
        ([1, 1], {"uniqueItems": True}),
        (1, False),
        ({"name": "r", "children": [{}]}, TREE),
    ],
)
def test_what_fails_is_never_affirmed(value: object, rules: Rules) -> None:
    """Booleans are no numbers, a constant list no choice; what is not understood is not affirmed either."""
    assert not affirmed(value, rules)
    assert not Draft202012Validator(rules).is_valid(value)


@pytest.mark.parametrize("rules", [{"$ref": "#/$defs/no"}, {"$ref": "#/$defs/a~1b", "$defs": {"a/b": True}}])
def test_a_reference_that_is_not_plain_is_left_to_jsonschema(rules: Rules) -> None:
    """Only names that need no escape are followed."""
    assert not affirmed(1, rules)


@pytest.mark.parametrize(("size", "steps", "done"), [(9, 10, True), (10, 10, False), (100_000, 10, False)])
def test_steps_bound_the_work(size: int, steps: int, done: bool) -> None:
    """A container takes a step for each member and one for itself."""
    assert affirmed([1] * size, {"items": {"type": "integer"}}, steps) is done
    assert affirmed(dict.fromkeys(map(str, range(size)), 1), {"properties": {}}, steps) is done


def test_references_in_a_circle_end() -> None:
    """A circle uses up the steps, however many branches it has."""
    assert not affirmed(1, {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, steps=50)


VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2, 1.0, 2.5, "", "a", "ab"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.lists(st.sampled_from("abc"), max_size=2)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
SIZES = st.integers(0, 3)


def wider(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    some = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2),
            "enum": st.lists(VALUES, max_size=3),
            "const": VALUES,
            "required": NAMES,
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": some,
            "allOf": some,
            "anyOf": some,
            "oneOf": some,
            "not": inner,
            "uniqueItems": st.booleans(),
            **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), SIZES),
            **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), SIZES),
        },
    )


@given(VALUES, st.recursive(st.booleans(), wider, max_leaves=6))
@settings(max_examples=500, deadline=None)
def test_whatever_is_affirmed_satisfies(value: object, rules: Rules) -> None:
    """For any schema and value: an affirmation is jsonschema's verdict as well."""
    if affirmed(value, rules):
        assert Draft202012Validator(rules).is_valid(value)
