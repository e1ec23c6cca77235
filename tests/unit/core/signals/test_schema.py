"""Rules of schema validation: right verdicts within limits, none beyond, never an exception."""

from __future__ import annotations

import math

import pytest
from jsonschema import Draft202012Validator

from gateway.core.signals.schema import satisfies

PERSON = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.org/person",
    "title": "Person",
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"},
        "age": {"type": ["integer", "null"], "minimum": 0},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True, "maxItems": 3},
        "home": {"$ref": "#/$defs/place"},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"place": {"anyOf": [{"type": "string", "format": "uri"}, {"const": None}]}},
}
PEOPLE: list[object] = [
    {"name": "Ann"},
    {"name": "Ann", "age": None, "tags": ["a", "b"], "home": None},
    {"name": "Ann", "home": "not a uri"},
    {},
    {"name": ""},
    {"name": "ann"},
    {"name": "Ann", "age": -1},
    {"name": "Ann", "age": 1.5},
    {"name": "Ann", "tags": ["c"]},
    {"name": "Ann", "tags": ["a", "a"]},
    {"name": "Ann", "home": 3},
    {"name": "Ann", "more": 1},
    [],
    None,
]


@pytest.mark.parametrize("value", PEOPLE)
def test_verdicts_are_those_of_the_standard(value: object) -> None:
    """Within the limits the verdict is the library's own."""
    assert satisfies(value, PERSON) is Draft202012Validator(PERSON).is_valid(value)


@pytest.mark.parametrize(
    ("value", "schema", "verdict"),
    [
        (1, True, True),
        (1, False, False),
        (1, {}, True),
        (None, {"const": None}, True),
        (3, {"const": None}, False),
        (None, {"enum": [None, 1]}, True),
        (1.0, {"type": "integer"}, True),
        (True, {"type": "integer"}, False),
        ({"a": {"a": {"a": 1}}}, {"properties": {"a": {"$ref": "#"}}, "type": ["object", "integer"]}, True),
        ({"a": {"a": "x"}}, {"properties": {"a": {"$ref": "#"}}, "type": ["object", "integer"]}, False),
        ({"k": 1}, {"properties": {"k": {"$ref": "#/$defs/x%20y~1z"}}, "$defs": {"x y/z": {"type": "string"}}}, False),
    ],
)
def test_corners_of_the_standard(value: object, schema: object, verdict: bool) -> None:
    """Booleans as schemas, null as a value, whole floats, recursion, escaped references."""
    assert satisfies(value, schema) is verdict


@pytest.mark.parametrize(
    "schema",
    [
        [],
        "object",
        None,
        {"type": "objekt"},
        {"type": []},
        {"required": "name"},
        {"properties": []},
        {"anyOf": []},
        {"items": [{}]},
        {"minimum": True},
        {"minimum": math.nan},
        {"maxLength": -1},
        {"multipleOf": 0},
        {"enum": 3},
        {"pattern": 3},
        {"$ref": 3},
        {"not": 3},
        {"dependentRequired": {"a": "b"}},
        {"properties": {"a": {"type": "x"}}},
    ],
)
def test_an_invalid_schema_gives_no_verdict(schema: object) -> None:
    """The client's mistake is not the model's."""
    assert satisfies({"a": 1}, schema) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#/enum/0", "enum": [{"type": 5}]},
        {"properties": {"a": {"$id": "http://127.0.0.1:1/x", "$ref": "#/b"}}},
        {"patternProperties": {"a": {}}},
        {"unevaluatedProperties": False},
        {"$dynamicRef": "#a"},
    ],
)
def test_references_stay_in_the_document_and_rare_keywords_unjudged(schema: object) -> None:
    """Nothing is fetched, and nothing but a schema can be pointed at; what is not supported decides nothing."""
    assert satisfies({"a": 1}, schema) is None


def doubling() -> dict[str, object]:
    """Thirty definitions, each asking twice for the next: 2**30 steps in two kilobytes."""
    named: dict[str, object] = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(30)}
    return {"$defs": {**named, "d30": {}}, "$ref": "#/$defs/d0"}


def nested(depth: int) -> dict[str, object]:
    schema: dict[str, object] = {}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({}, doubling()),
        ({}, {"$ref": "#"}),
        ({}, nested(900)),
        ([{"i": i} for i in range(5_000)], {"uniqueItems": True}),
        ([list(range(100)) for _ in range(100)], {"anyOf": [{"type": "string"}] * 900}),
        (list(range(60_000)), {"items": {"type": "integer"}}),
        (1, {"enum": list(range(3_000))}),
        (1, {"properties": {f"p{i}": {} for i in range(3_000)}}),
        (10**4_000, {"multipleOf": 0.1}),
        (math.inf, {"multipleOf": 0.1}),
    ],
    ids=["doubling", "circular", "deep", "unique", "messages", "long", "enum", "wide", "huge", "infinite"],
)
def test_what_would_take_too_long_gives_no_verdict(value: object, schema: object) -> None:
    """Steps are counted, so the work is bounded whatever schema and value are."""
    assert satisfies(value, schema) is None


def deep(levels: int) -> list[object]:
    return [] if levels == 0 else [deep(levels - 1)]


def called_from(depth: int, value: object, schema: object) -> bool | None:
    return satisfies(value, schema) if depth == 0 else called_from(depth - 1, value, schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {"$ref": "#"}},
        {"anyOf": [{"not": {"$ref": "#"}}, {"$ref": "#"}]},
        {"items": {"not": {"$ref": "#"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"not": {"$ref": "#/$defs/a"}}}},
    ],
)
def test_rules_inside_rules_end_before_the_stack_does(schema: object) -> None:
    """At whatever depth of the stack it happens: code below jsonschema turns a RecursionError into a crash."""
    value = deep(300)
    assert {called_from(depth, value, schema) for depth in range(24)} == {None}


@pytest.mark.parametrize("schema", [PERSON, {"minimum": 10**30, "maximum": 10**30}, {"enum": ["x" * 20_000]}])
def test_a_schema_means_the_same_every_time(schema: dict[str, object]) -> None:
    """Whether it is kept from the answer before, cannot be kept, or is too long to be."""
    for value in (*PEOPLE, 10**30, "x" * 20_000):
        assert satisfies(value, schema) is satisfies(value, schema) is Draft202012Validator(schema).is_valid(value)


def test_schemas_that_differ_in_little_are_kept_apart() -> None:
    """1 is not true, and the order of names is no reason for another verdict."""
    assert [satisfies(value, {"const": 1}) for value in (1, True)] == [True, False]
    assert [satisfies(value, {"const": True}) for value in (1, True)] == [False, True]
    assert satisfies({"a": 1}, {"required": ["a"], "type": "object"}) is True
    assert satisfies({"a": 1}, {"type": "object", "required": ["a"]}) is True


@pytest.mark.parametrize(
    ("value", "pattern"),
    [("a" * 5_000 + "b", "^(a+)+$"), (" " * 60_000, r"\s+$"), ("a" * 40, "a?" * 40 + "a" * 40), ("a", "(")],
)
def test_a_pattern_that_might_take_too_long_counts_as_matched(value: str, pattern: str) -> None:
    """Catastrophic backtracking is never started; the rest of the schema still counts."""
    assert satisfies(value, {"pattern": pattern}) is True
    assert satisfies(value, {"pattern": pattern, "type": "integer"}) is False
