"""Scoring holds for any text, any JSON and any schema: it never raises and never leaves [0, 1]."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.scoring import DEFAULT_WEIGHTS, Scored, ScoringSettings, score
from gateway.core.signals.pattern import effort
from gateway.core.signals.schema import satisfies
from gateway.core.values import Hints, ToolCall
from tests.builders import make_completion, make_request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
KEYWORDS = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "required",
        "enum",
        "const",
        "anyOf",
        "allOf",
        "not",
        "$ref",
        "$defs",
        "pattern",
        "minimum",
        "maxLength",
        "uniqueItems",
        "additionalProperties",
        "multipleOf",
        "$id",
        "$schema",
        "contains",
    ]
)
WORDS = st.sampled_from(
    ["object", "string", "integer", "#", "#/$defs/a", "#/properties/a", "a", "^a+$", "(a+)+", "http://x"]
)
SCHEMAS = st.recursive(
    st.booleans() | WORDS | st.integers(-3, 3) | st.just([]) | st.lists(WORDS, max_size=3),
    lambda inner: (
        st.dictionaries(KEYWORDS | st.sampled_from(["a", "b"]), inner, max_size=4) | st.lists(inner, max_size=3)
    ),
    max_leaves=15,
)
PIECES = st.sampled_from(
    [
        "I'm sorry, I can't help",
        "```",
        "```json\n",
        "{",
        '{"a": 1}',
        "\n",
        "的",
        "я",
        "the of that",
        "<think>",
        "</think>",
    ]
)
TEXTS = st.text(st.characters(), max_size=200) | st.lists(PIECES | st.text(max_size=5), max_size=30).map("".join)
LONG = st.builds(lambda unit, times: unit * times, TEXTS, st.integers(1, 300))
ANY = st.none() | st.text(max_size=12) | JSON


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Request bodies, right and wrong, with formats, tools and choices."""
    body: dict[str, Any] = {"model": "auto"}
    if draw(st.booleans()):
        wrapper = draw(st.fixed_dictionaries({"schema": SCHEMAS}) | ANY)
        kind = draw(st.sampled_from(["json_object", "json_schema", "text", None]))
        body["response_format"] = draw(st.just({"type": kind, "json_schema": wrapper}) | ANY)
    if draw(st.booleans()):
        function = draw(st.fixed_dictionaries({"name": st.sampled_from(["f", "g"]), "parameters": SCHEMAS}) | ANY)
        body["tools"] = draw(st.just([{"type": "function", "function": function}]) | ANY)
        body["tool_choice"] = draw(st.sampled_from(["auto", "required", None]) | ANY)
    return body


CALLS = st.builds(ToolCall, id=st.just("1"), name=st.sampled_from(["f", "g"]), arguments=TEXTS | JSON.map(json.dumps))
HINTS = st.builds(
    Hints,
    language=st.none() | st.sampled_from(["en", "fr", "python"]) | st.text(max_size=5),
    output_length=st.none() | st.sampled_from(["short", "medium", "long"]),
    task_type=st.none() | st.text(max_size=5),
)
WEIGHTS = st.dictionaries(st.sampled_from(sorted(DEFAULT_WEIGHTS)), st.floats(0, 10), max_size=10)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_answer_to_any_request_has_signals_and_quality_in_the_unit_interval(data: st.DataObject) -> None:
    """Whatever clients and models send, scoring gives numbers in [0, 1] or nothing."""
    messages = [{"role": "user", "content": data.draw(TEXTS | JSON)}, {"role": "system", "content": data.draw(TEXTS)}]
    request = make_request(messages=messages, body=data.draw(bodies()), hints=data.draw(HINTS))
    completion = make_completion(
        text=data.draw(TEXTS | LONG | JSON.map(json.dumps)),
        tool_calls=tuple(data.draw(st.lists(CALLS, max_size=3))),
        finish_reason=data.draw(
            st.none() | st.sampled_from(["stop", "length", "content_filter"]) | st.text(max_size=5)
        ),
        refusal=data.draw(st.none() | st.text(max_size=5)),
        tokens_out=data.draw(st.integers(0, 10_000)),
    )
    weights = data.draw(WEIGHTS)
    found = score(request, completion, ScoringSettings(weights=weights))
    assert found.signals.keys() <= DEFAULT_WEIGHTS.keys()
    assert all(0.0 <= value <= 1.0 for value in found.signals.values())
    assert all(weights.get(name, 1.0) > 0.0 for name in found.signals)
    assert (found.quality is None) is (not found.signals)
    assert found.quality is None or 0.0 <= found.quality <= 1.0


@given(st.text(" \n\t\u200b\ufeff", max_size=50), bodies())
@settings(max_examples=100, deadline=None)
def test_blank_answers_are_worth_0(text: str, body: dict[str, Any]) -> None:
    """No request makes an empty answer worth anything."""
    found: Scored = score(make_request(body=body), make_completion(text=text), ScoringSettings())
    assert found.quality == 0.0


@given(JSON, SCHEMAS)
@settings(max_examples=300, deadline=None)
def test_any_value_under_any_schema_gets_a_verdict_or_none(value: object, schema: object) -> None:
    """Schemas come from clients and values from models: neither may raise or reach out."""
    assert satisfies(value, schema) in (True, False, None)


@given(st.text("ab()[]|*+?{}2,^$\\", max_size=20), st.text("ab", max_size=12))
@settings(max_examples=300, deadline=None)
def test_a_bounded_pattern_answers(pattern: str, text: str) -> None:
    """Where a bound is given, the pattern compiles and its bound is a positive number that grows with the text."""
    bound = effort(pattern)
    if bound is not None:
        assert 1.0 <= bound.steps(len(text)) <= bound.steps(len(text) + 1)
        assert bound.matches(text) in (True, False)
