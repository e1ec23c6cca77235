"""What is wrong with a configuration, where it stands, and what may be shown of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]

_SECRETS = frozenset({"apikey", "adminkey"})
_USERINFO = re.compile(r"://[^/\s@]*@")
_LONGEST = 80
SHORTEST_SECRET = 6
"""Shorter ones are left alone when messages are searched for secrets: blanking out every 'k' would hide the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One line for a person: where it stands, which key, what is wrong and what would be right."""

    where: str
    """`file:line`, or the environment variable or option that it comes from."""
    order: int
    """The line, for sorting; what stands in no file comes last."""
    path: Path
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, dotted(self.path), self.text) if part)


def dotted(path: Sequence[str | int]) -> str:
    """`models[0].price` for ("models", 0, "price"); empty for the whole configuration."""
    text = ""
    for i, step in enumerate(path):
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            # Under `keys` stands a list; whoever wrote a mapping there may have used the keys themselves as names.
            plain = step if re.fullmatch(r"[\w-]+", step) else json.dumps(step, ensure_ascii=not step.isprintable())
            word = "***" if i == 1 and path[0] == "keys" else plain
            text += f".{word}" if text else word
    return text


def hidden(path: Path) -> bool:
    """Whether a value at this path may be a secret, however badly its key is spelt."""
    if path[:1] == ("keys",):
        return path[-1] != "tenant"
    return any(isinstance(step, str) and re.sub(r"[^a-z]", "", step.lower()) in _SECRETS for step in path)


def secrets_in(value: object, path: Path = ()) -> Iterator[str]:
    """Every text at a hidden path, to be blanked out wherever else it turns up."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from secrets_in(item, (*path, str(key)))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from secrets_in(item, (*path, i))
    elif value is not None and hidden(path) and len(str(value)) >= SHORTEST_SECRET and "${" not in str(value):
        yield str(value)  # and a reference that could not be filled is none


def shown(value: object) -> str:
    """A given value for a message: never the inside of a list or mapping, nor the password in an address."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "keys and values"
        case list() | tuple():
            return "a list"
        case str():
            text = _USERINFO.sub("://***@", value)
            return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")
        case _:
            return f"{value!r:.{_LONGEST}}"


def closest(given: object, known: Sequence[str]) -> str | None:
    """The known word that was probably meant; case does not matter."""
    by_case = {name.lower(): name for name in reversed(known)}
    close = get_close_matches(str(given).lower(), by_case, n=1)
    return by_case[close[0]] if close else None


def meant(given: object, known: Sequence[str]) -> str:
    """`; did you mean 'x'?` where one of the known words is close, else nothing."""
    word = closest(given, known)
    return "" if word is None else f"; did you mean '{word}'?"
