"""What a client tells about its request: OpenAI's `metadata`, overruled by `x-gateway-*` headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from gateway.core.values import Hints, OutputLength
from gateway.errors import RequestError

_PREFIX = "x-gateway-"
_OURS = ("session_id", "timeout_s", "shadow")
"""Headers of ours that are no hints."""
_LENGTHS = ("short", "medium", "long")
_MOST_KEYS = 64
_LONGEST = 512


_UNHINTED = Hints()


def hints(body: Mapping[str, object], headers: Mapping[str, str]) -> Hints:
    """Hints from both places; RequestError for a value that cannot be meant."""
    told, where = _metadata(body.get("metadata")), {}
    for header, value in headers.items():
        if header[:1] not in "xX" or header[: len(_PREFIX)].lower() != _PREFIX or not value:
            continue
        name = header[len(_PREFIX) :].lower().replace("-", "_")
        if name not in _OURS:
            told[name], where[name] = value[:_LONGEST], header.lower()
    user = body.get("user")
    if not told:
        return _UNHINTED if user is None or user == "" else Hints(user_id=user if isinstance(user, str) else None)
    length = told.get("output_length")
    if length is not None and length not in _LENGTHS:
        raise RequestError(
            f"output_length must be one of {', '.join(_LENGTHS)}, not {length!r}.",
            param=where.get("output_length", "metadata.output_length"),
        )
    return Hints(
        task_type=told.get("task_type"),
        priority=_priority(told.get("priority"), where.get("priority", "metadata.priority")),
        output_length=cast("OutputLength | None", length),
        language=told.get("language"),
        region=told.get("region"),
        user_id=told.get("user_id") or (user if isinstance(user, str) and user else None),
        custom=told,
    )


def needed_header_float(headers: Mapping[str, str], name: str) -> float | None:
    """A positive number of seconds in a header, None if it is not sent; RequestError if it is anything else."""
    if name not in headers:
        return None
    try:
        value = float(headers[name])
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise RequestError(f"{name} must be a positive number of seconds, not {headers[name]!r:.60}.", param=name)
    return value


def _metadata(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestError("'metadata' must be an object with string values.", param="metadata", code="invalid_type")
    if len(value) > _MOST_KEYS:
        raise RequestError(f"'metadata' may hold {_MOST_KEYS} keys, not {len(value)}.", param="metadata")
    told: dict[str, str] = {}
    for key, item in value.items():
        if not isinstance(item, str | int | float | bool):
            raise RequestError(
                "metadata values must be strings.", param=f"metadata.{key}"[:_LONGEST], code="invalid_type"
            )
        told[key] = str(item)[:_LONGEST]
    return told


def _priority(value: str | None, param: str) -> int:
    if value is None:
        return 5
    if not value.strip().isascii() or not value.strip().isdigit() or not 1 <= int(value[:9]) <= 10:
        raise RequestError(f"priority must be a whole number from 1 to 10, not {value!r:.60}.", param=param)
    return int(value)
