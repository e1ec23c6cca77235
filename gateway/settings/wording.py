"""From pydantic's findings to problems in words: what was given, what would be right, and what was probably meant."""

from __future__ import annotations

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from gateway.settings.document import Document
from gateway.settings.known import expected, expected_key, known_keys, known_words, places, takes_text
from gateway.settings.problems import Path, Problem, meant

_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


def worded(document: Document, root: type[BaseModel], detail: ErrorDetails) -> Problem:
    """One finding of `root`'s validation as a problem."""
    tagged: Path = tuple(detail["loc"])
    if tagged[-1:] == ("[key]",):
        at = _in_document(document, tagged[:-1])
        return document.problem(at, f"is not a good name; it must be {expected_key(root, tagged[:-2])}")
    at = _in_document(document, tagged)
    match detail["type"]:
        case kind if kind in _UNKNOWN:
            text = _unknown(root, tagged)
        case "missing" | "missing_keyword_only_argument":
            text = f"is missing; give it {_right(root, tagged)}"
        case "union_tag_not_found":
            at = (*at, "kind")
            text = f"is missing; it must be one of {', '.join(known_words(root, tagged))}"
        case "union_tag_invalid":
            words = known_words(root, tagged)
            at, given = (*at, "kind"), document.at((*at, "kind"))
            text = f"must be one of {', '.join(words)}{document.instead_of(at, given)}{meant(given, words)}"
        case "value_error":
            text = detail["msg"].removeprefix("Value error, ")
        case _:
            text = _wrong(document, root, tagged, detail)
    return document.problem(at, text)


def _in_document(document: Document, tagged: Path) -> Path:
    """Without the tags of unions (`linucb`), which stand in pydantic's path only."""
    real: Path = ()
    for i, step in enumerate(tagged):
        is_tag = document.at((*real, "kind")) == step
        if document.has((*real, step)) or (i == len(tagged) - 1 and not is_tag):
            real = (*real, step)
    return real


def _unknown(root: type[BaseModel], tagged: Path) -> str:
    known = known_keys(root, tagged[:-1])
    return f"is not a known key{meant(tagged[-1], known) or '.'} Known here: {', '.join(known)}"


def _right(root: type[BaseModel], tagged: Path) -> str:
    example = next((place.example for place in places(root, tagged) if place.example), None)
    return (expected(root, tagged) or "a value") + (f", such as {example}" if example else "")


def _wrong(document: Document, root: type[BaseModel], tagged: Path, detail: ErrorDetails) -> str:
    at, given = _in_document(document, tagged), detail["input"]
    if given is None:
        return f"is empty; give it {_right(root, tagged)}, or take the key out"
    if given in ("", [], {}, ()):
        return f"must not be empty; give it {_right(root, tagged)}"
    right = expected(root, tagged)
    if right is None:
        # A type that the schema has no words for: pydantic's own are better than none.
        return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}{document.instead_of(at, given)}"
    return f"must be {right}{document.instead_of(at, given)}{_hint(root, tagged, given)}"


def _hint(root: type[BaseModel], tagged: Path, given: object) -> str:
    words = known_words(root, tagged)
    if takes_text(root, tagged) and not isinstance(given, dict | list):
        return "; put it in quotes" if not isinstance(given, str) else ""
    if not isinstance(given, str):
        return ""
    # Only the whole of a union can be refused for a word that is right in itself.
    return f"; write {{kind: {given}}}" if given in words else meant(given, words)
