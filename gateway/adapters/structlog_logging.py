"""Logs as events: JSON off a terminal, readable on one; never a prompt, never a key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import sqlite3
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Literal, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from gateway.errors import GatewayError

Level = Literal["debug", "info", "warning", "error"]

_LEVELS: Mapping[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_SECRET_NAMES = frozenset({"api_key", "admin_key", "key", "authorization", "x_api_key", "token", "password", "secret"})
_LOOKS_SECRET = re.compile(
    r"""(?ix)
    (?P<named> \b bearer \s+ | [?&] (?: key | api_key | token ) =
      | \b (?: api | admin ) [_-]? key [\\"']* \s* [:=] \s* [\\"']* (?: bearer \s+ )? )
    [^\s"'\\&,;)}\]]{4,}
    | (?P<user> :// [^/\s:@]* : ) [^/\s@]+ (?= @ )
    | (?P<begin> \b (?: sk- | sk_ | gsk_ | xai- | AIza | hf_ ) ) [A-Za-z0-9_*-]{6,}
    """
)
"""After a word that announces a key, before the @ of an address, or beginning as the providers' keys do."""
_TRACES = ("key", "bearer", "token=", "sk-", "sk_", "xai-", "aiza", "hf_", "@")
"""One of these stands in every text that the pattern finds something in; looking for them is fifty times cheaper."""
_SHORTEST = 6
"""A configured key shorter than this is no secret worth hiding half the log for."""
_OF_THE_MACHINE = (
    GatewayError, OSError, sqlite3.Error, ImportError, MemoryError, RuntimeError, TypeError, AttributeError, NameError,
    AssertionError, asyncio.InvalidStateError,
)  # fmt: skip
"""Errors that speak of the machine or the code. Others (ValueError, KeyError, what libraries raise) may quote what
they choked on, a prompt for instance: of them the log keeps the kind and the place."""
_LONGEST_ERROR = 500
_MOST_FRAMES = 30


class Redaction:
    """Blanks out the configured keys and whatever looks like one: in values, by name, nested, and once rendered."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        known = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        # Long ones first: one key may be a part of another.
        self._known = sorted(known, key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Redact an event, before it is rendered."""
        return {name: self._value(name, value) for name, value in event.items()}

    def rendered(self, _logger: WrappedLogger, _method: str, line: Any) -> Any:
        """Redact a line, after it was rendered: objects have become text only then."""
        return self.text(line) if isinstance(line, str) else line

    def text(self, text: str) -> str:
        """Redact a text."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, "***")
        lower = text.lower()
        if not any(trace in lower for trace in _TRACES):
            return text
        return _LOOKS_SECRET.sub(lambda match: f"{match['named'] or match['user'] or match['begin']}***", text)

    def _value(self, name: object, value: object) -> Any:
        if isinstance(name, str) and name.lower().replace("-", "_") in _SECRET_NAMES and value is not None:
            return "***"
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self._value(key, inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(None, inner) for inner in value]
        return value


_json_redaction: Redaction | None = None
"""Of events at `info` where they are written as JSON; else None."""


def configure(level: Level, format: Literal["auto", "json", "console"], secrets: Collection[str] = ()) -> None:
    """Route structlog, the standard library's loggers, warnings and uncaught errors to standard error, a line each.

    `secrets` are blanked out wherever they turn up, and so is what looks like a key.
    """
    global _json_redaction  # noqa: PLW0603 - logging belongs to the process, as structlog's own configuration does
    redaction = Redaction(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    plain = format == "json" or (format == "auto" and not sys.stderr.isatty())
    rendering: list[Processor] = (
        [structlog.processors.ExceptionRenderer(_brief), redaction, structlog.processors.JSONRenderer(default=str)]
        if plain
        # Not rich's tracebacks: they show local variables, prompts and keys among them.
        else [redaction, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_print_brief)]
    )
    rendering.append(redaction.rendered)
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    _route_standard_library(shared, rendering)
    _json_redaction = redaction if plain and _LEVELS[level] <= logging.INFO else None


def json_lines() -> tuple[Callable[[str], None], Callable[[str], str]] | None:
    """What writes a line of JSON and what redacts it, for events too many for structlog's chain.

    None where such lines are not wanted: nothing is configured, people are watching, or the level is above `info`.
    """
    return None if _json_redaction is None else (_Lines().msg, _json_redaction.text)


def _route_standard_library(shared: list[Processor], rendering: list[Processor]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    formatting = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering]
    foreign = [*shared, structlog.stdlib.add_logger_name]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=foreign, processors=formatting))
    # Libraries speak up only when something is wrong: their chatter may hold prompts and headers. On the handler,
    # because a library may lower its own logger's level, as openai does when OPENAI_LOG is set.
    handler.setLevel(logging.WARNING)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # A record that cannot be formatted is dropped: the library would print its arguments.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


class _Lines:
    """Writes each event with one call, so that the lines of several processes do not run into each other."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, message: str) -> None:
        """Write a line. A standard error that is closed or full is no reason to fail a request."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def _brief(exc_info: ExcInfo) -> str:
    """A traceback without local variables, the cause after what it caused."""
    parts: list[str] = []
    waiting: list[BaseException | None] = [exc_info[1]]
    while waiting and len(parts) < 10:
        error = waiting.pop(0)
        if error is None:
            continue
        frames = "".join(traceback.format_tb(error.__traceback__, limit=-_MOST_FRAMES))
        text = f": {error!s:.{_LONGEST_ERROR}}" if isinstance(error, _OF_THE_MACHINE) else " (its text is not logged)"
        parts.append(f"{frames}{type(error).__module__}.{type(error).__qualname__}{text}")
        waiting += error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        waiting.append(error.__cause__ or (None if error.__suppress_context__ else error.__context__))
    return "\ncaused by\n".join(parts)


def _print_brief(file: TextIO, exc_info: ExcInfo) -> None:
    file.write(f"\n{_brief(exc_info)}")


def _forms(secret: str) -> set[str]:
    """A key as it stands in plain text, in JSON (also inside a text in JSON), in an address and in a repr."""
    once = json.dumps(secret)[1:-1]
    return {secret, once, json.dumps(once)[1:-1], quote(secret, safe=""), repr(secret)[1:-1]}


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or isinstance(error, KeyboardInterrupt):
        return
    structlog.get_logger().critical("process_failed", exc_info=(kind, error, trace))
