"""Logs as events: JSON off a terminal, readable on one; never a prompt, never a key."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Literal

import structlog

_SECRET = re.compile(r"(?i)(\bbearer\s+|\bsk-|\bapi[_-]?key[\"'=:\s]+)[A-Za-z0-9._~+/=-]{6,}")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def redact(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Blank out whatever looks like a key, in every value."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRET.sub(r"\1***", value)
    return event


def configure(level: Literal["debug", "info", "warning", "error"], format: Literal["auto", "json", "console"]) -> None:
    """Route structlog and the standard library's loggers to standard error."""
    plain = format == "json" or (format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer()]
        if plain
        else [redact, structlog.dev.ConsoleRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last,
    ]))  # fmt: skip
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries speak up only when something is wrong: their chatter may hold prompts and headers.
    root.setLevel(logging.WARNING)
