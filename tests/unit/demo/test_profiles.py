"""Rules of the simulated models: their outcomes are repeatable, follow their profiles, and make choosing worthwhile."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.demo.profiles import (
    CODER,
    PROFILES,
    SCHOLAR,
    SWIFT,
    Degradation,
    ModelProfile,
    count_tokens,
    cut_to_tokens,
    outcome,
    skill_at,
    small_talk,
)
from gateway.demo.questions import TASKS, check, draw_questions

QUESTIONS = draw_questions(1_800, 23)
CALM = {profile.id: [outcome(profile, question, 5) for question in QUESTIONS] for profile in PROFILES}
FALL = Degradation(model_id="coder", from_question=900, skill_factor=0.3)
FALLEN = [outcome(CODER, question, 5, FALL) for question in QUESTIONS]
SIGMAS = 4.5
"""Binomial counts leave this many standard deviations about once in 150,000 times; the seeds are fixed besides."""


def answered(profile: ModelProfile, seed: int = 5) -> list[bool]:
    """Which questions the model answers rightly."""
    return [outcome(profile, question, seed).quality == 1.0 for question in QUESTIONS]


def mean_within(hits: list[bool], rate: float) -> bool:
    """Whether a share of hits is what a coin of this rate gives."""
    return abs(sum(hits) / len(hits) - rate) <= SIGMAS * math.sqrt(rate * (1 - rate) / len(hits))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_right_answers_come_as_often_as_the_skill_says(profile: ModelProfile) -> None:
    """Per task the share of answers worth 1 lies within the binomial interval around the skill."""
    results = CALM[profile.id]
    for task in TASKS:
        hits = [
            result.quality == 1.0 for question, result in zip(QUESTIONS, results, strict=True) if question.task == task
        ]
        assert mean_within(hits, profile.skill[task])


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_fields_follow_from_the_text_and_the_prices(profile: ModelProfile) -> None:
    """Quality is checked, tokens are counted, cost is tokens times price per million, and the first token precedes."""
    for question in QUESTIONS[:200]:
        result = outcome(profile, question, 5)
        assert result.quality == check(question, result.text)
        assert result.tokens_out == count_tokens(result.text)
        dollars = result.tokens_in * profile.input_usd_per_million + result.tokens_out * profile.output_usd_per_million
        assert result.cost_usd == pytest.approx(dollars / 1_000_000)
        assert 0 < result.first_token_s < result.latency_s


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), number=st.integers(0, len(QUESTIONS) - 1), profile=st.sampled_from(PROFILES))
def test_the_same_arguments_give_the_same_outcome(seed: int, number: int, profile: ModelProfile) -> None:
    """The counterfactual of every question and model is known without calling anyone."""
    assert outcome(profile, QUESTIONS[number], seed) == outcome(profile, QUESTIONS[number], seed)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), number=st.integers(0, len(QUESTIONS) - 1), attempt=st.integers(1, 5))
def test_attempts_differ_in_failing_only(seed: int, number: int, attempt: int) -> None:
    """A retry gets the answer that the first attempt would have given."""
    first = outcome(SCHOLAR, QUESTIONS[number], seed)
    assert replace(outcome(SCHOLAR, QUESTIONS[number], seed, attempt=attempt), fails=first.fails) == first


def test_models_and_seeds_draw_apart() -> None:
    """Two models of equal skill are right independently of each other: they agree on about half of fair coins."""
    coin = dict.fromkeys(TASKS, 0.5)
    one, twin = replace(CODER, skill=coin), replace(CODER, id="twin", skill=coin)
    first = answered(one)
    for pair in (answered(twin), answered(one, seed=6)):
        assert mean_within([a == b for a, b in zip(first, pair, strict=True)], 0.5)


def test_faults_come_at_their_rate_and_a_retry_draws_anew() -> None:
    """Each attempt fails with the error rate, also where the attempt before has failed."""
    shaky = replace(SWIFT, error_rate=0.2)
    first = [outcome(shaky, question, 5).fails for question in QUESTIONS]
    assert mean_within(first, 0.2)
    failed = [question for question, fails in zip(QUESTIONS, first, strict=True) if fails]
    assert mean_within([outcome(shaky, question, 5, attempt=1).fails for question in failed], 0.2)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_latency_has_the_profile_as_its_median(profile: ModelProfile) -> None:
    """The first token's median is the profile's: half the draws lie below it; all together stay near 10 to 60 ms."""
    results = CALM[profile.id]
    assert mean_within([result.first_token_s < profile.first_token_s for result in results], 0.5)
    assert 0.004 < float(np.mean([result.latency_s for result in results])) < 0.06


def test_a_degradation_starts_at_its_question_and_stays_with_its_model() -> None:
    """Before the question, and for other models, nothing changes; after it the skill is the factor's share."""
    assert [outcome(SWIFT, question, 5, FALL) for question in QUESTIONS[850:950]] == CALM["swift"][850:950]
    assert FALLEN[:900] == CALM["coder"][:900]
    for question in QUESTIONS:
        share = 0.3 if question.id >= 900 else 1.0
        assert skill_at(CODER, question, FALL) == pytest.approx(CODER.skill[question.task] * share)


def test_a_degradation_only_turns_right_into_wrong() -> None:
    """What was wrong stays the same word for word, and what stays right too: the drift is the only difference."""
    pairs = list(zip(CALM["coder"], FALLEN, strict=True))
    for before, after in pairs:
        assert after == before or (before.quality == 1.0 and after.quality < 0.5)
    assert mean_within([after.quality == 1.0 for before, after in pairs[900:] if before.quality == 1.0], 0.3)


def test_choosing_per_task_beats_every_fixed_model() -> None:
    """With rewards of 0.6 quality + 0.3 cost + 0.1 latency the per-task oracle gains at least 0.08 on the best model.

    Cost is measured against the dearest model's 95th percentile and latency against one second. Each model is the best
    one somewhere, or the demo would have nothing to show for it.
    """
    tasks = np.array([question.task for question in QUESTIONS])
    max_cost_usd = max(float(np.percentile([o.cost_usd for o in results], 95)) for results in CALM.values())
    rewards = {
        model: np.array(
            [
                0.6 * o.quality + 0.3 * (1 - min(1, o.cost_usd / max_cost_usd)) + 0.1 * (1 - min(1, o.latency_s))
                for o in results
            ]
        )
        for model, results in CALM.items()
    }
    means = {task: {model: float(values[tasks == task].mean()) for model, values in rewards.items()} for task in TASKS}
    oracle = sum(max(means[task].values()) * float(np.mean(tasks == task)) for task in TASKS)
    assert oracle - max(float(values.mean()) for values in rewards.values()) >= 0.08
    best = {task: max(means[task], key=lambda model: means[task][model]) for task in TASKS}
    assert best == {
        "extraction": "swift",
        "classification": "swift",
        "code_generation": "coder",
        "structured_output": "coder",
        "reasoning": "scholar",
        "summarization": "scholar",
    }


def test_small_talk_is_repeatable_and_json_where_asked() -> None:
    """A chat by hand gets a polite word: the same for the same prompt, and a JSON object in JSON mode."""
    assert small_talk(SWIFT, "Hello there", 1) == small_talk(SWIFT, "Hello there", 1)
    assert "swift" in small_talk(SWIFT, "Hello there", 1).text
    assert small_talk(SWIFT, "Hello there", 1, as_json=True).text.startswith('{"reply": ')
    assert not small_talk(SWIFT, "Hello there", 1).fails


@given(text=st.text("ab cé€", max_size=60), limit=st.integers(1, 20))
def test_cutting_keeps_a_prefix_of_so_many_tokens(text: str, limit: int) -> None:
    """A cut text has as many tokens as the limit, or all that there are."""
    cut = cut_to_tokens(text, limit)
    assert text.startswith(cut)
    assert count_tokens(cut) == min(limit, count_tokens(text))
