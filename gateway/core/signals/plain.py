"""The everyday rules of JSON Schema as plain functions: whether a value surely satisfies a schema.

jsonschema takes about 5 microseconds for a rule and a value, which is milliseconds for a page of JSON. Most answers
satisfy their schema, and most schemas are made of types, properties, items, choices and bounds. A False from here means
no more than that jsonschema has to be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

Check = Callable[[Any, list[int]], bool]
"""Whether a value surely satisfies; the list holds the steps that are left, one for each member of a container."""
Rules = Mapping[str, Any] | bool

_TYPES: Mapping[str, frozenset[type]] = {
    "null": frozenset({type(None)}),
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "string": frozenset({str}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}
_BOUNDS: Mapping[str, tuple[Callable[[Any, Any], bool], frozenset[type], bool]] = {
    "minimum": (ge, _TYPES["number"], False),
    "maximum": (le, _TYPES["number"], False),
    "exclusiveMinimum": (gt, _TYPES["number"], False),
    "exclusiveMaximum": (lt, _TYPES["number"], False),
    "minLength": (ge, _TYPES["string"], True),
    "maxLength": (le, _TYPES["string"], True),
    "minItems": (ge, _TYPES["array"], True),
    "maxItems": (le, _TYPES["array"], True),
}
"""How a value, or else its size, has to compare; and the types it is asked of."""
_GROUPS = ("$defs", "definitions")


def surely(rules: Rules) -> Check:
    """The check for a valid schema; what it does not understand, it never affirms.

    It may raise RecursionError where references go in circles.
    """
    named: dict[str, Check] = {}
    whole = _check(rules, named)
    named["#"] = whole
    for group in _GROUPS:
        for name, each in rules.get(group, {}).items() if isinstance(rules, Mapping) else ():
            # Names that a reference has to escape are left to jsonschema.
            if not {"/", "~", "%"} & set(name):
                named[f"#/{group}/{name}"] = _check(each, named)
    return whole


def _always(_: object, __: list[int]) -> bool:
    return True


def _never(_: object, __: list[int]) -> bool:
    return False


def _check(rules: Rules, named: Mapping[str, Check]) -> Check:
    if isinstance(rules, bool):
        return _always if rules else _never
    return _all([_MAKERS.get(key, _unknown)(key, rules, named) for key in rules if key not in _GROUPS])


def _all(checks: list[Check]) -> Check:
    if len(checks) < 2:
        return checks[0] if checks else _always

    def all_of(value: object, left: list[int]) -> bool:
        for check in checks:  # noqa: SIM110  all() with a generator takes twice the time
            if not check(value, left):
                return False
        return True

    return all_of


def _unknown(_: str, __: Mapping[str, Any], ___: Mapping[str, Check]) -> Check:
    return _never


def _type(key: str, rules: Mapping[str, Any], _: Mapping[str, Check]) -> Check:
    words = [rules[key]] if isinstance(rules[key], str) else rules[key]
    types = frozenset[type]().union(*(_TYPES[word] for word in words))
    return lambda value, _: type(value) in types


def _choice(key: str, rules: Mapping[str, Any], _: Mapping[str, Check]) -> Check:
    values = rules[key] if key == "enum" else [rules[key]]
    # Numbers are left out: 1, 1.0 and true are equal in Python.
    texts = frozenset(each for each in values if each is None or isinstance(each, str))
    return lambda value, _: (value is None or type(value) is str) and value in texts


def _bound(key: str, rules: Mapping[str, Any], _: Mapping[str, Check]) -> Check:
    limit, (compare, types, by_size) = rules[key], _BOUNDS[key]
    if by_size:
        return lambda value, _: type(value) not in types or compare(len(value), limit)
    return lambda value, _: type(value) not in types or compare(value, limit)


def _required(key: str, rules: Mapping[str, Any], _: Mapping[str, Check]) -> Check:
    names = rules[key]
    return lambda value, _: type(value) is not dict or all(map(value.__contains__, names))


def _properties(key: str, rules: Mapping[str, Any], named: Mapping[str, Check]) -> Check:
    return _members({name: _check(each, named) for name, each in rules[key].items()}, _always)


def _additional(key: str, rules: Mapping[str, Any], named: Mapping[str, Check]) -> Check:
    return _members(dict.fromkeys(rules.get("properties", ()), _always), _check(rules[key], named))


def _members(checks: Mapping[str, Check], rest: Check) -> Check:
    def members(value: object, left: list[int]) -> bool:
        if type(value) is not dict:
            return True
        left[0] -= len(value) + 1
        if left[0] < 0:
            return False
        for name, each in value.items():  # noqa: SIM110
            if not checks.get(name, rest)(each, left):
                return False
        return True

    return members


def _items(key: str, rules: Mapping[str, Any], named: Mapping[str, Check]) -> Check:
    if "prefixItems" in rules:
        return _never
    check = _check(rules[key], named)

    def items(value: object, left: list[int]) -> bool:
        if type(value) is not list:
            return True
        left[0] -= len(value) + 1
        if left[0] < 0:
            return False
        for each in value:  # noqa: SIM110
            if not check(each, left):
                return False
        return True

    return items


def _all_of(key: str, rules: Mapping[str, Any], named: Mapping[str, Check]) -> Check:
    return _all([_check(each, named) for each in rules[key]])


def _any_of(key: str, rules: Mapping[str, Any], named: Mapping[str, Check]) -> Check:
    choices = [_check(each, named) for each in rules[key]]
    return lambda value, left: any(check(value, left) for check in choices)


def _reference(key: str, rules: Mapping[str, Any], named: Mapping[str, Check]) -> Check:
    target = rules[key]

    def follow(value: object, left: list[int]) -> bool:
        left[0] -= 1
        return left[0] >= 0 and named.get(target, _never)(value, left)

    return follow


_MAKERS: Mapping[str, Callable[[str, Mapping[str, Any], Mapping[str, Check]], Check]] = {
    "type": _type,
    "enum": _choice,
    "const": _choice,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "allOf": _all_of,
    "anyOf": _any_of,
    "$ref": _reference,
    **dict.fromkeys(_BOUNDS, _bound),
}
