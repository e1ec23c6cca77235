"""YAML as version 1.2 reads it: plain data with the line of every key, and problems in words.

Version 1.1, which PyYAML follows, turns `stage: off` into false, `1e-3` into text and `12:30` into 750. Here only true
and false are truth values. Tags that make objects are refused, and aliases cannot blow up into more than a
configuration can hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from gateway.settings.problems import Path

_TAG = "tag:yaml.org,2002:"
_HALF = re.compile(r"[\ud800-\udfff]")
"""Surrogates: YAML's escapes can make them, and no file or terminal can take them."""
_OTHER_KINDS = frozenset({"binary", "map", "omap", "pairs", "seq", "set", "timestamp"})
_MAX_NODES = 50_000
_MAX_DEPTH = 50


class _Resolver12(yaml.SafeLoader):
    """Knows plain scalars as YAML 1.2's core schema does."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 # the table that the base class reads, begun anew


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Resolver12.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})\\Z"), _first)


_SCALARS: Mapping[str, Callable[[str], object]] = {
    "null": lambda _: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": lambda text: int(text, 0 if text[1:2] in ("o", "x") else 10),
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "str": str,
    "merge": str,  # a lone << that is no key
}


@dataclass(slots=True)
class Yaml:
    """What a text says. `problems`: (line or None, path, text)."""

    data: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[tuple[int | None, Path, str]] = field(default_factory=list)
    readable: bool = True
    """False where the text is no YAML at all: then there is nothing but the one problem."""


def read_yaml(text: str) -> Yaml:
    """Read a text; never raises."""
    result = Yaml()
    try:
        loader = _Resolver12(text)
        node = loader.get_single_node()
        if node is not None:
            result.data = _Builder(result).build(node, (), 0)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        _unreadable(result, line, f"holds the character U+{code:04X}, which YAML does not allow; take it out")
    except (ValueError, OverflowError):
        _unreadable(result, None, "not valid YAML: an escape such as \\UFFFFFFFF is no character")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _unreadable(result, None if mark is None else mark.line + 1, f"not valid YAML: {_in_words(error)}")
    except (_TooMuchError, RecursionError):
        limits = f"{_MAX_DEPTH} levels deep and {_MAX_NODES} values"
        _unreadable(result, None, f"nested too deeply, or aliases repeat too much; at most {limits}")
    return result


def _unreadable(result: Yaml, line: int | None, text: str) -> None:
    result.data, result.lines, result.readable = None, {}, False
    result.problems = [(line, (), text)]


class _TooMuchError(Exception):
    """More levels or values than a configuration has."""


class _Builder:
    """From YAML's nodes to plain data."""

    def __init__(self, result: Yaml) -> None:
        self._result = result
        self._count = 0
        self._told: set[int] = set()

    def build(self, node: yaml.Node, path: Path, depth: int) -> object:
        """The data of a node; what cannot be data becomes None and a problem."""
        self._count += 1
        if depth > _MAX_DEPTH or self._count > _MAX_NODES:
            raise _TooMuchError
        line = node.start_mark.line + 1
        self._result.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._say(node, path, _refused(node.tag))
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        for name, key, value in self._pairs(node, path, depth):
            if name not in result:
                inner = (*path, name)
                self._result.lines.setdefault(inner, key.start_mark.line + 1)
                result[name] = self.build(value, inner, depth + 1)
        return result

    def _pairs(self, node: yaml.MappingNode, path: Path, depth: int) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Own pairs first, then those merged with `<<`; of two pairs with one name the first counts."""
        if depth > _MAX_DEPTH:
            raise _TooMuchError
        merged: list[yaml.Node] = []
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == f"{_TAG}merge":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif not isinstance(key, yaml.ScalarNode) or _HALF.search(key.value):
                self._say(key, path, "a key must be a word; a value that begins with '{' or '[' needs quotes")
            elif key.value in first:
                self._say(key, (*path, key.value), f"is given twice, first on line {first[key.value]}; take one out")
            else:
                first[key.value] = line
                yield key.value, key, value
        for other in merged:
            if isinstance(other, yaml.MappingNode):
                yield from self._pairs(other, path, depth + 1)
            else:
                self._say(other, path, "'<<' takes a mapping, such as *name, or a list of them")

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        kind = node.tag.removeprefix(_TAG)
        if _HALF.search(node.value):
            self._say(node, path, "holds half a character (an escape from \\ud800 to \\udfff); write it whole")
            return None
        if kind not in _SCALARS or not node.tag.startswith(_TAG):
            self._say(node, path, _refused(node.tag))
            return None
        try:
            return _SCALARS[kind](node.value)
        except (KeyError, ValueError):
            self._say(node, path, f"cannot be read as !!{kind}")
            return None

    def _say(self, node: yaml.Node, path: Path, text: str) -> None:
        # An aliased node is met several times; its problem is one.
        if id(node) not in self._told:
            self._told.add(id(node))
            self._result.problems.append((node.start_mark.line + 1, path, text))


def _refused(tag: str) -> str:
    kind = tag.removeprefix(_TAG)
    if tag.startswith(f"{_TAG}python/") or (tag.startswith(_TAG) and kind in _OTHER_KINDS):
        return f"the YAML tag !!{kind} is not allowed; write a plain value"
    # Not repeated: it may be a password that begins with an exclamation mark.
    return "a value that begins with '!' is a YAML tag, which is not allowed; put text in quotes"


_WORDS: tuple[tuple[str, str], ...] = (
    (r"'\\t'", "a tab stands where only spaces may; indent with spaces"),
    (r"quoted scalar.* end of stream", "the quote opened on {begun} is never closed"),
    (r"flow", "the bracket opened on {begun} is not closed, or a comma is missing in it"),
    (
        r"undefined alias",
        "a value that begins with '*' is an alias, and no value carries its '&' name; put text in quotes",
    ),
    (r"duplicate anchor", "an anchor ('&' name) is given twice; names must differ"),
    (r"mapping values", "a ': ' where none can be: is the indentation right? A value that holds ': ' needs quotes"),
    (
        r"expected ':'",
        "a key without ': ' after it, or a text that goes on without quotes; it begins on {begun}",
    ),
    (r"block end", "the indentation does not fit what began on {begun}"),
    (r"single document", "a second document begins here with '---'; a configuration is one document"),
    (r"found character '(?P<first>.)' that cannot start", "a value cannot begin with '{first}'; put it in quotes"),
)
"""What the scanner says, as a pattern, and the same in words for people. The first that fits counts."""


def _in_words(error: yaml.MarkedYAMLError) -> str:
    """The scanner's message in words, without a piece of the text, which may be a secret."""
    said = f"{error.context or ''}: {error.problem or ''}"
    begun = f"line {error.context_mark.line + 1}" if error.context_mark is not None else "an earlier line"
    for pattern, words in _WORDS:
        found = re.search(pattern, said)
        if found:
            return words.format(begun=begun, **found.groupdict())
    return re.sub(r"'[^'<>]{2,}'", "'...'", error.problem or "it cannot be read")
