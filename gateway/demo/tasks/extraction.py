"""Pulling one field out of a short business text that holds a second value of the same shape as a trap."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.demo.tasks.chance import pick, sample, whole
from gateway.demo.tasks.question import Draft
from gateway.demo.tasks.vocabulary import CITIES, FIRMS, GOODS, PEOPLE, domain

if TYPE_CHECKING:
    import numpy as np

    from gateway.demo.tasks.question import Style

SHAPES = {
    "email": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "amount": re.compile(r"\d[\d,]*\.\d{2}"),
    "reference": re.compile(r"[A-Z]{2,4}-\d{4,6}"),
}

WORDINGS = (
    "Extract the {field} from the text below. Reply with the value only.\n\n{text}",
    "{text}\n\nExtract the {field} from this message.",
    "From the following message, extract the {field} and return nothing else.\n\nMessage: {text}",
    "Read the text and pull out the {field}.\n---\n{text}\n---",
    'Find the {field} in this text: "{text}"',
)

LETTERS = (
    "Dear team, this is {writer} of {firm}. Our invoice {invoice} of {issued} for the order {order} ({goods}) comes to "
    "${total}, of which ${tax} is tax. Please pay by {due}. Questions go to {mail}; accounts are at {office}.",
    "Hello, I am writing about order {order}. The {goods} arrived in {city}, but invoice {invoice}, dated {issued}, is "
    "due on {due} and shows ${total} with ${tax} of tax. You reach me at {mail} or our accounts office at {office}. "
    "{writer}, {firm}",
    "Note from {firm}, {city}: invoice {invoice} was issued on {issued} and must be settled by {due}. It covers order "
    "{order}: {goods}. Total ${total} (tax ${tax}). Contact person: {writer}, {mail}. Accounts office: {office}.",
)

FIELDS = {  # what is asked for: (shape, the value's name in the letter, the trap's name)
    "contact person's email address": ("email", "mail", "office"),
    "accounts office's email address": ("email", "office", "mail"),
    "due date": ("date", "due", "issued"),
    "date of issue of the invoice": ("date", "issued", "due"),
    "total amount": ("amount", "total", "tax"),
    "tax amount": ("amount", "tax", "total"),
    "invoice number": ("reference", "invoice", "order"),
    "order number": ("reference", "order", "invoice"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSolution:
    """The value asked for, and the value of the same shape that stands beside it in the text."""

    field: str
    shape: str
    value: str
    trap: str

    def check(self, text: str) -> float:
        """1 where the value is the only one of its shape in the answer, else 0: naming both is no extraction."""
        found = {match.casefold() for match in SHAPES[self.shape].findall(text)}
        return 1.0 if found == {self.value.casefold()} else 0.0

    def right_answer(self, style: Style) -> str:
        """The value."""
        return self._phrase(self.value, style)

    def wrong_answer(self, rng: np.random.Generator, style: Style) -> str:
        """The trap, both values, or a shrug."""
        kind = whole(rng, 0, 5)
        if kind == 0:
            return f"The text does not state the {self.field} clearly."
        if kind == 1:
            return self._phrase(f"{self.trap} or {self.value}", style)
        return self._phrase(self.trap, style)

    def _phrase(self, value: str, style: Style) -> str:
        if style == "terse":
            return value
        if style == "plain":
            return f"The {self.field} is {value}."
        return (
            f"I read the text and looked for the {self.field}. The message mentions it explicitly, next to several "
            f"other details that were not asked for.\n\nThe {self.field} is: {value}\n\n"
            f"Let me know if you need another field."
        )


def _amount(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def _letter(rng: np.random.Generator) -> dict[str, str]:
    writer, firm = pick(rng, PEOPLE), pick(rng, FIRMS)
    year, month = whole(rng, 2021, 2026), whole(rng, 1, 11)
    total = whole(rng, 8_000, 900_000)
    return {
        "writer": writer,
        "firm": firm,
        "city": pick(rng, CITIES),
        "goods": " and ".join(sample(rng, GOODS, 2)),
        "invoice": f"INV-{whole(rng, 10_000, 99_999)}",
        "order": f"PO-{whole(rng, 10_000, 99_999)}",
        "issued": f"{year}-{month:02d}-{whole(rng, 1, 28):02d}",
        "due": f"{year}-{month + 1:02d}-{whole(rng, 1, 28):02d}",
        "total": _amount(total),
        "tax": _amount(total // 6),
        "mail": f"{writer.lower().replace(' ', '.')}@{domain(firm)}",
        "office": f"{pick(rng, ('billing', 'accounts', 'invoices'))}@{domain(firm)}",
    }


def ask(rng: np.random.Generator) -> Draft:
    """Draws a letter and the field to pull out of it."""
    letter = _letter(rng)
    field = pick(rng, tuple(FIELDS))
    shape, value, trap = FIELDS[field]
    text = pick(rng, LETTERS).format_map(letter)
    prompt = pick(rng, WORDINGS).format(field=field, text=text)
    return Draft(
        prompt=prompt, solution=FieldSolution(field=field, shape=shape, value=letter[value], trap=letter[trap])
    )
