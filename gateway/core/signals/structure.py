"""Whether an answer has the form it was asked for in: JSON, a JSON schema, tool calls with valid arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

import orjson

from gateway.core.values import Completion, Json, ToolCall

_MAX_TEXT = 262_144
"""Characters of JSON that are parsed; longer answers are not judged."""
_MAX_VALIDATED = 65_536
_MAX_CALLS = 16
_STEPS = 2_500
"""Steps of validation for one answer."""
_MIN_STEPS = 250
_FENCED_WORTH = 0.5
"""JSON inside a code fence: whoever calls json.loads on the answer fails, a patient reader does not."""


class _InvalidError(Exception):
    """Not JSON."""


def wants_json(body: Json) -> bool:
    """Whether the answer is to be JSON, with or without a schema."""
    return "response_format" in body and _format(body).get("type") in ("json_object", "json_schema")


def json_and_schema(
    body: Json, text: str, *, judge_json: bool = True, judge_schema: bool = True
) -> tuple[float | None, float | None]:
    """Two signals from one parse; each None where it was not asked for, is not to be judged, or the text is too long.

    The first is 1 for valid JSON, 0.5 for valid JSON in a code fence, else 0; with `response_format:
    {"type": "json_object"}` only an object counts. The second is 1 if that JSON, fenced or not, satisfies the schema of
    `response_format`, else 0; also None where that cannot be told: see `satisfies`.
    """
    asked = _format(body)
    kind, wrapper = asked.get("type"), asked.get("json_schema")
    judge_json = judge_json and kind in ("json_object", "json_schema") and len(text) <= _MAX_TEXT
    has_schema = kind == "json_schema" and isinstance(wrapper, Mapping) and "schema" in wrapper
    judge_schema = judge_schema and has_schema and len(text) <= _MAX_VALIDATED
    if not (judge_json or judge_schema):
        return None, None
    try:
        value, fenced = _found(text, _parsed if judge_schema else _parsed_roughly)
    except _InvalidError:
        return 0.0 if judge_json else None, 0.0 if judge_schema else None
    worth = _FENCED_WORTH if fenced else 1.0
    if kind == "json_object" and not isinstance(value, dict):
        worth = 0.0
    verdict = _satisfies(value, wrapper["schema"]) if judge_schema and isinstance(wrapper, Mapping) else None
    return worth if judge_json else None, None if verdict is None else float(verdict)


def tool_arguments(body: Json, completion: Completion) -> float | None:
    """Share of the tool calls that can be carried out: a known tool, and arguments that are an object of its schema.

    0 if a call was demanded (`tool_choice`) and none came; None without calls otherwise. Judges the first 16 calls.
    """
    if not completion.tool_calls:
        return 0.0 if "tool_choice" in body and _demanded(body) else None
    calls = completion.tool_calls[:_MAX_CALLS]
    tools = dict(_tools(body))
    # Many calls share the steps of one answer.
    steps = max(_STEPS // len(calls), _MIN_STEPS)
    return sum(_usable(call, tools, steps) for call in calls) / len(calls)


def _usable(call: ToolCall, tools: Mapping[str, object], steps: int) -> bool:
    if call.name not in tools:
        return False
    parameters = tools[call.name]
    if parameters is _FREE_TEXT or len(call.arguments) > _MAX_TEXT:
        return True
    try:
        # Several providers send nothing at all for a tool without parameters.
        arguments = _parsed(call.arguments or "{}")
    except _InvalidError:
        return False
    if not isinstance(arguments, dict):
        return False
    if parameters is None or len(call.arguments) > _MAX_VALIDATED:
        return True
    return _satisfies(arguments, parameters, steps) is not False


_FREE_TEXT = object()
"""Parameters of OpenAI's custom tools, whose input is any text."""


def _tools(body: Json) -> Iterator[tuple[str, object]]:
    """Name and parameter schema of every tool offered, in today's form and in the old one."""
    for tool in _mappings(body.get("tools")):
        custom = tool.get("type") == "custom"
        function = tool.get("custom" if custom else "function")
        if isinstance(function, Mapping) and isinstance(name := function.get("name"), str):
            yield name, _FREE_TEXT if custom else function.get("parameters")
    for function in _mappings(body.get("functions")):
        if isinstance(name := function.get("name"), str):
            yield name, function.get("parameters")


def _demanded(body: Json) -> bool:
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping):
        return choice.get("type") in ("function", "custom")
    return choice == "required"


def _mappings(found: object) -> Iterator[Json]:
    if isinstance(found, (list, tuple)):
        yield from (each for each in found if isinstance(each, Mapping))


def _format(body: Json) -> Json:
    found = body.get("response_format")
    return found if isinstance(found, Mapping) else {}


def _found(text: str, parse: Callable[[str], object]) -> tuple[object, bool]:
    """The JSON value of a text, and whether a code fence had to be taken off; _InvalidError if there is none."""
    try:
        return parse(text), False
    except _InvalidError:
        fenced = _inside_fence(text)
        if fenced is None:
            raise
        return parse(fenced), True


def _inside_fence(text: str) -> str | None:
    """What stands between a code fence around the whole text; None if there is no such fence."""
    text = text.strip()
    if len(text) < 6 or not (text.startswith("```") and text.endswith("```")):
        return None
    inner = text[3:-3]
    first, newline, rest = inner.partition("\n")
    # The first line may name the language.
    return rest if newline and (not first.strip() or first.strip().isalnum()) else inner


def _parsed_roughly(text: str) -> object:
    """The same, four times faster, but whole numbers beyond 64 bits come out rounded."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # It is stricter in what a number and a character may be.
        return _parsed(text)


def _parsed(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _InvalidError from error


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _satisfies(value: object, schema: object, steps: int = _STEPS) -> bool | None:
    # With jsonschema it takes 8 MB and 30 ms to import, which few gateways ever need.
    from gateway.core.signals.schema import satisfies

    return satisfies(value, schema, steps=steps)
