"""Whether an answer has the form it was asked for in: JSON, a JSON schema, tool calls with valid arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from gateway.core.signals.schema import MAX_STEPS, satisfies
from gateway.core.values import Completion, Json, ToolCall

_MAX_TEXT = 262_144
"""Characters of JSON that are parsed; longer answers are not judged."""
_MAX_VALIDATED = 65_536
_MAX_CALLS = 16
_MIN_STEPS = 250
_FENCED_WORTH = 0.5
"""JSON inside a code fence: whoever calls json.loads on the answer fails, a patient reader does not."""


class _InvalidError(Exception):
    """Not JSON."""


def wants_json(body: Json) -> bool:
    """Whether the answer is to be JSON, with or without a schema."""
    return _format(body).get("type") in ("json_object", "json_schema")


def json_validity(body: Json, text: str) -> float | None:
    """1 for valid JSON, 0.5 for valid JSON in a code fence, else 0; None where no JSON was asked or it is too long.

    With `response_format: {"type": "json_object"}` only an object counts.
    """
    if not wants_json(body) or len(text) > _MAX_TEXT:
        return None
    try:
        value, fenced = _found(text)
    except _InvalidError:
        return 0.0
    if _format(body).get("type") == "json_object" and not isinstance(value, dict):
        return 0.0
    return _FENCED_WORTH if fenced else 1.0


def schema_validity(body: Json, text: str) -> float | None:
    """1 if the answer's JSON (in a code fence or not) satisfies the schema of `response_format`, else 0.

    None where no schema was given, or where it cannot be judged: see `satisfies`.
    """
    asked = _format(body)
    wrapper = asked.get("json_schema")
    if asked.get("type") != "json_schema" or not isinstance(wrapper, Mapping) or "schema" not in wrapper:
        return None
    if len(text) > _MAX_VALIDATED:
        return None
    try:
        value, _ = _found(text)
    except _InvalidError:
        return 0.0
    verdict = satisfies(value, wrapper["schema"])
    return None if verdict is None else float(verdict)


def tool_arguments(body: Json, completion: Completion) -> float | None:
    """Share of the tool calls that can be carried out: a known tool, and arguments that are an object of its schema.

    0 if a call was demanded (`tool_choice`) and none came; None without calls otherwise. Judges the first 16 calls.
    """
    calls = completion.tool_calls[:_MAX_CALLS]
    if not calls:
        return 0.0 if _demanded(body) else None
    tools = dict(_tools(body))
    # Many calls share the steps of one answer.
    steps = max(MAX_STEPS // len(calls), _MIN_STEPS)
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
    return satisfies(arguments, parameters, steps=steps) is not False


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


def _found(text: str) -> tuple[object, bool]:
    """The JSON value of a text, and whether a code fence had to be taken off; _InvalidError if there is none."""
    try:
        return _parsed(text), False
    except _InvalidError:
        fenced = _inside_fence(text)
        if fenced is None:
            raise
        return _parsed(fenced), True


def _inside_fence(text: str) -> str | None:
    """What stands between a code fence around the whole text; None if there is no such fence."""
    text = text.strip()
    if len(text) < 6 or not (text.startswith("```") and text.endswith("```")):
        return None
    inner = text[3:-3]
    first, newline, rest = inner.partition("\n")
    # The first line may name the language.
    return rest if newline and (not first.strip() or first.strip().isalnum()) else inner


def _parsed(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _InvalidError from error


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
