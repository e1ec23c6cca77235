"""Word problems with one whole number as the answer; an answer's last number counts, as in GSM8K."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.demo.tasks.chance import pick, sample, whole
from gateway.demo.tasks.question import Draft
from gateway.demo.tasks.vocabulary import CITIES, FIRMS, GOODS, PEOPLE

if TYPE_CHECKING:
    import numpy as np

    from gateway.demo.tasks.question import Style

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")

WORDINGS = (
    "{story} Think step by step and finish with the final number.",
    "Solve this word problem. {story} Explain your reasoning, then give the number.",
    "{story}\n\nReason through the problem and state the result as a single number at the end.",
    "Work this out carefully: {story} What matters is the final number.",
    "Question: {story}\nShow the calculation and end with the answer.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSolution:
    """The number, the calculation that leads to it, and the numbers that a careless solver ends with."""

    number: int
    steps: tuple[str, ...]
    slips: tuple[int, ...]

    def check(self, text: str) -> float:
        """1 where the last number in the text is the answer, else 0."""
        found = NUMBER.findall(text)
        return 1.0 if found and float(found[-1].replace(",", "")) == self.number else 0.0

    def right_answer(self, style: Style) -> str:
        """The calculation and the number."""
        return self._phrase(self.number, self.steps, style)

    def wrong_answer(self, rng: np.random.Generator, style: Style) -> str:
        """A calculation that loses its last step, and the number a slip leads to."""
        slips = [
            slip for slip in (*self.slips, self.number + 1, self.number - 1, self.number + 10) if slip != self.number
        ]
        return self._phrase(pick(rng, slips), self.steps[:-1], style)

    @staticmethod
    def _phrase(number: int, steps: tuple[str, ...], style: Style) -> str:
        if style == "terse":
            return str(number)
        if style == "plain":
            return f"{' '.join(steps)} The answer is {number}."
        listed = "\n".join(f"Step {place}: {step}" for place, step in enumerate(steps, start=1))
        return (
            f"Let us take the problem apart and check every part of the calculation.\n\n{listed}\n\n"
            f"Putting the steps together settles the question that was asked.\n\nThe answer is {number}."
        )


Story = tuple[str, NumberSolution]


def _shopping(rng: np.random.Generator) -> Story:
    name, (first, second) = pick(rng, PEOPLE), sample(rng, GOODS, 2)
    count, other, price, other_price = whole(rng, 2, 9), whole(rng, 2, 9), whole(rng, 11, 60), whole(rng, 11, 60)
    one, two = count * price, other * other_price
    story = (
        f"{name} buys {count} units of a {first} at {price} dollars each and {other} units of a {second} at "
        f"{other_price} dollars each. How many dollars does the whole purchase cost?"
    )
    steps = (f"{count} × {price} = {one}.", f"{other} × {other_price} = {two}.", f"{one} + {two} = {one + two}.")
    return story, NumberSolution(number=one + two, steps=steps, slips=(one, two, count * other_price + other * price))


def _journey(rng: np.random.Generator) -> Story:
    (start, end), hours, more = sample(rng, CITIES, 2), whole(rng, 2, 7), whole(rng, 2, 7)
    speed, slower = whole(rng, 80, 140), whole(rng, 40, 79)
    one, two = speed * hours, slower * more
    story = (
        f"A train leaves {start} for {end} and runs for {hours} hours at {speed} km per hour, then for {more} hours "
        f"at {slower} km per hour. How many kilometres has it covered?"
    )
    steps = (f"{speed} × {hours} = {one} km.", f"{slower} × {more} = {two} km.", f"{one} + {two} = {one + two} km.")
    return story, NumberSolution(number=one + two, steps=steps, slips=(one, two, (speed + slower) * hours))


def _tank(rng: np.random.Generator) -> Story:
    leak, minutes = whole(rng, 2, 9), whole(rng, 12, 60)
    inflow = leak + whole(rng, 3, 20)
    volume = (inflow - leak) * minutes
    story = (
        f"A pump at {pick(rng, FIRMS)} pours {inflow} litres per minute into an empty tank of {volume} litres while "
        f"a leak loses {leak} litres per minute. After how many minutes is the tank full?"
    )
    steps = (
        f"Each minute adds {inflow} - {leak} = {inflow - leak} litres.",
        f"{volume} ÷ {inflow - leak} = {minutes} minutes.",
    )
    return story, NumberSolution(number=minutes, steps=steps, slips=(volume // inflow, volume // (inflow + leak)))


def _library(rng: np.random.Generator) -> Story:
    shelves, books = whole(rng, 12, 40), whole(rng, 15, 45)
    lent, returned = whole(rng, 60, 150), whole(rng, 10, 59)
    total = shelves * books
    story = (
        f"The library of {pick(rng, CITIES)} has {shelves} shelves with {books} books each. It lends out {lent} "
        f"books and gets {returned} back. How many books are on the shelves now?"
    )
    left = total - lent + returned
    steps = (
        f"{shelves} × {books} = {total}.",
        f"{total} - {lent} = {total - lent}.",
        f"{total - lent} + {returned} = {left}.",
    )
    return story, NumberSolution(number=left, steps=steps, slips=(total - lent, total - lent - returned, total + lent))


def _crew(rng: np.random.Generator) -> Story:
    crew, days, faster = whole(rng, 3, 9), whole(rng, 2, 6), whole(rng, 2, 5)
    work = crew * days * faster
    story = (
        f"At {pick(rng, FIRMS)} in {pick(rng, CITIES)}, {crew} workers need {days * faster} days to paint a hall. "
        f"How many days would {crew * faster} workers need at the same pace?"
    )
    steps = (f"The job is {crew} × {days * faster} = {work} worker-days.", f"{work} ÷ {crew * faster} = {days} days.")
    return story, NumberSolution(number=days, steps=steps, slips=(days * faster, days * faster * faster, work))


def _average(rng: np.random.Generator) -> Story:
    scores = [whole(rng, 50, 90) for _ in range(4)]
    so_far = sum(scores)
    target = whole(rng, so_far // 5 + 2, so_far // 5 + 18)
    needed = 5 * target - so_far
    story = (
        f"{pick(rng, PEOPLE)} scored {scores[0]}, {scores[1]}, {scores[2]} and {scores[3]} on four tests. Which "
        f"score on the fifth test brings the average of all five to exactly {target}?"
    )
    steps = (
        f"Five tests need 5 × {target} = {5 * target} points.",
        f"{so_far} points are there.",
        f"{needed} are missing.",
    )
    return story, NumberSolution(number=needed, steps=steps, slips=(target, abs(4 * target - so_far), so_far // 4))


def _discount(rng: np.random.Generator) -> Story:
    hundreds, percent, shipping = whole(rng, 2, 19), whole(rng, 5, 40), whole(rng, 6, 30)
    price, off = hundreds * 100, hundreds * percent
    story = (
        f"{pick(rng, FIRMS)} sells a machine for {price} dollars, takes {percent} percent off, and then adds "
        f"{shipping} dollars for shipping to {pick(rng, CITIES)}. How many dollars are due?"
    )
    due = price - off + shipping
    steps = (
        f"{percent} % of {price} is {off}.",
        f"{price} - {off} = {price - off}.",
        f"{price - off} + {shipping} = {due}.",
    )
    return story, NumberSolution(
        number=due, steps=steps, slips=(price - off, price - percent + shipping, off + shipping)
    )


STORIES: tuple[Callable[[np.random.Generator], Story], ...] = (
    _shopping,
    _journey,
    _tank,
    _library,
    _crew,
    _average,
    _discount,
)


def ask(rng: np.random.Generator) -> Draft:
    """Draws a word problem."""
    story, solution = pick(rng, STORIES)(rng)
    return Draft(prompt=pick(rng, WORDINGS).format(story=story), solution=solution)
