"""The lesson "one model is better at code, another at questions", taught to a learner with all its defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest

from gateway.core.statistics import Tallies
from gateway.core.values import ChatRequest, FloatArray, Hints
from gateway.demo.questions import draw_questions
from gateway.flows.learner import Learner, Observation
from tests.builders import make_arm, make_request
from tests.world import make_learner

CODER, SAGE = make_arm(id="coder"), make_arm(id="sage")
BEST = {"code_generation": CODER.id, "question_answering": SAGE.id}
TASKS = tuple(BEST)
REQUESTS, SEEDS, ENOUGH, EXAM = 200, 20, 19, 30
REFRESH_EVERY = 8
"""Decisions lag behind what was learned: snapshots are made 20 times a second, so this is 160 requests a second."""
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)

THINGS = (
    *("the capital of Norway", "the largest moon of Saturn", "the boiling point of ethanol", "the author of Emma"),
    *("the currency of Peru", "the deepest lake on Earth", "the national bird of India", "the tallest tree species"),
    *("the oldest university in Europe", "the longest river in Asia", "the smallest planet", "the founder of Rome"),
)
WORDINGS = (
    "What is {}?",
    "Could you tell me what {} is?",
    "Which one is {}, and why do people disagree about it?",
    "Explain in two sentences what {} is known for.",
    "Who first wrote about {}, and when was that?",
)


@cache
def code_prompts() -> tuple[str, ...]:
    return tuple(question.prompt for question in draw_questions(200, 3, tasks=("code_generation",)))


def question_prompts() -> tuple[str, ...]:
    return tuple(wording.format(thing) for wording in WORDINGS for thing in THINGS)


def asked(prompt: str) -> ChatRequest:
    return make_request(messages=[{"role": "user", "content": prompt}])


def told_by_its_hint(task: str, _: np.random.Generator) -> ChatRequest:
    """The same words every time: only the hint says what they are about."""
    return replace(asked("Please help me with this."), hints=Hints(task_type=task))


def told_by_its_words(task: str, rng: np.random.Generator) -> ChatRequest:
    """A prompt as people write it, and no hint."""
    return asked(str(rng.choice(code_prompts() if task == "code_generation" else question_prompts())))


Source = Callable[[str, np.random.Generator], ChatRequest]


def taught(source: Source, noise: float, seed: int) -> float:
    """The share of fresh requests, of the task that fares worse, that go to their model after the lesson."""
    rng = np.random.default_rng(seed)
    learner, describer = make_learner(arms=(CODER, SAGE))
    both = (0, 1)
    for number in range(REQUESTS):
        task = str(rng.choice(TASKS))
        x = describer.describe(source(task, rng), NOON).features
        arm_id = learner.arms[learner.choose(x, both, rng).index].id
        reward = float(np.clip((0.9 if arm_id == BEST[task] else 0.7) + noise * rng.standard_normal(), 0.0, 1.0))
        learner.observe(Observation(arm_id=arm_id, x=x, reward=reward, tallies=Tallies(pulls=1.0)), 0.0)
        if number % REFRESH_EVERY == 0:
            learner.refresh(0.0)
    learner.refresh(0.0)
    shares = []
    for task, best in BEST.items():
        fresh = [describer.describe(source(task, rng), NOON).features for _ in range(EXAM)]
        shares.append(sum(preferred(learner, x) == best for x in fresh) / EXAM)
    return min(shares)


def preferred(learner: Learner, x: FloatArray) -> str:
    """The arm that most of the traffic with these features goes to, whatever the dice of exploration say."""
    choice = learner.choose(x, (0, 1), np.random.default_rng(0))
    return learner.arms[max(choice.eligible, key=lambda row: choice.probabilities[row])].id


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("source", [told_by_its_hint, told_by_its_words])
def test_each_task_ends_up_with_its_model(source: Source, noise: float) -> None:
    """Rewards 0.9 and 0.7, crossed: after 200 requests nine in ten of each task go to its model, in 19 of 20 seeds."""
    shares = [taught(source, noise, seed) for seed in range(SEEDS)]
    assert sum(share >= 0.9 for share in shares) >= ENOUGH, sorted(shares)
