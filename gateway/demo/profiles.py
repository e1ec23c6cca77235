"""What each simulated model is good at, costs and takes; its outcome on any question is computed without a call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from gateway.demo.questions import check, right_answer, wrong_answer

if TYPE_CHECKING:
    from gateway.demo.questions import Question, Style

CHARS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
CHATTING = 2**31
"""Stands where a question's id would: no question has it, so small talk never shares a draw with a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """One simulated model.

    `skill` is the probability of a right answer per task; `error_rate` that of a 500. `first_token_s` and `per_token_s`
    are medians; both are multiplied by one log-normal draw of shape `sigma`. `style` is how much the model writes.
    """

    id: str
    skill: Mapping[str, float]
    input_usd_per_million: float
    output_usd_per_million: float
    first_token_s: float
    per_token_s: float
    sigma: float
    error_rate: float
    style: Style

    def cost_usd(self, tokens_in: int, tokens_out: int) -> float:
        """The price of one call, in USD."""
        return (tokens_in * self.input_usd_per_million + tokens_out * self.output_usd_per_million) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """From question `from_question` on, the skills of one model are multiplied by `skill_factor`."""

    model_id: str
    from_question: int
    skill_factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedOutcome:
    """What comes of asking one model one question.

    `fails` says that the call ends in a 500. The other fields then still say what the answer would have been, and will
    be if a retry passes: only `fails` depends on the attempt. `latency_s` counts from the request to the last token.
    """

    text: str
    quality: float
    tokens_in: int
    tokens_out: int
    cost_usd: float
    first_token_s: float
    latency_s: float
    fails: bool


SWIFT = ModelProfile(
    id="swift",
    skill={
        "extraction": 0.96,
        "classification": 0.96,
        "summarization": 0.40,
        "structured_output": 0.50,
        "reasoning": 0.32,
        "code_generation": 0.30,
    },
    input_usd_per_million=0.15,
    output_usd_per_million=0.60,
    first_token_s=0.006,
    per_token_s=0.0001,
    sigma=0.2,
    error_rate=0.005,
    style="terse",
)

CODER = ModelProfile(
    id="coder",
    skill={
        "code_generation": 0.95,
        "structured_output": 0.97,
        "extraction": 0.62,
        "classification": 0.60,
        "reasoning": 0.50,
        "summarization": 0.45,
    },
    input_usd_per_million=1.5,
    output_usd_per_million=6.0,
    first_token_s=0.012,
    per_token_s=0.00015,
    sigma=0.2,
    error_rate=0.01,
    style="plain",
)

SCHOLAR = ModelProfile(
    id="scholar",
    skill={
        "reasoning": 0.96,
        "summarization": 0.95,
        "extraction": 0.86,
        "classification": 0.84,
        "structured_output": 0.72,
        "code_generation": 0.70,
    },
    input_usd_per_million=3.0,
    output_usd_per_million=15.0,
    first_token_s=0.018,
    per_token_s=0.0002,
    sigma=0.25,
    error_rate=0.015,
    style="verbose",
)

PROFILES = (SWIFT, CODER, SCHOLAR)
"""The three default models: their skills cross, so no fixed choice comes near the best choice per task."""


def skill_at(profile: ModelProfile, question: Question, degradation: Degradation | None = None) -> float:
    """The probability that the model answers this question rightly, with a degradation where one applies."""
    skill = profile.skill[question.task]
    if degradation and degradation.model_id == profile.id and question.id >= degradation.from_question:
        return skill * degradation.skill_factor
    return skill


def outcome(
    profile: ModelProfile, question: Question, seed: int, degradation: Degradation | None = None, attempt: int = 0
) -> SimulatedOutcome:
    """The outcome of `profile` on `question`, the same at every call with the same arguments.

    Attempts (counted from 0) differ only in whether they fail. A degradation only turns right answers into wrong ones:
    with it and without, every draw comes from the same stream, so a wrong answer stays the same word for word.
    """
    rng = np.random.default_rng((seed, question.id, crc32(profile.id.encode()), 1))
    right = rng.random() < skill_at(profile, question, degradation)
    pace = _pace(profile, rng)
    text = right_answer(question, profile.style) if right else wrong_answer(question, rng, profile.style)
    return _outcome(
        profile,
        text,
        quality=check(question, text),
        tokens_in=count_tokens(question.prompt) + TOKENS_PER_MESSAGE,
        pace=pace,
        fails=_fails(profile, question.id, seed, attempt),
    )


def small_talk(profile: ModelProfile, prompt: str, seed: int, as_json: bool = False) -> SimulatedOutcome:
    """What a model says to a prompt that is none of the demo's questions; there is nothing to check: quality 0."""
    rng = np.random.default_rng((seed, CHATTING, crc32(profile.id.encode()), 1, crc32(prompt.encode())))
    text = (
        f"I am {profile.id}, a simulated model of the gateway's demo. I answer the demo's own questions, and your "
        f"message of {len(prompt.split())} words is not one of them, but thank you for writing."
    )
    return _outcome(
        profile,
        json.dumps({"reply": text}) if as_json else text,
        quality=0.0,
        tokens_in=count_tokens(prompt) + TOKENS_PER_MESSAGE,
        pace=_pace(profile, rng),
        fails=False,
    )


def count_tokens(text: str) -> int:
    """Tokens of a text in the simulated tokenizer: four characters each, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)


def cut_to_tokens(text: str, limit: int) -> str:
    """The first `limit` tokens of a text."""
    return text[: limit * CHARS_PER_TOKEN]


def _pace(profile: ModelProfile, rng: np.random.Generator) -> float:
    return float(np.exp(profile.sigma * rng.standard_normal()))


def _fails(profile: ModelProfile, number: int, seed: int, attempt: int) -> bool:
    rng = np.random.default_rng((seed, number, crc32(profile.id.encode()), 2 + attempt))
    return bool(rng.random() < profile.error_rate)


def _outcome(
    profile: ModelProfile, text: str, *, quality: float, tokens_in: int, pace: float, fails: bool
) -> SimulatedOutcome:
    tokens_out = count_tokens(text)
    return SimulatedOutcome(
        text=text,
        quality=quality,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=profile.cost_usd(tokens_in, tokens_out),
        first_token_s=profile.first_token_s * pace,
        latency_s=(profile.first_token_s + profile.per_token_s * tokens_out) * pace,
        fails=fails,
    )
