"""Summaries that must keep the facts that count and stay short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.demo.tasks.chance import pick, sample, whole
from gateway.demo.tasks.question import Draft
from gateway.demo.tasks.vocabulary import CITIES, FIRMS, PEOPLE

if TYPE_CHECKING:
    import numpy as np

    from gateway.demo.tasks.question import Style

MAX_WORDS = 70

WORDINGS = (
    "Summarize the following announcement in at most {words} words. Keep who, where, how much and when.\n\n{text}",
    "{text}\n\nSummarize the text above, in no more than {words} words, without losing the company, the place, the "
    "sum and the year.",
    "Write a short summary (at most {words} words) of this article, with its key facts:\n\n{text}",
    "TL;DR in at most {words} words, please, with company, city, sum and year:\n{text}",
)

PLANS = (
    "a battery plant",
    "a research centre",
    "a logistics hub",
    "a data centre",
    "a training academy",
    "a recycling works",
)

FILLERS = (
    "The decision followed months of talks with the city council and with neighbours of the site.",
    "Analysts had expected such a step for some time, though not on this scale.",
    "Local schools hope for apprenticeships, and a bus line is to be extended to the gate.",
    "Architects presented two designs, one of which keeps the old brick chimney.",
    "Environmental groups asked for a further study of the ground water before work begins.",
    "The mayor spoke of a good day for the region and thanked everyone who had taken part.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarySolution:
    """The facts a summary must keep, and what the text is about."""

    firm: str
    plan: str
    city: str
    sum: str
    year: str

    def check(self, text: str) -> float:
        """1 for a summary within the word limit that keeps all four facts; missing facts earn less than one half.

        A summary that loses a fact has failed its task, so k of four facts earn k / 8.
        """
        if len(text.split()) > MAX_WORDS:
            return 0.0
        kept = sum(fact in text for fact in (self.firm, self.city, self.sum, self.year))
        return 1.0 if kept == 4 else kept / 8

    def right_answer(self, style: Style) -> str:
        """A summary with all the facts."""
        core = f"{self.firm} will build {self.plan} in {self.city} for {self.sum}, to open in {self.year}."
        return core + self._around(style)

    def wrong_answer(self, rng: np.random.Generator, style: Style) -> str:
        """A summary that drops or garbles facts."""
        garbled = (
            f"{self.firm} plans {self.plan}; the region welcomes it.",
            f"A company will invest {self.sum} in {self.plan} soon.",
            f"{self.city} is getting {self.plan}, a large investment that opens in a few years.",
            f"{self.firm} will build {self.plan} in {self.city} within the next years.",
        )
        return pick(rng, garbled) + self._around(style)

    @staticmethod
    def _around(style: Style) -> str:
        if style == "terse":
            return ""
        if style == "plain":
            return " The plan was announced today after long talks."
        return (
            " The plan was announced today after long talks with the council. The step had been expected, and local "
            "people hope for jobs and training, while some ask for more study of the site before the work begins."
        )


def ask(rng: np.random.Generator) -> Draft:
    """Draws an announcement to summarize."""
    solution = SummarySolution(
        firm=pick(rng, FIRMS),
        plan=pick(rng, PLANS),
        city=pick(rng, CITIES),
        sum=f"{whole(rng, 12, 980)} million dollars",
        year=str(whole(rng, 2027, 2034)),
    )
    before, between, after = sample(rng, FILLERS, 3)
    text = (
        f"{solution.firm} announced today that it will build {solution.plan} in {solution.city}. {before} The "
        f"company intends to spend {solution.sum} on the project, said {pick(rng, PEOPLE)}, who leads it. {between} "
        f"The doors are to open in {solution.year}. {after}"
    )
    return Draft(prompt=pick(rng, WORDINGS).format(words=MAX_WORDS, text=text), solution=solution)
