"""The demo's world over real HTTP, litellm included: its ledger agrees with what the providers really answer."""

from __future__ import annotations

import asyncio

import aiohttp
import numpy as np
import pytest

from gateway.cli.demo import MODELS
from gateway.cli.demo_run import Plan, perform, traffic, world
from gateway.demo.configuration import REWARD, degradation
from gateway.demo.ledger import Ledger, Run, ledger
from gateway.demo.profiles import PROFILES, SCHOLAR
from gateway.demo.questions import Question, draw_questions
from gateway.demo.traffic import Row

COUNT = 36
SLOW_S = 0.3
"""More than a simulated answer takes; what is measured on a busy machine is longer by the machine's own time."""
PLAN = Plan(requests=COUNT, seed=11, algorithm="linucb", drift=SCHOLAR.id)
QUESTIONS = draw_questions(COUNT, PLAN.seed)


def books(questions: list[Question] = QUESTIONS) -> Ledger:
    return ledger(
        PROFILES, questions, REWARD, seed=PLAN.seed, baseline=SCHOLAR.id, degradation=degradation(COUNT, SCHOLAR.id)
    )  # fmt: skip


def test_the_models_on_offer_are_the_demos() -> None:
    """The command line names the models without loading them, so that `--help` stays quick."""
    assert list(MODELS) == [profile.id for profile in PROFILES]
    assert {profile.id for profile in PROFILES} >= {SCHOLAR.id}


async def test_the_ledger_knows_what_every_model_answers() -> None:
    """Each model asked everything by name: measured quality and cost are the ledger's, and so is the reward, but for
    the time that a real call takes on top of the simulated one; and a call fails where the ledger says so."""
    found = books()
    async with world(PLAN, QUESTIONS) as url:
        await traffic(url).ready()
        for place, model in enumerate(MODELS):
            rows = await traffic(url, model=model).drive(QUESTIONS)
            for row in rows:
                await _agrees(found, row, place)


async def _agrees(found: Ledger, row: Row, place: int) -> None:
    if row.arm is None:
        assert "500" in str(row.error) or "502" in str(row.error)
        assert found.asked[row.question_id, place] != found.answers[row.question_id, place]
        return
    assert row.mode == "pinned"
    assert row.quality == found.qualities[row.question_id, place]
    assert row.cost_usd == pytest.approx(found.costs[row.question_id, place])
    assert row.latency_s >= found.latencies[row.question_id, place] - 0.005
    assert row.reward is not None
    assert found.answers[row.question_id, place] - 0.1 * SLOW_S <= row.reward
    assert row.reward <= found.answers[row.question_id, place] + 1e-9


async def test_a_run_has_a_row_for_every_question() -> None:
    """Everything is answered, seen by the progress bar, and rewarded as the ledger has it."""
    seen: list[Row] = []
    run = await perform(PLAN, seen.append)
    assert len(seen) == len(run.rows) == COUNT
    assert [row.error for row in run.rows if row.error] == []
    assert run.drift == degradation(COUNT, SCHOLAR.id)
    told = np.array([row.reward for row in run.rows])
    np.testing.assert_allclose(told, run.standing.earned, atol=0.1 * SLOW_S)


async def test_the_gateway_can_be_kept() -> None:
    """After the run it goes on serving at the URL that is told, until it is told to end."""
    told: list[tuple[Run, str]] = []
    plan = Plan(requests=24, seed=3, algorithm="thompson")
    over = asyncio.Event()
    performing = asyncio.ensure_future(  # noqa: TID251 # a test's own task, awaited below
        perform(plan, lambda _: None, lambda run, url: told.append((run, url)), over)
    )
    while not told:
        await asyncio.sleep(0.05)
        assert not performing.done(), performing.exception()
    url = told[0][1]
    async with aiohttp.ClientSession() as session:
        body = {"model": "auto", "messages": [{"role": "user", "content": "Good morning!"}]}
        async with session.post(f"{url}/v1/chat/completions", json=body) as response:
            assert response.status == 200
            assert "simulated model" in (await response.json())["choices"][0]["message"]["content"]
    over.set()
    run = await performing
    assert run is told[0][0]
