"""A configuration document: YAML with line numbers, `${NAME}` filled in, keys overridden from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

Path = tuple[str | int, ...]
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PREFIX = "GATEWAY__"


class Document:
    """Data and where each piece of it stands. `problems` collects what is wrong before any schema is asked."""

    def __init__(self, name: str, text: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.problems: list[str] = []
        self._lines: dict[Path, int] = {}
        self._origins: dict[Path, str] = {}
        self._environment = environment
        self.data: object = None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"{name}:{mark.line + 1}" if mark is not None else name
            self.problems.append(f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}")
            return
        if node is not None:
            self._walk(node, ())
        self._override()
        self.data = self._fill(self.data, ())

    def where(self, path: Path) -> str:
        """`file:line` of the deepest part of `path` that stands in the file, or the variable it came from."""
        for end in range(len(path), -1, -1):
            if path[:end] in self._origins:
                return self._origins[path[:end]]
            if path[:end] in self._lines:
                return f"{self.name}:{self._lines[path[:end]]}"
        return self.name

    def has(self, path: Path) -> bool:
        """Whether the document holds something at `path`."""
        value = self.data
        for step in path:
            if not _holds(value, step):
                return False
            value = value[step]  # type: ignore[index]  # `_holds` has just looked
        return True

    def _walk(self, node: yaml.Node, path: Path) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                line = key.start_mark.line + 1
                if name in seen:
                    self.problems.append(f"{self.name}:{line}: {dotted((*path, name))}: given twice")
                seen.add(name)
                self._lines[(*path, name)] = line
                self._walk(value, (*path, name))
        elif isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                self._walk(item, (*path, i))

    def _override(self) -> None:
        for name in sorted(self._environment):
            if name.startswith(_PREFIX):
                path = tuple(int(s) if s.isdigit() else s.lower() for s in name[len(_PREFIX) :].split("__"))
                self._set(name, path, self._environment[name])

    def _set(self, name: str, path: Path, text: str) -> None:
        if self.data is None:
            self.data = {}
        target: object = self.data
        for step in path[:-1]:
            if isinstance(target, dict):
                target.setdefault(step, {})
            if not _holds(target, step):
                self.problems.append(f"environment {name}: there is no {dotted(path)} to override")
                return
            target = target[step]  # type: ignore[index]  # `_holds` has just looked
        if not (isinstance(target, dict) or _holds(target, path[-1])):
            self.problems.append(f"environment {name}: there is no {dotted(path)} to override")
            return
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = text
        target[path[-1]] = value  # type: ignore[index]  # a mapping, or a list that holds the index
        self._origins[path] = f"environment {name}"

    def _fill(self, value: object, path: Path) -> object:
        if isinstance(value, dict):
            return {key: self._fill(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        for missing in sorted(set(_REFERENCE.findall(value)) - set(self._environment)):
            self.problems.append(
                f"{self.where(path)}: {dotted(path)}: the environment variable {missing} is not set; "
                f"set it, or take ${{{missing}}} out"
            )
        return _REFERENCE.sub(lambda match: self._environment.get(match[1], match[0]), value)


def dotted(path: Sequence[str | int]) -> str:
    """`models[0].price` for ("models", 0, "price")."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the configuration"


def _holds(value: object, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)
