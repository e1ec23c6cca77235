"""What every choice would have earned: the simulated world knows each model's answer to each question without asking.

For question q and model m, the reward of m's answer is what the gateway computes from it: the same reward settings on
the measured quality, the price and the simulated latency. From these counterfactuals:

    asked[q, m]      reward of always asking m first: its own answer, or the fallback's where the call fails
    best fixed       the model with the highest mean of asked over the whole run
    oracle           for each kind of task the model with the highest mean; with a drift, for each kind and phase
    earned[q]        reward of the answer that the gateway really gave, by whichever model
    regret           sum of asked[q, reference] - earned[q]; below 0 the gateway did better than the reference
    captured         (sum earned - sum best fixed) / (sum oracle - sum best fixed): 0 the best fixed model, 1 the oracle

The time that is lost on a call that fails counts for nobody here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.core.reward import RewardSettings, reward
from gateway.core.values import Feedback, FloatArray, Outcome
from gateway.demo.profiles import Degradation, ModelProfile, SimulatedOutcome, outcome
from gateway.demo.questions import Question
from gateway.demo.traffic import Row

IntArray = npt.NDArray[np.intp]

RECOVERED = 0.9
WINDOW = 200
"""Requests over which `recovery` looks back: enough for luck to even out, and few against half a run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """The counterfactuals of one run; arrays have a row per question and a column per model."""

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    """Kind of each question."""
    phases: IntArray
    """0 for each question before the drift, 1 from it on."""
    answers: FloatArray
    """Reward of each model's own answer, whether or not the call fails."""
    asked: FloatArray
    qualities: FloatArray
    """Of each model's own answer, as are costs (USD) and latencies (s)."""
    costs: FloatArray
    latencies: FloatArray

    @property
    def best_fixed(self) -> int:
        """Column of the model that earns most when all questions go to it."""
        return int(self.asked.mean(axis=0).argmax())

    @property
    def oracle(self) -> IntArray:
        """For each question the column of the model that earns most on its kind of task in its phase."""
        chosen = np.zeros(len(self.tasks), dtype=np.intp)
        for places in self.cells():
            chosen[places] = self.asked[places].mean(axis=0).argmax()
        return chosen

    def cells(self) -> Iterator[IntArray]:
        """The questions of each kind and phase that occur."""
        tasks = np.array(self.tasks)
        for task in sorted(set(self.tasks)):
            for phase in sorted(set(self.phases.tolist())):
                places = np.flatnonzero((tasks == task) & (self.phases == phase))
                if places.size:
                    yield places

    def earned(self, rows: Sequence[Row]) -> FloatArray:
        """The reward of what was answered, one number per row; 0 where nobody answered."""
        column = {model: place for place, model in enumerate(self.models)}
        return np.array([self.answers[row.question_id, column[row.arm]] if row.arm else 0.0 for row in rows])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """How a run compares with the references: the reward per request of all three, each of shape (n,)."""

    earned: FloatArray
    fixed: FloatArray
    oracle: FloatArray

    def captured(self, part: slice = slice(None)) -> float:
        """The share of the oracle's gain over the best fixed model that was reached in this part of the run."""
        gain = float((self.oracle[part] - self.fixed[part]).sum())
        return float((self.earned[part] - self.fixed[part]).sum()) / gain if gain > 0.0 else float("nan")

    @property
    def last_quarter(self) -> slice:
        """The part of the run in which learning should be over."""
        return slice(3 * len(self.earned) // 4, None)

    def recovery(self, since: int) -> int | None:
        """Requests after the drift at request `since` until the gateway is back; None if it is not by the end.

        It is back with the first window of `WINDOW` requests in a row, all of them after the drift, in which it
        captured at least `RECOVERED` of the oracle's gain. The last request of that window is the one that counts, so
        no answer is below `WINDOW`.
        """
        for end in range(since + WINDOW, len(self.earned) + 1):
            if self.captured(slice(end - WINDOW, end)) >= RECOVERED:
                return end - since
        return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One run of the demo: what was asked of whom, and what everything else would have earned."""

    algorithm: str
    seed: int
    rows: Sequence[Row]
    """One per question, in order."""
    ledger: Ledger
    drift: Degradation | None
    """Which model is worse, and from which question on; None in a calm world."""
    seconds: float

    @property
    def standing(self) -> Standing:
        """How it compares with the references."""
        every = np.arange(len(self.rows))
        asked = self.ledger.asked
        return Standing(
            earned=self.ledger.earned(self.rows),
            fixed=asked[:, self.ledger.best_fixed],
            oracle=asked[every, self.ledger.oracle],
        )

    @property
    def recovered_after(self) -> int | None:
        """See `Standing.recovery`; None without a drift as well."""
        return None if self.drift is None else self.standing.recovery(self.drift.from_question)


def ledger(
    profiles: Sequence[ModelProfile],
    questions: Sequence[Question],
    settings: RewardSettings,
    *,
    seed: int,
    baseline: str,
    degradation: Degradation | None = None,
) -> Ledger:
    """The counterfactuals of asking these models these questions in the world with this seed.

    Question i must have the id i. Where a model's call fails the `baseline` answers, or else the others as listed.
    """
    found = [[outcome(profile, question, seed, degradation) for profile in profiles] for question in questions]
    answers = np.array([[reward_of(result, settings) for result in row] for row in found])
    fails = np.array([[result.fails for result in row] for row in found])
    start = len(questions) if degradation is None else degradation.from_question
    return Ledger(
        models=tuple(profile.id for profile in profiles),
        tasks=tuple(question.task for question in questions),
        phases=(np.arange(len(questions)) >= start).astype(np.intp),
        answers=answers,
        asked=_with_fallbacks(answers, fails, [profile.id for profile in profiles].index(baseline)),
        qualities=np.array([[result.quality for result in row] for row in found]),
        costs=np.array([[result.cost_usd for result in row] for row in found]),
        latencies=np.array([[result.latency_s for result in row] for row in found]),
    )


def reward_of(result: SimulatedOutcome, settings: RewardSettings) -> float:
    """What the gateway would reward this answer with once a client has told it the measured quality."""
    happened = Outcome(
        decision_id="",
        completion_id=None,
        arm_id="",
        status="answered",
        attempts=1,
        signals={},
        quality=None,
        cost_usd=result.cost_usd,
        latency_s=result.latency_s,
        first_token_s=result.first_token_s,
        tokens_in=result.tokens_in,
        tokens_out=result.tokens_out,
        hour=12,
        finished_s=0.0,
    )
    earned = reward(happened, Feedback(score=result.quality), settings)
    assert earned is not None, "an answer that was rated has a reward"
    return earned.value


def _with_fallbacks(answers: FloatArray, fails: npt.NDArray[np.bool_], baseline: int) -> FloatArray:
    asked = np.where(fails, 0.0, answers)
    count = answers.shape[1]
    for first in range(count):
        order = [baseline, *(other for other in range(count) if other != baseline)]
        for place in np.flatnonzero(fails[:, first]):
            answering = [other for other in order if other != first and not fails[place, other]]
            asked[place, first] = answers[place, answering[0]] if answering else 0.0
    return asked
