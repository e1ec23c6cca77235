"""JSON Schema validation that a hostile or broken schema can neither crash nor stall nor send to the network.

A schema is rebuilt from the keywords known here (draft 2020-12 without the rare ones), their values checked on the way;
jsonschema then validates on an allowance of steps, since a few hundred bytes of nested `allOf` and `$ref` can ask for
2**30 of them. What cannot be judged within these limits is not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any
from urllib.parse import unquote

import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry

from gateway.core.signals.pattern import effort
from gateway.core.signals.plain import Check, Rules, surely

Rule = Callable[[Validator, object, object, object], Iterator[ValidationError] | None]

_MAX_NODES = 2_000
_MAX_DEPTH = 40
MAX_STEPS = 2_500
"""Steps of one validation: about one rule applied to one value each, 7 microseconds."""
_MAX_NESTED = 120
"""Rules inside rules, about four frames each: at Python's own limit, the Rust below jsonschema would panic."""
_MAX_KEPT = 16_384
"""Bytes of a schema that is kept ready for the next answer: an application asks for the same one again and again."""
_REGEX_STEPS_PER_STEP = 64
_MAX_REGEX_STEPS = 50_000

_TYPES = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})
_ONE = frozenset({"not", "if", "then", "else", "additionalProperties", "items", "contains", "propertyNames"})
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
_FOREIGN = frozenset(
    {"patternProperties", "unevaluatedProperties", "unevaluatedItems", "additionalItems", "dependencies"}
    | {"$dynamicRef", "$recursiveRef"}
)


class UnjudgeableError(Exception):
    """This schema is not valid, not supported, or too dear for this value: no verdict."""


def satisfies(value: object, schema: object, *, steps: int = MAX_STEPS) -> bool | None:
    """Whether a parsed JSON value satisfies a JSON schema; None where that cannot be judged. Never raises.

    Formats are annotations and not checked, as the standard has it by default. References must point at a schema in
    the same document. A `pattern` whose search might take too long counts as matched.
    """
    token = _allowance.set(_Allowance(steps))
    try:
        surely_satisfies, judge = _judge_of(schema)
        with suppress(RecursionError):
            if surely_satisfies(value, [steps]):
                return True
        return bool(judge.is_valid(value))
    except (UnjudgeableError, RecursionError, ArithmeticError):
        return None
    finally:
        _allowance.reset(token)


def _judge_of(schema: object) -> tuple[Check, Any]:
    try:
        text = orjson.dumps(schema)
    except TypeError:  # JSON of another maker, with numbers beyond 64 bits say
        return _built(schema)
    return _kept(text) if len(text) <= _MAX_KEPT else _built(schema)


@lru_cache(maxsize=64)
def _kept(text: bytes) -> tuple[Check, Any]:
    return _built(orjson.loads(text))


def _built(schema: object) -> tuple[Check, Any]:
    rules = _Rebuild().whole(schema)
    return surely(rules), _Metered(rules, registry=Registry())


class _Rebuild:
    """One pass over a client's schema that keeps what is known and valid."""

    def __init__(self) -> None:
        self._left = _MAX_NODES
        self._places: set[str] = set()
        self._references: set[str] = set()

    def whole(self, schema: object) -> Rules:
        """The schema as it will be applied; UnjudgeableError if that would not be the schema that was meant."""
        rules = self._schema(schema, "")
        # A reference to anything else, the value of an `enum` say, would bring back what was left out.
        if not self._references <= self._places:
            raise UnjudgeableError
        return rules

    def _schema(self, found: object, place: str) -> Rules:
        self._spend(1)
        self._places.add(place)
        if isinstance(found, bool):
            return found
        if not isinstance(found, Mapping) or place.count("/") > _MAX_DEPTH:
            raise UnjudgeableError
        rules: dict[str, object] = {}
        for key, said in found.items():
            self._add(rules, key, said, place)
        return rules

    def _add(self, rules: dict[str, object], key: str, said: object, place: str) -> None:
        here = f"{place}/{key}"
        if key in _ONE:
            rules[key] = self._schema(said, here)
        elif key in _MANY and isinstance(said, list) and said:
            rules[key] = [self._schema(each, f"{here}/{i}") for i, each in enumerate(said)]
        elif key in _NAMED and isinstance(said, Mapping):
            rules[key] = {name: self._schema(each, f"{here}/{_escaped(name)}") for name, each in said.items()}
        elif key in _SIMPLE:
            if not _SIMPLE[key](said):
                raise UnjudgeableError
            self._spend(_size(said))
            if key == "$ref" and isinstance(said, str):
                self._references.add(unquote(said[1:]))
            rules[key] = said
        elif key in _MANY or key in _NAMED or key in _FOREIGN:
            raise UnjudgeableError
        # The rest ($id, $schema, title, format, ...) decides nothing here; kept, it could redirect references.

    def _spend(self, nodes: int) -> None:
        self._left -= nodes
        if self._left < 0:
            raise UnjudgeableError


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _size(value: object) -> int:
    """Nodes of a JSON value."""
    if isinstance(value, Mapping):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _is_words(said: object) -> bool:
    return isinstance(said, list) and all(isinstance(word, str) for word in said)


def _is_type(said: object) -> bool:
    words = [said] if isinstance(said, str) else said
    return isinstance(words, list) and bool(words) and all(isinstance(w, str) and w in _TYPES for w in words)


def _is_number(said: object) -> bool:
    return isinstance(said, (int, float)) and not isinstance(said, bool) and isfinite(said)


def _is_count(said: object) -> bool:
    return isinstance(said, (int, float)) and _is_number(said) and said >= 0 and said == int(said)


_SIMPLE: Mapping[str, Callable[[object], bool]] = {
    "type": _is_type,
    "enum": lambda said: isinstance(said, list),
    "const": lambda _: True,
    "required": _is_words,
    "dependentRequired": lambda said: isinstance(said, Mapping) and all(map(_is_words, said.values())),
    "uniqueItems": lambda said: isinstance(said, bool),
    "pattern": lambda said: isinstance(said, str),
    "$ref": lambda said: isinstance(said, str) and said.startswith("#"),
    "multipleOf": lambda said: isinstance(said, (int, float)) and _is_number(said) and said > 0,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    **dict.fromkeys(("minContains", "maxContains"), _is_count),
}


@dataclass(slots=True)
class _Allowance:
    """What is left to the validation that is running."""

    steps: int
    nested: int = 0
    """Rules under way, one inside the other."""


_allowance: ContextVar[_Allowance] = ContextVar("_allowance")
"""jsonschema hands no state of ours to its rules."""


def _charge(steps: int) -> None:
    allowance = _allowance.get()
    allowance.steps -= steps
    if allowance.steps < 0:
        raise UnjudgeableError


def _cost(keyword: str, value: object, instance: object) -> int:
    """Steps that a rule may take by itself, without the rules it descends into."""
    breadth = len(value) if isinstance(value, (list, dict)) else 0
    if isinstance(instance, (list, dict)):
        breadth += len(instance)
    if keyword in ("enum", "const"):
        breadth += _size(instance)
    elif keyword == "uniqueItems" and isinstance(instance, list) and not all(isinstance(i, str) for i in instance):
        breadth += len(instance) ** 2 // 8  # what cannot be sorted is compared pair by pair
    return 1 + breadth // 4


def _metered(keyword: str, rule: Rule) -> Rule:
    def check(validator: Validator, value: object, instance: object, schema: object) -> Iterator[ValidationError]:
        _charge(_cost(keyword, value, instance))
        allowance = _allowance.get()
        allowance.nested += 1
        if allowance.nested > _MAX_NESTED:
            raise UnjudgeableError
        try:
            for error in rule(validator, value, instance, schema) or ():
                # A message holds the whole offending value.
                _charge(len(error.message) // 256)
                yield error
        finally:
            allowance.nested -= 1

    return check


def _pattern(_: Validator, value: object, instance: object, __: object) -> Iterator[ValidationError]:
    if not isinstance(value, str) or not isinstance(instance, str):
        return
    bound = effort(value)
    steps = bound.steps(len(instance)) if bound is not None else _MAX_REGEX_STEPS
    if bound is None or steps >= _MAX_REGEX_STEPS:
        return
    _charge(int(steps) // _REGEX_STEPS_PER_STEP)
    if not bound.matches(instance):
        yield ValidationError(f"does not match {value!r}")


# Its stub leaves arguments open; named here, the result is typed.
_extended: Callable[..., type[Validator]] = extend
_Metered = _extended(
    Draft202012Validator,
    validators={
        keyword: _metered(keyword, _pattern if keyword == "pattern" else rule)
        for keyword, rule in Draft202012Validator.VALIDATORS.items()
    },
)
