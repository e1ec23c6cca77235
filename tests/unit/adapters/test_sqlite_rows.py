"""Rows of a batch: a decision and its outcome are one row, each once, and the loop is never held for long."""

from __future__ import annotations

import asyncio

import pytest

from gateway.adapters import record_codec as codec
from gateway.adapters.sqlite_rows import DECIDED_COLUMNS, SETTLED_COLUMNS, BatchRows, Value, encode
from gateway.flows.ports import Batch
from tests.builders import make_batch, make_context, make_decision, make_outcome, make_reward, make_settled, vector


def rows(values: list[Value], *columns: str) -> list[dict[str, Value]]:
    """The values as rows with these columns."""
    assert len(values) % len(columns) == 0
    return [dict(zip(columns, values[n : n + len(columns)], strict=True)) for n in range(0, len(values), len(columns))]


def decisions(batch: BatchRows) -> list[dict[str, Value]]:
    return rows(list(batch.decisions), *DECIDED_COLUMNS, *SETTLED_COLUMNS, "version")


def outcomes(batch: BatchRows) -> list[dict[str, Value]]:
    return rows(list(batch.outcomes), "id", *SETTLED_COLUMNS)


def batch_of(count: int) -> Batch:
    """`count` decisions and as many outcomes, half of them of these decisions."""
    return Batch(
        id="batch",
        decisions=[make_decision(id=str(n)) for n in range(count)],
        settled=[make_settled(decision_id=str(n)) for n in range(count // 2, count + count // 2)],
    )


async def test_a_decision_and_its_outcome_are_one_row() -> None:
    """Written once instead of twice; its version counts the settling."""
    batch = make_batch(reward=0.5)
    encoded = await encode(batch)
    (row,) = decisions(encoded)
    assert outcomes(encoded) == []
    assert encoded.settled == ["dec-1"]
    assert (row["id"], row["completion_id"], row["version"]) == ("dec-1", "chatcmpl-dec-1", 1)
    assert row["outcome"] == codec.encode_outcome(batch.settled[0].outcome).decode()
    assert row["reward"] == codec.encode_reward(make_reward(0.5)).decode()
    assert (row["state_policy"], row["state_fingerprint"], row["bucket"]) == ("default", "f1", 5)


async def test_what_came_in_different_batches_has_rows_of_its_own() -> None:
    """A decision without outcome is not settled yet; an outcome without decision waits for nothing but its id."""
    encoded = await encode(batch_of(40))
    found = decisions(encoded)
    assert [row["id"] for row in found] == [str(n) for n in range(40)]
    assert [row["version"] for row in found] == [0] * 20 + [1] * 20
    assert all((row["outcome"] is None) == (row["version"] == 0) for row in found)
    assert [row["id"] for row in outcomes(encoded)] == [str(n) for n in range(40, 60)]
    assert encoded.settled == [str(n) for n in range(20, 60)]


async def test_the_first_outcome_of_a_decision_counts() -> None:
    """A decision settles once, also within one batch."""
    second = make_settled(outcome=make_outcome(arm_id="large"))
    first = make_settled()
    for given in ((make_decision(),), ()):
        encoded = await encode(Batch(id="b", decisions=given, settled=(first, second)))
        (row,) = decisions(encoded) or outcomes(encoded)
        assert row["outcome"] == codec.encode_outcome(first.outcome).decode()
        assert encoded.settled == ["dec-1"]


async def test_ids_are_paired_as_they_are_stored() -> None:
    """An id with a character that no encoding has is stored with another in its place."""
    encoded = await encode(
        Batch(id="b", decisions=(make_decision(id="\ud800"),), settled=(make_settled(decision_id="\ud800"),))
    )
    (row,) = decisions(encoded)
    assert (row["id"], row["version"]) == ("?", 1)


async def test_a_large_batch_lets_the_loop_go_on() -> None:
    """Between a few records and the next, whatever else waits has its turn."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(others())
    await encode(batch_of(400))
    task.cancel()
    assert turns >= 600 / 16


async def test_a_small_batch_is_encoded_at_once() -> None:
    """Whoever records a single decision need not wait a turn: its place in the queue is that of the call."""
    coroutine = encode(make_batch())
    with pytest.raises(StopIteration):
        coroutine.send(None)


@pytest.mark.parametrize(
    "batch",
    [
        make_batch(decisions=(make_decision(context=make_context(features=vector(float("nan")))),)),
        make_batch(decisions=(), settled=(make_settled(outcome=make_outcome(cost_usd=float("inf"))),)),
        make_batch(settled=(make_settled(reward=make_reward(1.5)),)),
    ],
)
async def test_what_must_not_be_stored_is_refused(batch: Batch) -> None:
    """Before anything is handed to the writer."""
    with pytest.raises(ValueError, match=r"finite|\[0, 1\]"):
        await encode(batch)
