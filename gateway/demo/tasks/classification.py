"""Putting one label on a short text: the sentiment of a review, or the topic of a support ticket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.demo.tasks.chance import pick, whole
from gateway.demo.tasks.question import Draft
from gateway.demo.tasks.vocabulary import CITIES, GOODS, PEOPLE

if TYPE_CHECKING:
    import numpy as np

    from gateway.demo.tasks.question import Style

SENTIMENTS = {
    "positive": (
        "I love it and would buy it again at once.",
        "It works beautifully and feels sturdy.",
        "Better than I had hoped; the whole family fights over it.",
        "Excellent quality, and it arrived a day early.",
    ),
    "negative": (
        "It broke on the second day and nobody answers my mails.",
        "A waste of money; I sent it straight back.",
        "It smells odd, wobbles, and looks nothing like the picture.",
        "Terrible build, I regret the purchase.",
    ),
    "neutral": (
        "It does what the box says, no more and no less.",
        "Average; I have no strong opinion on it.",
        "It arrived as described and I have used it twice.",
        "It is comparable to the one I had before.",
    ),
}

TOPICS = {
    "billing": (
        "I was charged twice for the same month, please refund one payment.",
        "Why did the amount on my card statement go up?",
        "The discount code was accepted but not taken off the price.",
    ),
    "delivery": (
        "The parcel has not moved for nine days according to the tracker.",
        "The courier left my package with a stranger.",
        "Half of the order is missing from the box that came.",
    ),
    "account": (
        "I cannot log in any more since I changed my phone number.",
        "Please close my profile and delete my data.",
        "How do I change the name and the password of my user?",
    ),
    "technical": (
        "The app crashes as soon as I open the camera screen.",
        "After the update the device no longer pairs with my laptop.",
        "The screen flickers and then the firmware reboots.",
    ),
}

SENTIMENT_WORDINGS = (
    "Classify the sentiment of this review as {labels}. Answer with one word.\n\nReview: {text}",
    "What is the sentiment of the following review: {labels}?\n\n{text}",
    "Label this customer review with one of {labels}.\n{text}\nLabel:",
)
TOPIC_WORDINGS = (
    "Classify this support ticket into one category: {labels}. Answer with the category only.\n\n{text}",
    "Which category fits the ticket below: {labels}?\n\n{text}",
    "Assign one label out of {labels} to this message.\nMessage: {text}\nLabel:",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSolution:
    """The right label among those on offer."""

    label: str
    labels: tuple[str, ...]

    def check(self, text: str) -> float:
        """1 where the right label is the only label the answer names, else 0: hedging is no classification."""
        found = set(re.findall("|".join(rf"\b{label}\b" for label in self.labels), text.lower()))
        return 1.0 if found == {self.label} else 0.0

    def right_answer(self, style: Style) -> str:
        """The label."""
        return self._phrase(self.label, style)

    def wrong_answer(self, rng: np.random.Generator, style: Style) -> str:
        """Another label, or sometimes the right one hedged with another."""
        other = pick(rng, [label for label in self.labels if label != self.label])
        return self._phrase(f"{other} or {self.label}" if whole(rng, 0, 5) == 0 else other, style)

    @staticmethod
    def _phrase(label: str, style: Style) -> str:
        if style == "terse":
            return label
        if style == "plain":
            return f"The label is {label}."
        return (
            f"The label that fits best is **{label}**. I weighed the wording of the whole message, the words that "
            f"carry the writer's intent, and what the writer seems to expect; the other labels fit less well."
        )


def ask(rng: np.random.Generator) -> Draft:
    """Draws a review or a ticket and the labels to choose from."""
    sentiment = pick(rng, (True, False))
    texts = SENTIMENTS if sentiment else TOPICS
    labels = tuple(texts)
    label = pick(rng, labels)
    core, writer, city = pick(rng, texts[label]), pick(rng, PEOPLE), pick(rng, CITIES)
    if sentiment:
        text = f"Bought the {pick(rng, GOODS)} {whole(rng, 2, 30)} days ago. {core} ({writer}, {city})"
    else:
        text = f"Ticket {whole(rng, 10_000, 99_999)} from {writer}, {city}: {core}"
    wording = pick(rng, SENTIMENT_WORDINGS if sentiment else TOPIC_WORDINGS)
    prompt = wording.format(labels=f"{', '.join(labels[:-1])} or {labels[-1]}", text=text)
    return Draft(prompt=prompt, solution=LabelSolution(label=label, labels=labels))
