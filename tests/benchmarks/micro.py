"""The steps of a request one by one, in microseconds of CPU: `python -m tests.benchmarks.micro` prints them as JSON.

Each step is a function of the product, called as the product calls it; a version that lacks it leaves the step out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson

from tests.benchmarks import prompts
from tests.benchmarks.gateways import configuration
from tests.benchmarks.replies import whole_replies

_ROUNDS = 60
_ROUND_S = 0.005
"""CPU seconds of a round, about: long against the clock's steps, short against the scheduler's."""
_BATCH = 100
"""Requests between two refreshes of what is learned, for the amortised cost."""
_WHEN = datetime(2026, 3, 2, 10, 30)  # noqa: DTZ001 # local time, as the features want it
_NOW_S = 1_750_000_000.0
_SEED = 7
Step = tuple[str, Callable[[], object], int]
"""Name, call, and how many requests one call stands for."""


def measure(step: Callable[[], object]) -> float:
    """Median microseconds of CPU of one call, over many short rounds."""
    step()
    began_s = time.process_time()
    calls = 0
    while time.process_time() - began_s < _ROUND_S:
        step()
        calls += 1
    times = []
    for _ in range(_ROUNDS):
        began_s = time.process_time()
        for _ in range(calls):
            step()
        times.append((time.process_time() - began_s) / calls)
    return median(times) * 1e6


def steps() -> Iterator[Step]:
    """What this version of the product has of them."""
    for group in (_parse, _features, _decide, _learn, _score, _codec):
        try:
            yield from group()
        except (ImportError, AttributeError, TypeError) as error:
            sys.stderr.write(f"{group.__name__.strip('_')}: this version has it not, or otherwise: {error}\n")


def _parse() -> Iterator[Step]:
    raws = _around(prompts.bodies(count=64))
    yield "parse 2 KB", lambda: _request(next(raws)), 1


def _features() -> Iterator[Step]:
    describer = _policy(3).describer
    small = _around([_request(raw) for raw in prompts.bodies(count=64)])
    large = _around([_request(raw) for raw in prompts.bodies(count=10, size=200_000)])
    yield "features 2 KB", lambda: describer.describe(next(small), _WHEN), 1
    yield "features 200 KB", lambda: describer.describe(next(large), _WHEN), 1


def _decide() -> Iterator[Step]:
    for arms in (3, 10):
        policy = _learned(arms)
        xs = _around(_vectors(policy))
        able = np.arange(arms)
        rng = np.random.default_rng(_SEED)
        yield f"decide {arms} arms", _chooser(policy.learner, xs, able, rng), 1


def _chooser(learner: Any, xs: Iterator[Any], able: Any, rng: np.random.Generator) -> Callable[[], object]:
    return lambda: learner.choose(next(xs), able, rng)


def _learn() -> Iterator[Step]:
    from gateway.flows.ports import Sums

    policy = _learned(10)
    rows = _observations(policy, _BATCH)

    def learn() -> None:
        for row in rows:
            policy.learner.observe(row, _NOW_S)
        totals = {(delta.arm_id, delta.bucket): delta.statistics for delta in policy.learner.take()}
        policy.learner.pulled(Sums(version=1, totals=totals), _NOW_S)
        policy.learner.refresh(_NOW_S)

    yield "learn, 10 arms, amortised", learn, _BATCH


def _score() -> Iterator[Step]:
    from gateway.core.scoring import score

    settings = _policy(3).scoring
    pairs = _around([(_request(raw), _completion(n)) for n, raw in enumerate(prompts.bodies(count=48))])

    def judge() -> object:
        request, completion = next(pairs)
        return score(request, completion, settings)

    yield "score 4 KB", judge, 1


def _codec() -> Iterator[Step]:
    from gateway.adapters.record_codec import encode_decision, encode_features, encode_outcome
    from tests.builders import make_context, make_decision, make_outcome

    x = _vectors(_policy(3))[0]
    decision = make_decision(context=make_context(features=x))
    outcome = make_outcome()

    def encode() -> None:
        encode_features(x)
        encode_decision(decision)
        encode_outcome(outcome)

    yield "encode a record", encode, 1


# What the steps work on.


def _around(values: list[Any]) -> Iterator[Any]:
    while True:
        yield from values


def _request(raw: bytes) -> Any:
    from gateway.api.wire import chat_request

    return chat_request(raw, {}, tenant="benchmark", request_id="req_1")


def _completion(number: int) -> Any:
    from tests.builders import make_completion

    replies = whole_replies()
    reply = orjson.loads(replies[number % len(replies)] % number)
    return make_completion(text=reply["choices"][0]["message"]["content"], finish_reason="stop", tokens_out=600)


def _policy(arms: int) -> Any:
    from gateway.assembly import policies_of
    from gateway.settings.schema import Settings

    given: Any = configuration(Path("/nowhere"), 8080, 9000, lane="litellm", workers=1)
    first = given["models"][0]
    given["models"] = [{**first, "id": f"m{n + 1}", "model": f"openai/m{n + 1}"} for n in range(arms)]
    given["policies"]["default"]["models"] = [model["id"] for model in given["models"]]
    return policies_of(Settings.model_validate(given))["default"]


def _vectors(policy: Any) -> list[Any]:
    return [policy.describer.describe(_request(raw), _WHEN).features for raw in prompts.bodies(count=64)]


def _observations(policy: Any, count: int) -> list[Any]:
    from gateway.core.statistics import Tallies
    from gateway.flows.learner import Observation

    rng = np.random.default_rng(_SEED)
    xs = _around(_vectors(policy))
    arms = _around([arm.id for arm in policy.arms])
    tallies = Tallies(pulls=1.0)
    return [
        Observation(arm_id=next(arms), x=next(xs), reward=float(rng.uniform()), tallies=tallies) for _ in range(count)
    ]


def _learned(arms: int) -> Any:
    """A policy that has seen enough not to be warming up."""
    policy = _policy(arms)
    for row in _observations(policy, 100 * arms):
        policy.learner.observe(row, _NOW_S)
    policy.learner.refresh(_NOW_S)
    return policy


def main() -> None:
    """Measure all steps."""
    found = {name: measure(step) / requests for name, step, requests in steps()}
    sys.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")


if __name__ == "__main__":
    main()
