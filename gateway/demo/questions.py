"""The demo's traffic: a repeatable series of questions of six kinds, with prompts that are unique within the series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from gateway.demo.tasks import classification, code_generation, extraction, reasoning, structured_output, summarization
from gateway.demo.tasks.chance import pick
from gateway.demo.tasks.question import Draft, Question, Style

__all__ = ["TASKS", "Question", "Style", "by_prompt", "check", "draw_questions", "right_answer", "wrong_answer"]

ASKED_BY: Mapping[str, Callable[[np.random.Generator], Draft]] = MappingProxyType(
    {
        "reasoning": reasoning.ask,
        "extraction": extraction.ask,
        "structured_output": structured_output.ask,
        "code_generation": code_generation.ask,
        "classification": classification.ask,
        "summarization": summarization.ask,
    }
)
TASKS = tuple(ASKED_BY)


def draw_questions(count: int, seed: int, tasks: Sequence[str] = TASKS) -> list[Question]:
    """Questions 0 to count - 1 of the series `seed`, each kind in `tasks` equally likely.

    A longer series starts with the shorter one. A prompt that was already asked is drawn again.
    """
    asked: set[str] = set()
    questions: list[Question] = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        task = pick(rng, tasks)
        draft = ASKED_BY[task](rng)
        while draft.prompt in asked:
            draft = ASKED_BY[task](rng)
        asked.add(draft.prompt)
        questions.append(
            Question(id=number, task=task, prompt=draft.prompt, solution=draft.solution, extras=draft.extras)
        )
    return questions


def by_prompt(questions: Sequence[Question]) -> dict[str, Question]:
    """The registry by which a simulated provider recognises a question."""
    return {question.prompt: question for question in questions}


def check(question: Question, text: str) -> float:
    """Quality in [0, 1] of an answer, measured from its text alone: 1 is fully right, below 0.5 is not usable."""
    return question.solution.check(text)


def right_answer(question: Question, style: Style = "plain") -> str:
    """A text that checks to 1."""
    return question.solution.right_answer(style)


def wrong_answer(question: Question, rng: np.random.Generator, style: Style = "plain") -> str:
    """A plausible text that checks below 0.5."""
    return question.solution.wrong_answer(rng, style)
