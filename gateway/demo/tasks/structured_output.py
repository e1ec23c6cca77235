"""Turning a short note into a JSON object with given keys, asked for with OpenAI's `response_format`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.demo.tasks.chance import pick, whole
from gateway.demo.tasks.question import Draft
from gateway.demo.tasks.vocabulary import CITIES, FIRMS, GOODS, PEOPLE

if TYPE_CHECKING:
    import numpy as np

    from gateway.demo.tasks.question import Style

Scalar = str | int | float | bool
Record = dict[str, Scalar]

JSON_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}

WORDINGS = (
    "Return a JSON object with the keys {keys} for this note. No other text.\n\n{note}",
    "{note}\n\nConvert the note above to JSON with exactly these keys: {keys}.",
    "Produce valid JSON, one object with the keys {keys}, from the following note:\n{note}",
    "Fill this JSON schema from the note: {keys}.\nNote: {note}\nAnswer with the JSON object only.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSolution:
    """The record the answer must parse to."""

    record: Mapping[str, Scalar]

    def check(self, text: str) -> float:
        """1 for exactly the record, at most 0.4 for another object by its share of right keys, 0 for anything else.

        A record with one wrong value cannot be used as it is, so the partial credit stays below one half.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return 0.0
        if not isinstance(found, dict):
            return 0.0
        keys = self.record.keys() | found.keys()
        right = sum(key in found and key in self.record and _same(self.record[key], found[key]) for key in keys)
        return 1.0 if right == len(keys) else 0.4 * right / len(keys)

    def right_answer(self, style: Style) -> str:
        """The record; style changes the white space only, since anything around it would not be JSON."""
        return json.dumps(self.record, indent={"terse": None, "plain": 2, "verbose": 4}[style])

    def wrong_answer(self, rng: np.random.Generator, style: Style) -> str:
        """Prose around the JSON, a cut-off object, a missing key, or a value of the wrong type."""
        right = self.right_answer(style)
        key = pick(rng, tuple(self.record))
        kind = whole(rng, 0, 3)
        if kind == 0:
            return f"Sure! Here is the JSON you asked for:\n```json\n{right}\n```"
        if kind == 1:
            return right[: -whole(rng, 1, 8)]
        if kind == 2:
            return json.dumps({name: value for name, value in self.record.items() if name != key})
        return json.dumps({**self.record, key: None})


def _same(expected: object, found: object) -> bool:
    """Equal as JSON values: 3 and 3.0 are one number, but true is not 1."""
    return isinstance(expected, bool) is isinstance(found, bool) and expected == found


def _order(rng: np.random.Generator) -> tuple[str, Record]:
    record: Record = {
        "customer": pick(rng, PEOPLE),
        "item": pick(rng, GOODS),
        "quantity": whole(rng, 1, 40),
        "unit_price": whole(rng, 500, 20_000) / 100,
        "express": pick(rng, (True, False)),
    }
    speed = "by express" if record["express"] else "by standard mail, not express"
    note = (
        f"{record['customer']} ordered {record['quantity']} x {record['item']} at {record['unit_price']} dollars "
        f"apiece, to be sent {speed}."
    )
    return note, record


def _meeting(rng: np.random.Generator) -> tuple[str, Record]:
    record: Record = {
        "organizer": pick(rng, PEOPLE),
        "city": pick(rng, CITIES),
        "date": f"{whole(rng, 2024, 2027)}-{whole(rng, 1, 12):02d}-{whole(rng, 1, 28):02d}",
        "attendees": whole(rng, 3, 60),
        "online": pick(rng, (True, False)),
    }
    place = "can also be joined online" if record["online"] else "cannot be joined online"
    note = (
        f"{record['organizer']} invites {record['attendees']} attendees to {record['city']} on {record['date']}. "
        f"The meeting {place}."
    )
    return note, record


def _employee(rng: np.random.Generator) -> tuple[str, Record]:
    record: Record = {
        "name": pick(rng, PEOPLE),
        "company": pick(rng, FIRMS),
        "age": whole(rng, 21, 64),
        "city": pick(rng, CITIES),
        "salary": whole(rng, 300, 1_400) * 100,
        "remote": pick(rng, (True, False)),
    }
    home = "works remotely" if record["remote"] else "comes to the office and does not work remotely"
    note = (
        f"{record['name']}, aged {record['age']}, joined {record['company']} in {record['city']} with a salary of "
        f"{record['salary']} a year and {home}."
    )
    return note, record


NOTES: tuple[Callable[[np.random.Generator], tuple[str, Record]], ...] = (_order, _meeting, _employee)


def ask(rng: np.random.Generator) -> Draft:
    """Draws a note and the keys to fill from it."""
    note, record = pick(rng, NOTES)(rng)
    keys = ", ".join(f"{key} ({JSON_NAMES[type(value)]})" for key, value in record.items())
    return Draft(
        prompt=pick(rng, WORDINGS).format(keys=keys, note=note),
        solution=RecordSolution(record=record),
        extras={"response_format": {"type": "json_object"}},
    )
