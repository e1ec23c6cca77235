"""What the schema expects at a path: which keys it knows, and in words which value would be right."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.settings.problems import Path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One alternative at a path: its type and what is said of it beside the type."""

    annotation: object
    """A type, or what `typing` makes of several."""
    metadata: tuple[object, ...] = ()

    @property
    def example(self) -> str | None:
        """A good value in YAML, where the schema gives one."""
        return next((str(f.examples[0]) for f in self._fields() if f.examples), None)

    @property
    def description(self) -> str | None:
        """The schema's own words for a good value."""
        return next((f.description for f in self._fields() if f.description), None)

    def bound(self, kind: type[Ge | Gt | Le | Lt | MinLen | MaxLen], attribute: str) -> float | None:
        """The limit of this kind, if there is one."""
        return next((float(getattr(m, attribute)) for m in _flat(self.metadata) if isinstance(m, kind)), None)

    def _fields(self) -> Iterator[FieldInfo]:
        return (m for m in self.metadata if isinstance(m, FieldInfo))


def places(root: type[BaseModel], path: Path) -> list[Place]:
    """Every alternative at `path` below `root`. Where a tagged union stands, its tag may be a step of the path."""
    found = [Place(annotation=root)]
    for step in path:
        tagged = [place for place in found if _tag(place.annotation) == step]
        found = tagged or [inner for place in found for inner in _inside(place.annotation, step)]
    return found


def known_keys(root: type[BaseModel], path: Path) -> list[str]:
    """Names of the fields at `path`, sorted; of all alternatives where a union stands there."""
    return sorted({name for place in places(root, path) for name in _fields_of(place.annotation)})


def known_words(root: type[BaseModel], path: Path) -> list[str]:
    """The words that may stand at `path`, where the schema lists them: of a literal, or the kinds of a union."""
    words: list[str] = []
    for place in places(root, path):
        if get_origin(place.annotation) is Literal:
            words += [str(word) for word in get_args(place.annotation)]
        elif (tag := _tag(place.annotation)) is not None:
            words.append(tag)
    return words


def expected(root: type[BaseModel], path: Path) -> str | None:
    """What would be right at `path`: `a whole number from 0 to 65535`. None where the schema has no words for it."""
    found = [place for place in places(root, path) if place.annotation is not type(None)]
    if len(found) > 1 and all(_tag(place.annotation) is not None for place in found):
        return f"keys and values with kind: {_either(known_words(root, path))}"
    return _words(found[0]) if found else None


def expected_key(root: type[BaseModel], path: Path) -> str | None:
    """What a name in the mapping at `path` must be, where the schema has words for it."""
    keys = [get_args(place.annotation)[0] for place in places(root, path) if get_origin(place.annotation) is not None]
    return next((_words(place) for key in keys for place in _alternatives(key)), None)


def takes_number(root: type[BaseModel], path: Path) -> bool:
    """Whether a number may stand at `path` and a truth value may not."""
    kinds = [place.annotation for place in places(root, path)]
    return (int in kinds or float in kinds) and bool not in kinds


def takes_text(root: type[BaseModel], path: Path) -> bool:
    """Whether free text stands at `path`."""
    return any(place.annotation in (str, SecretStr) for place in places(root, path))


def _words(place: Place) -> str | None:
    origin = get_origin(place.annotation) or place.annotation
    longest = place.bound(MaxLen, "max_length")
    words: str | None = place.description
    if words is not None:
        pass
    elif origin is Literal:
        words = _either([str(word) for word in get_args(place.annotation)])
    elif origin in (int, float):
        words = ("a whole number" if origin is int else "a number") + _range(place)
    elif origin in (str, SecretStr):
        words = "text" + (f" of at most {longest:g} characters" if longest else "")
    elif _is(origin, Mapping) or _is(origin, BaseModel) or dataclasses.is_dataclass(origin):
        keys = ", ".join(sorted(_fields_of(origin)))
        words = f"keys and values ({keys})" if keys else "keys and values"
    elif _is(origin, Sequence) or _is(origin, Set):
        entry = _words(_alternatives(get_args(place.annotation)[0])[0])
        words = f"a list, each entry {entry}" + (f"; at most {longest:g} entries" if longest else "")
    return words


def _is(kind: object, of: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, of)


def _range(place: Place) -> str:
    low, high = place.bound(Ge, "ge"), place.bound(Le, "le")
    above, below = place.bound(Gt, "gt"), place.bound(Lt, "lt")
    if low is not None and high is not None:
        return f" from {low:.12g} to {high:.12g}"
    parts = [
        f"{word} {value:.12g}"
        for word, value in (("of at least", low), ("above", above), ("at most", high), ("below", below))
        if value is not None and value != float("inf")
    ]
    return f" {' and '.join(parts)}" if parts else ""


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _fields_of(kind: object) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return []


def _tag(kind: object) -> str | None:
    """The one word of a dataclass's `kind`, by which a union is told apart."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        words = get_args(get_type_hints(kind).get("kind"))
        return str(words[0]) if len(words) == 1 else None
    return None


def _inside(kind: object, step: str | int) -> list[Place]:
    if _fields_of(kind):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            # The model's own record, because it also holds what stands beside the annotation.
            field = kind.model_fields.get(str(step))
            return [] if field is None else _alternatives(field.annotation, (field, *field.metadata))
        hints = get_type_hints(kind, include_extras=True)
        return _alternatives(hints[str(step)]) if str(step) in hints else []
    origin, arguments = get_origin(kind), get_args(kind)
    if _is(origin, Mapping):
        return _alternatives(arguments[1])
    if _is(origin, Sequence) or _is(origin, Set):
        return _alternatives(arguments[0])
    return []


def _alternatives(annotation: object, metadata: tuple[object, ...] = ()) -> list[Place]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _alternatives(arguments[0], (*metadata, *arguments[1:]))
    if origin in (Union, types.UnionType):
        return [inner for part in arguments for inner in _alternatives(part, metadata)]
    return [Place(annotation=annotation, metadata=metadata)]


def _flat(metadata: Sequence[object]) -> Iterator[object]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _flat(item.metadata)
        elif isinstance(item, GroupedMetadata):
            yield from _flat(list(item))
        else:
            yield item
