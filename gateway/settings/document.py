"""A configuration document: YAML with line numbers, `${NAME}` filled in, keys overridden from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.settings.overrides import override
from gateway.settings.problems import SHORTEST_SECRET, Path, Problem, hidden, shown
from gateway.settings.yaml_text import Yaml

_REFERENCE = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<wrong>\$\{)")
_SECRET_NAME = re.compile(r"(?i)key|token|secret|passw|credential|auth")
_LAST = 10**9
_ABSENT = object()


class Document:
    """Data and where each piece of it stands. `problems` holds what is wrong before any schema is asked."""

    def __init__(
        self, name: str, read: Yaml, environment: Mapping[str, str], options: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.unfilled: set[Path] = set()
        """Where a reference or an override could not be read: what is wrong there has been said."""
        self.secrets: set[str] = set()
        """Values of variables that sound like secrets."""
        self._lines = read.lines
        self._environment = environment
        self._filled: dict[Path, str] = {}
        for line, path, text in read.problems:
            where = name if line is None else f"{name}:{line}"
            self.problems.append(Problem(where=where, order=line or 0, path=path, text=text))
        overridden = override(read.data, environment, options or {})
        self._origins = overridden.origins
        for origin, path, text in overridden.problems:
            self.problems.append(Problem(where=origin, order=_LAST, path=path, text=text))
            self.unfilled.update({path} - {()})
        self.data = self._fill(overridden.data, ())

    def problem(self, path: Path, text: str) -> Problem:
        """A problem at a place: `file:line` of the deepest part of it that is there, or what it was set by."""
        for end in range(len(path), -1, -1):
            if path[:end] in self._origins:
                return Problem(where=self._origins[path[:end]], order=_LAST, path=path, text=text)
            if path[:end] in self._lines:
                line = self._lines[path[:end]]
                return Problem(where=f"{self.name}:{line}", order=line, path=path, text=text)
        return Problem(where=self.name, order=0, path=path, text=text)

    def has(self, path: Path) -> bool:
        """Whether the document holds something at `path`, if only nothing."""
        return self._find(path) is not _ABSENT

    def at(self, path: Path) -> object:
        """What the document holds at `path`; None where it holds nothing."""
        found = self._find(path)
        return None if found is _ABSENT else found

    def instead_of(self, path: Path, value: object) -> str:
        """`, not 8o80 (from ${PORT})`, to end a message with: never a secret, and with the variable it came from."""
        if hidden(path):
            return " (what is given is not shown)"
        variable = self._filled.get(path)
        if variable is None:
            return f", not {shown(value)}"
        if _SECRET_NAME.search(variable):
            return f" (what ${{{variable}}} holds is not shown)"
        return f", not {shown(value)} (from ${{{variable}}})"

    def _find(self, path: Path) -> object:
        value = self.data
        for step in path:
            if isinstance(value, dict):
                value = value.get(step, _ABSENT)
            elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
                value = value[step]
            else:
                return _ABSENT
        return value

    def _fill(self, value: object, path: Path) -> object:
        if isinstance(value, dict):
            return {key: self._fill(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._fill(item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        return _REFERENCE.sub(lambda match: self._resolved(match, path), value)

    def _resolved(self, match: re.Match[str], path: Path) -> str:
        name = match["name"]
        if match["escaped"]:
            return "${"
        if name is None:
            self._say(path, "holds '${' without a variable's name and '}'; write ${NAME}, or $${ for a plain '${'")
        elif name not in self._environment:
            self._say(path, f"the environment variable {name} is not set; set it, or take ${{{name}}} out")
        elif not self._environment[name] and hidden(path):
            self._say(path, f"the environment variable {name} is empty; give it a value")
        else:
            self._filled[path] = name
            if _SECRET_NAME.search(name) and len(self._environment[name]) >= SHORTEST_SECRET:
                self.secrets.add(self._environment[name])
            return self._environment[name]
        return match[0]

    def _say(self, path: Path, text: str) -> None:
        self.problems.append(self.problem(path, text))
        self.unfilled.add(path)
