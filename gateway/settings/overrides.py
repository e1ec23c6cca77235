"""`GATEWAY__SERVER__PORT=9000` and `--port 9000`: keys of the configuration, set from outside the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.settings.problems import Path, dotted, hidden
from gateway.settings.yaml_text import read_yaml

PREFIX = "GATEWAY__"


@dataclass(slots=True)
class Overrides:
    """Data with every override in it, which of them set or made a place, and what is wrong: (origin, path, text)."""

    data: object
    origins: dict[Path, str] = field(default_factory=dict)
    problems: list[tuple[str, Path, str]] = field(default_factory=list)


def override(data: object, environment: Mapping[str, str], options: Mapping[str, str]) -> Overrides:
    """Put in the variables that begin with GATEWAY__, then the options (`server.port`); `data` is changed in place.

    Words match keys whatever their case; a number is a place in a list, and the next free one adds to it. A value
    that begins with `[` or `{` is read as YAML, `null` takes a value away, anything else is text.
    """
    steps = {name: name.removeprefix(PREFIX).split("__") for name in environment if name.startswith(PREFIX)}
    result = Overrides(data={} if data is None and (options or steps) else data)
    # By number, so that GATEWAY__KEYS__2 comes before GATEWAY__KEYS__10, and wholes before their parts.
    for name in sorted(steps, key=lambda name: [(len(s) if s.isdigit() else 0, s) for s in steps[name]]):
        origin = f"environment {name}"
        if "" in steps[name]:
            result.problems.append((origin, (), "has an empty word in its name; write it like GATEWAY__SERVER__PORT"))
        else:
            _set(result, origin, steps[name], environment[name])
    for key, text in options.items():
        _set(result, f"option --{key.rpartition('.')[2]}", key.split("."), text)
    return result


def _set(result: Overrides, origin: str, words: list[str], text: str) -> None:
    target: object = result.data
    path: Path = ()
    for i, word in enumerate(words):
        step = _step(target, word)
        if step is None:
            wanted = int(word[:6]) if isinstance(target, list) and word.isdecimal() else word.lower()
            result.problems.append((origin, (), f"there is no {dotted((*path, wanted))} to set"))
            return
        path = (*path, step)
        last = i == len(words) - 1
        # An absent or empty section is made, as a list where a number follows.
        made: object = _value(result, origin, path, text) if last else [] if words[i + 1] == "0" else {}
        if last or _at(target, step) is None:
            _put(target, step, made)
            result.origins[path] = origin
        target = _at(target, step)


def _step(target: object, word: str) -> str | int | None:
    if isinstance(target, list):
        # int() of a long row of digits would refuse; no list is that long.
        place = int(word) if word.isascii() and word.isdigit() and len(word) < 6 else len(target) + 1
        return place if place <= len(target) else None
    if isinstance(target, dict):
        same = [key for key in target if _plain(key) == _plain(word)]
        return same[0] if same else word.lower()
    return None


def _plain(key: str) -> str:
    """A variable's name holds neither case nor `-` nor `.`."""
    return re.sub(r"[^a-z0-9]", "_", key.lower())


def _at(target: object, step: str | int) -> object:
    if isinstance(target, dict):
        return target.get(step)
    if isinstance(target, list) and isinstance(step, int) and step < len(target):
        return target[step]
    return None


def _put(target: object, step: str | int, value: object) -> None:
    if isinstance(target, dict):
        target[step] = value
    elif isinstance(target, list) and isinstance(step, int):
        target[step : step + 1] = [value]


def _value(result: Overrides, origin: str, path: Path, text: str) -> object:
    # A secret is text whatever it looks like.
    if path[-1] != "keys" and hidden(path):
        return text
    if text.strip() in ("null", "~"):
        return None
    if not text.lstrip().startswith(("[", "{")):
        return text
    read = read_yaml(text)
    result.problems.extend((origin, path, problem) for _, _, problem in read.problems)
    return read.data
