"""Rules of the signals for JSON, schemas and tool calls."""

from __future__ import annotations

import json

import pytest

from gateway.core.signals.structure import json_and_schema, tool_arguments
from gateway.core.values import Completion, Json, ToolCall
from tests.builders import make_completion


def json_validity(body: Json, text: str) -> float | None:
    return json_and_schema(body, text)[0]


def schema_validity(body: Json, text: str) -> float | None:
    return json_and_schema(body, text)[1]


OBJECT: dict[str, object] = {"response_format": {"type": "json_object"}}
SCHEMA: dict[str, object] = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object", "required": ["a"]}},
    }
}


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ('{"a": 1}', 1.0),
        (' \n{"a": [1, 2.5e3, null, "é"]}\n', 1.0),
        ('```json\n{"a": 1}\n```', 0.5),
        ('```\n{"a": 1}```\n', 0.5),
        ('Sure! Here it is:\n```json\n{"a": 1}\n```', 0.0),
        ('Sure! {"a": 1}', 0.0),
        ('{"a": 1', 0.0),
        ("{'a': 1}", 0.0),
        ('{"a": NaN}', 0.0),
        ('{"a": Infinity}', 0.0),
        ("", 0.0),
        ("[1]", 0.0),
        ("3", 0.0),
        ('```{"a": 1}```', 0.5),
        ("```", 0.0),
        ("``````", 0.0),
        ("```\n" + " " * 200_000, 0.0),
        ("[" * 100_000, 0.0),
        ('{"a": ' + "9" * 10_000 + "}", 0.0),
    ],
)
def test_an_object_was_asked_for(text: str, worth: float) -> None:
    """Valid as it stands 1, in a code fence 0.5, anything else 0."""
    assert json_validity(OBJECT, text) == worth


def test_with_a_schema_any_json_is_json() -> None:
    """Which kind of value is right is the schema's business."""
    assert json_validity(SCHEMA, "[1]") == 1.0


@pytest.mark.parametrize(
    "body",
    [{}, {"response_format": {"type": "text"}}, {"response_format": None}, {"response_format": "json_object"}],
)
def test_json_that_was_not_asked_for_is_not_judged(body: dict[str, object]) -> None:
    """No wish, no verdict."""
    assert json_validity(body, "hello") is None
    assert schema_validity(body, "hello") is None


@pytest.mark.parametrize("text", ['{"a": 1}', '```\n{"b": 1}\n```', "no"])
def test_each_signal_can_be_left_out(text: str) -> None:
    """What is switched off is absent and leaves the other as it is."""
    both = json_and_schema(SCHEMA, text)
    assert json_and_schema(SCHEMA, text, judge_schema=False) == (both[0], None)
    assert json_and_schema(SCHEMA, text, judge_json=False) == (None, both[1])
    assert json_and_schema(SCHEMA, text, judge_json=False, judge_schema=False) == (None, None)


@pytest.mark.parametrize("number", ["18446744073709551616", "1e400", "-1e400", "0.1e-400", '"\\ud800"'])
def test_numbers_and_characters_beyond_other_parsers_are_json(number: str) -> None:
    """The grammar of JSON bounds neither, and Python reads them."""
    assert json_validity(OBJECT, f'{{"a": {number}}}') == 1.0


def test_whole_numbers_beyond_64_bits_keep_their_digits() -> None:
    """2 to the power of 64 is no 2 to the power of 64 plus 1, which a rounded number would be."""
    schema = {"type": "array", "uniqueItems": True}
    body: dict[str, object] = {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    assert schema_validity(body, f"[{2**64}, {2**64 + 1}]") == 1.0


def test_very_long_json_is_not_judged() -> None:
    """Beyond 262,144 characters nothing is parsed; a schema is tried on at most 65,536."""
    middle, long = (json.dumps({"b": "x" * size}) for size in (100_000, 300_000))
    assert json_validity(SCHEMA, middle) == 1.0
    assert schema_validity(SCHEMA, middle) is None
    assert json_validity(SCHEMA, long) is None


@pytest.mark.parametrize(
    ("text", "worth"),
    [('{"a": 1}', 1.0), ('```json\n{"a": 1}\n```', 1.0), ('{"b": 1}', 0.0), ("[]", 0.0), ("no", 0.0), ("", 0.0)],
)
def test_a_schema_is_satisfied_or_not(text: str, worth: float) -> None:
    """What a fence costs is the json signal's business; no JSON satisfies no schema."""
    assert schema_validity(SCHEMA, text) == worth


@pytest.mark.parametrize("wrapper", [{"schema": {"type": "no such type"}}, {"name": "n"}, None, "text"])
def test_a_broken_schema_is_not_the_models_fault(wrapper: object) -> None:
    """Without a usable schema the signal is absent."""
    body = {"response_format": {"type": "json_schema", "json_schema": wrapper}}
    assert schema_validity(body, '{"a": 1}') is None


TOOLS: dict[str, object] = {
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
        },
        {"type": "function", "function": {"name": "now"}},
        {"type": "function", "function": {"name": "odd", "parameters": {"type": "no such type"}}},
        {"type": "custom", "custom": {"name": "shell"}},
        "noise",
        {"type": "function"},
    ],
    "functions": [{"name": "old", "parameters": {"type": "object"}}],
}


def calling(*calls: tuple[str, str]) -> Completion:
    made = tuple(ToolCall(id=str(i), name=name, arguments=arguments) for i, (name, arguments) in enumerate(calls))
    return make_completion(text="", tool_calls=made, finish_reason="tool_calls")


@pytest.mark.parametrize(
    ("name", "arguments", "worth"),
    [
        ("weather", '{"city": "Oslo"}', 1.0),
        ("weather", '{"city": 3}', 0.0),
        ("weather", "{}", 0.0),
        ("weather", '{"city": "Os', 0.0),
        ("weather", '["Oslo"]', 0.0),
        ("weather", "", 0.0),
        ("wether", '{"city": "Oslo"}', 0.0),
        ("now", "", 1.0),
        ("now", "{}", 1.0),
        ("odd", "{}", 1.0),
        ("odd", "{", 0.0),
        ("shell", "ls -l", 1.0),
        ("old", "{}", 1.0),
    ],
)
def test_a_call_can_be_carried_out_or_not(name: str, arguments: str, worth: float) -> None:
    """A known tool and a JSON object that fits its schema; a broken schema of the client's is let pass."""
    assert tool_arguments(TOOLS, calling((name, arguments))) == worth


def test_long_arguments_are_judged_less_and_never_condemned() -> None:
    """A tool that writes files gets long arguments: over 65,536 characters no schema, over 262,144 not even JSON."""
    wrong, broken = json.dumps({"text": "x" * 100_000}), "x" * 300_000
    assert tool_arguments(TOOLS, calling(("weather", wrong))) == 1.0
    assert tool_arguments(TOOLS, calling(("weather", "x" * 100_000))) == 0.0
    assert tool_arguments(TOOLS, calling(("weather", broken))) == 1.0


def test_several_calls_are_averaged() -> None:
    """One unusable call of two is half."""
    assert tool_arguments(TOOLS, calling(("now", "{}"), ("weather", "{}"))) == 0.5


@pytest.mark.parametrize(
    ("choice", "worth"),
    [
        ("required", 0.0),
        ({"type": "function", "function": {"name": "now"}}, 0.0),
        ("auto", None),
        ("none", None),
        (None, None),
    ],
)
def test_a_call_that_was_demanded_must_come(choice: object, worth: float | None) -> None:
    """Text instead of a demanded call is of no use; otherwise the model may choose to write."""
    assert tool_arguments(TOOLS | {"tool_choice": choice}, make_completion(text="It is noon.")) == worth


def test_calls_of_tools_that_were_never_offered_are_unusable() -> None:
    """Nobody can carry them out."""
    assert tool_arguments({}, calling(("now", "{}"))) == 0.0
    assert tool_arguments({"tools": "none"}, calling(("now", "{}"))) == 0.0
