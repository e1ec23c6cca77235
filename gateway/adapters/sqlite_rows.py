"""A batch as flat lists of SQLite's own types, made on the event loop a few records at a time.

The thread that writes them then runs next to no Python: a thread that does keeps the interpreter from the loop for
milliseconds, whereas a few records take less time than a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gateway.adapters import record_codec as codec
from gateway.core.values import Decision
from gateway.flows.ports import Batch, Delta, Settled

_T = TypeVar("_T")
Value = str | bytes | int | float | None
_SLICE = 16
"""Records encoded before the loop may do something else; a tenth of a millisecond."""
_ROUND_S = 0.001
"""A loop that takes this long for a round is busy: a slice more for each of them."""
_MOST_SLICES = 16

SETTLED_COLUMNS = ("completion_id", "outcome", "reward", "state_policy", "state_fingerprint", "bucket")
DECIDED_COLUMNS = ("id", "tenant", "policy", "created_s", "decision", "features")
_UNSETTLED: tuple[Value, ...] = (None,) * len(SETTLED_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRows:
    """What a batch writes."""

    id: str
    decisions: Sequence[Value]
    """Row after row: the columns of a decision, those of its outcome (all None if it has none), its version."""
    outcomes: Sequence[Value]
    """Of decisions that came in an earlier batch; row after row: the decision's id, the columns of its outcome."""
    settled: Sequence[str]
    """Ids of the decisions that settle, in the batch's order, each once."""
    deltas: Sequence[Delta]


async def encode(batch: Batch) -> BatchRows:
    """The batch's rows. ValueError if it holds what must not be stored."""
    unpaired: dict[str, Settled] = {}
    ids: list[str] = []
    async for some in _slices(batch.settled, 8 * _SLICE):
        for settled in some:
            id = codec.text(settled.outcome.decision_id)
            if id not in unpaired:
                unpaired[id] = settled
                ids.append(id)
    decisions: list[Value] = []
    async for few in _slices(batch.decisions, _SLICE):
        for decision in few:
            id = codec.text(decision.id)
            decisions += _decision_row(id, decision, unpaired.pop(id, None))
    outcomes: list[Value] = []
    async for rest in _slices(list(unpaired.items()), _SLICE):
        for id, settled in rest:
            outcomes += (id, *_outcome_row(settled))
    return BatchRows(id=batch.id, decisions=decisions, outcomes=outcomes, settled=ids, deltas=batch.deltas)


async def _slices(items: Sequence[_T], size: int) -> AsyncIterator[Sequence[_T]]:
    """Some of the items at a time; between two slices the loop does what else there is to do.

    The longer that takes, the more items at a time: a busy loop comes round so seldom that what it serves meanwhile
    would pile up faster than it is encoded.
    """
    time = asyncio.get_running_loop().time
    start, more = 0, size
    while start < len(items):
        if start:
            left_s = time()
            await asyncio.sleep(0)
            more = size * (1 + min(_MOST_SLICES - 1, int((time() - left_s) / _ROUND_S)))
        yield items[start : start + more]
        start += more


def _decision_row(id: str, decision: Decision, settled: Settled | None) -> tuple[Value, ...]:
    return (
        id,
        codec.text(decision.tenant),
        codec.text(decision.policy),
        decision.created_s,
        codec.encode_decision(decision).decode(),
        codec.encode_features(decision.context.features),
        *(_UNSETTLED if settled is None else _outcome_row(settled)),
        0 if settled is None else 1,
    )


def _outcome_row(settled: Settled) -> tuple[Value, ...]:
    outcome, reward, key = settled.outcome, settled.reward, settled.key
    return (
        None if outcome.completion_id is None else codec.text(outcome.completion_id),
        codec.encode_outcome(outcome).decode(),
        None if reward is None else codec.encode_reward(reward).decode(),
        None if key is None else key.policy,
        None if key is None else key.fingerprint,
        settled.bucket,
    )
