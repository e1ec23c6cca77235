"""Which keys the schema knows at a path: what an error message can offer instead."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel


def known_keys(root: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Names of the fields at `path` below `root`, sorted; of all alternatives where a union stands there."""
    places: list[Any] = [root]
    for step in path:
        places = [inner for place in places for inner in _inside(place, step)]
    return sorted({name for place in places for name in _fields(place)})


def _fields(place: Any) -> list[str]:
    if isinstance(place, type) and issubclass(place, BaseModel):
        return list(place.model_fields)
    if dataclasses.is_dataclass(place):
        return [field.name for field in dataclasses.fields(place)]
    return []


def _inside(place: Any, step: str | int) -> list[Any]:
    if isinstance(place, type) and (issubclass(place, BaseModel) or dataclasses.is_dataclass(place)):
        hints = get_type_hints(place, include_extras=True)
        return _alternatives(hints[str(step)]) if str(step) in hints else []
    origin, arguments = get_origin(place), get_args(place)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _alternatives(arguments[1])
    if isinstance(origin, type) and issubclass(origin, Sequence | frozenset):
        return _alternatives(arguments[0])
    return []


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for part in get_args(annotation) for inner in _alternatives(part)]
    return [annotation]
