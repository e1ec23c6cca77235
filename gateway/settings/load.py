"""Load the configuration: file and environment to Settings, or every problem at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import ConfigurationError
from gateway.settings.contradictions import contradictions
from gateway.settings.discover import discover, no_keys
from gateway.settings.document import Document
from gateway.settings.overrides import PREFIX
from gateway.settings.problems import Path, Problem, meant, secrets_in
from gateway.settings.provider_keys import with_keys
from gateway.settings.schema import Secret, ServerSettings, Settings
from gateway.settings.wording import worded
from gateway.settings.yaml_text import Yaml, read_yaml

_NO_FILE = "(no configuration file)"


class Reach(BaseModel):
    """How a command reaches a running gateway: the part of the configuration that says so."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    server: ServerSettings = ServerSettings()
    admin_key: Secret | None = None


def load(
    path: FilePath | None,
    environment: Mapping[str, str] | None = None,
    *,
    options: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from `path`; without one, from whatever provider keys the environment holds. ConfigurationError if bad.

    `environment`: the process's own if not given. `options` set keys (`server.port`) beyond file and environment.
    """
    environment = _own(environment)
    if path is not None:
        return parse(str(path), _text(path), environment, options)
    found = discover(environment)
    if not found and not any(name.startswith(f"{PREFIX}MODELS") for name in environment):
        raise ConfigurationError([no_keys()])
    return with_keys(_settings(Document(_NO_FILE, Yaml(data=found), environment, options)), environment)


def parse(name: str, text: str, environment: Mapping[str, str], options: Mapping[str, str] | None = None) -> Settings:
    """Settings from YAML text; `name` stands for the file in messages. ConfigurationError with every problem."""
    return with_keys(_settings(_document(name, text, environment, options)), environment)


def reach(path: FilePath | None, environment: Mapping[str, str] | None = None) -> Reach:
    """Where the gateway of this configuration listens, and its admin key; ConfigurationError if that cannot be told.

    What is wrong elsewhere is no obstacle: a kill switch must work from a shell without the providers' keys.
    """
    name, text = (_NO_FILE, "") if path is None else (str(path), _text(path))
    document = _document(name, text, _own(environment))
    problems = [problem for problem in document.problems if problem.path[:1] in (("server",), ("admin_key",))]
    try:
        found = Reach.model_validate(document.data if isinstance(document.data, dict) else {})
    except ValidationError as error:
        details = error.errors(include_url=False)
        seen = [(detail, worded(document, Reach, detail)) for detail in details]
        problems += [problem for detail, problem in seen if not _covered(detail, problem, document.unfilled)]
    if problems:
        raise _error(document, problems)
    return found


def _document(
    name: str, text: str, environment: Mapping[str, str], options: Mapping[str, str] | None = None
) -> Document:
    """ConfigurationError if the text is no YAML at all."""
    read = read_yaml(text)
    if not read.readable:
        raise ConfigurationError([str(problem) for problem in Document(name, read, {}).problems])
    return Document(name, read, environment, options)


def _own(environment: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environment is None else environment  # noqa: TID251 # the one room that reads it


def _settings(document: Document) -> Settings:
    problems, told = list(document.problems), set(document.unfilled)

    def say(path: Path, text: str) -> None:
        if path not in document.unfilled:
            problems.append(document.problem(path, text))
            told.add(path)

    contradictions(document.data, say)
    data = document.data if document.data is not None else {}
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        found = [(detail, worded(document, Settings, detail)) for detail in error.errors(include_url=False)]
        problems += [problem for detail, problem in found if not _covered(detail, problem, told)]
    if problems:
        raise _error(document, problems)
    return settings


def _covered(detail: ErrorDetails, problem: Problem, told: Iterable[Path]) -> bool:
    """Whether a finding has been said better: at the same place, or at the very key that a section complains of."""
    if detail["type"] == "too_short" and detail["input"]:
        return True  # the list is long enough, but pydantic does not count entries that it refuses
    return any(
        other == problem.path
        or (
            detail["type"] == "value_error"
            and other[: len(problem.path)] == problem.path
            and str(other[-1]) in problem.text
        )
        for other in told
    )


def _error(document: Document, problems: list[Problem]) -> ConfigurationError:
    """Every problem, each once, in the order of the file, and no secret in any of them."""
    secrets = sorted({*document.secrets, *secrets_in(document.data)}, key=len, reverse=True)
    lines = dict.fromkeys(str(problem) for problem in sorted(problems, key=lambda problem: problem.order))
    return ConfigurationError([_without(line, secrets) for line in lines])


def _without(line: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        line = line.replace(secret, "***")
    return line


def _text(path: FilePath) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        near = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConfigurationError([f"{path}: does not exist{meant(path, near)}"]) from error
    except IsADirectoryError as error:
        raise ConfigurationError([f"{path}: is a folder; give the file in it"]) from error
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError([f"{path}:{line}: is not UTF-8 text here; save the file as UTF-8"]) from error
