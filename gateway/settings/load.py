"""Load the configuration: file and environment to Settings, or every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path as FilePath

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import ConfigurationError
from gateway.settings.contradictions import contradictions
from gateway.settings.discover import discover
from gateway.settings.document import Document, Path, dotted
from gateway.settings.known import known_keys
from gateway.settings.schema import Settings

_HIDDEN = frozenset({"key", "api_key", "admin_key"})


def load(path: FilePath | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `path`; without one, from whatever provider keys the environment holds. ConfigurationError if bad.

    `environment`: the process's own if not given.
    """
    if environment is None:
        environment = os.environ  # noqa: TID251 # the one room that reads it
    if path is None:
        text = yaml.safe_dump(discover(environment), sort_keys=False)
        return parse("(no file)", text, environment)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: cannot be read: {error}"]) from error
    return parse(str(path), text, environment)


def parse(name: str, text: str, environment: Mapping[str, str]) -> Settings:
    """Settings from YAML text; `name` stands for the file in messages. ConfigurationError with every problem."""
    document = Document(name, text, environment)
    problems = list(document.problems)
    if document.data is None and problems:
        raise ConfigurationError(problems)
    contradictions(document.data, lambda path, text: problems.append(_line(document, path, text)))
    try:
        settings = Settings.model_validate(document.data if document.data is not None else {})
    except ValidationError as error:
        problems += [_problem(document, detail) for detail in error.errors(include_url=False)]
        raise ConfigurationError(problems) from None
    if problems:
        raise ConfigurationError(problems)
    return settings


def _line(document: Document, path: Path, text: str) -> str:
    return f"{document.where(path)}: {dotted(path)}: {text}"


def _problem(document: Document, detail: ErrorDetails) -> str:
    path = tuple(step for step in detail["loc"])
    # Tags of a union (`linucb`) stand in pydantic's path but not in the document.
    real: tuple[str | int, ...] = ()
    for i, step in enumerate(path):
        if document.has((*real, step)) or i == len(path) - 1:
            real = (*real, step)
    kind, given = detail["type"], detail.get("input")
    where, label = document.where(real), dotted(real)
    if kind == "extra_forbidden":
        known = known_keys(Settings, real[:-1])
        close = get_close_matches(str(real[-1]), known, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        return f"{where}: {label}: unknown key{hint} Known here: {', '.join(known)}"
    if kind == "missing":
        return f"{where}: {label}: is missing"
    shown = "" if real and real[-1] in _HIDDEN else f", given {given!r:.120}"
    message = detail["msg"].removeprefix("Value error, ")
    if kind in ("literal_error", "union_tag_invalid"):
        close = get_close_matches(str(_tag(given)), _choices(detail), n=1)
        shown += f"; did you mean '{close[0]}'?" if close else ""
    return f"{where}: {label}: {message[:1].lower()}{message[1:]}{shown}"


def _tag(given: object) -> object:
    return given.get("kind") if isinstance(given, dict) else given


def _choices(detail: ErrorDetails) -> list[str]:
    context = detail.get("ctx", {})
    text = str(context.get("expected") or context.get("expected_tags") or "")
    return [word.strip(" '") for word in text.replace(" or ", ",").split(",")]
