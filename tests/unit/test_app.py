"""The composed process: starts, drains, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.builders import make_completion
from tests.serving import serving


async def test_starting_and_stopping_leaves_no_task(tmp_path: Path) -> None:
    """Every background task has ended when `stop` returns."""
    before = asyncio.all_tasks()
    async with serving(tmp_path) as client:
        await client.chat()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_what_was_learned_is_written_at_the_end(tmp_path: Path) -> None:
    """A gateway that stops in order hands its sums to the next one, without any feedback having forced it."""
    async with serving(tmp_path) as client:
        for _ in range(6):
            await client.chat()
    async with serving(tmp_path) as client:
        _, policy, _ = await client.send("GET", "/admin/policies/default")
        assert sum(arm["pulls"] for arm in policy["arms"]) == 6


async def test_while_draining_new_requests_are_sent_elsewhere(tmp_path: Path) -> None:
    """Readiness turns false and new requests get 503 with Retry-After; health stays up."""
    async with serving(tmp_path) as client:
        client.gateway._draining = True
        status, answer, headers = await client.chat()
        assert (status, answer["error"]["code"]) == (503, "overloaded")
        assert "Retry-After" in headers
        assert (await client.send("GET", "/readyz"))[0] == 503
        assert (await client.send("GET", "/healthz"))[0] == 200
        client.gateway._draining = False


async def test_the_snapshot_follows_the_rewards(tmp_path: Path) -> None:
    """The background refresh turns observations into choices: the arm that pays is chosen after a while."""
    async with serving(tmp_path) as client:
        client.upstream.script = lambda call: make_completion(
            id=f"c-{len(client.upstream.calls)}", text="4" if call.arm.id == "small" else "I cannot help with that."
        )
        for _ in range(14):
            _, _, headers = await client.chat()
            score = float(headers["x-gateway-model"] == "small")
            await client.send("POST", "/v1/feedback", {"id": headers["x-gateway-decision-id"], "score": score})
        await asyncio.sleep(0.3)
        arms = [(await client.chat())[2]["x-gateway-model"] for _ in range(20)]
        # 1 % of the floor's 2 % goes to the other arm: three of twenty is already a 1 in 100,000 event.
        assert arms.count("small") >= 17
