"""Decisions, outcomes, feedback and rewards in SQLite: what a batch and a rating change.

All functions run inside a transaction of the caller's, who undoes it when one raises.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import structlog

from gateway.adapters import record_codec as codec
from gateway.adapters import sqlite_sums
from gateway.adapters.sqlite_rows import DECIDED_COLUMNS, SETTLED_COLUMNS, BatchRows, Value
from gateway.core.statistics import revision
from gateway.core.values import Decision, Reward
from gateway.errors import NotFoundError, StoreError
from gateway.flows.ports import Delta, Rating, Record, Settled, StateKey

_log = structlog.get_logger(__name__)

_SELECT = """SELECT decision, features, outcome, reward, state_policy, state_fingerprint, bucket, feedback, version
    FROM records """
_BY_ID = _SELECT + "WHERE id = ?"
_OWN = " AND (? IS NULL OR tenant = ?)"
# One look into each block of the index, from the first to the last.
_WITH_COMPLETION = """WHERE seq IN (
    WITH RECURSIVE blocks(block) AS (SELECT (SELECT min(seq) FROM records) >> 12
        UNION ALL SELECT block + 1 FROM blocks WHERE block < (SELECT max(seq) FROM records) >> 12)
    SELECT seq FROM blocks CROSS JOIN records ON seq >> 12 = block WHERE completion_id = ?)"""
_BY_COMPLETION = _SELECT + _WITH_COMPLETION + _OWN + " ORDER BY created_s DESC, seq DESC LIMIT 1"
_RECENT = _SELECT + "WHERE policy = ? ORDER BY created_s DESC, seq DESC LIMIT ?"
_RATED_EARLY = """SELECT id FROM records INDEXED BY records_rated WHERE created_s >= ? AND feedback IS NOT NULL
    AND outcome IS NOT NULL AND (reward IS NULL OR json_extract(reward, '$.source') <> 'feedback') LIMIT 1000"""
_ANY_UNSETTLED_RATED = """SELECT 1 FROM records INDEXED BY records_rated_early
    WHERE feedback IS NOT NULL AND outcome IS NULL LIMIT 1"""
_UNSETTLED_RATED = """SELECT id FROM records INDEXED BY records_rated_early
    WHERE feedback IS NOT NULL AND outcome IS NULL AND id IN (SELECT value FROM json_each(?))"""
_RATE = "UPDATE records SET feedback = ?, reward = coalesce(?, reward), version = version + 1 WHERE id = ?"
# Policy by policy, because that index is there; the first part steps from one name to the next.
_OLD = """DELETE FROM records WHERE seq IN (
    WITH RECURSIVE policies(name) AS (SELECT min(policy) FROM records
        UNION ALL SELECT (SELECT min(policy) FROM records WHERE policy > name) FROM policies WHERE name IS NOT NULL)
    SELECT seq FROM policies CROSS JOIN records ON policy = name WHERE created_s < ? LIMIT ?)"""
_SURPLUS = """DELETE FROM records WHERE seq IN (SELECT seq FROM records
    WHERE seq <= (SELECT max(seq) FROM records) - ? ORDER BY seq LIMIT ?)"""
TRIM_AT_ONCE = 5_000

_AT_ONCE = (32, 4, 1)
"""Rows in one statement: each statement hands the interpreter to the loop and waits to have it back."""
_DECIDED = (*DECIDED_COLUMNS, *SETTLED_COLUMNS, "version")


def _insert(rows: int) -> str:
    """Decisions, each with its outcome if it has one. The first of each stays, wherever it came from."""
    row = f"({', '.join('?' * len(_DECIDED))})"
    settling = ", ".join(f"{column} = excluded.{column}" for column in SETTLED_COLUMNS)
    return f"""INSERT INTO records ({", ".join(_DECIDED)}) VALUES {", ".join([row] * rows)}
        ON CONFLICT (id) DO UPDATE SET {settling}, version = records.version + 1
        WHERE records.outcome IS NULL AND excluded.outcome IS NOT NULL"""  # noqa: S608 - names of our own columns


def _settle(rows: int) -> str:
    """Outcomes of decisions that are there already.

    Ignored are a second outcome of the same decision and one whose decision is not there (trimmed, or never stored):
    nothing could be revised without its features. Their observations are in the batch's deltas and count all the same.
    """
    row = f"({', '.join('?' * (1 + len(SETTLED_COLUMNS)))})"
    settling = ", ".join(f"{column} = given.column{n}" for n, column in enumerate(SETTLED_COLUMNS, start=2))
    return f"""UPDATE records SET {settling}, version = version + 1 FROM (VALUES {", ".join([row] * rows)}) AS given
        WHERE records.id = given.column1 AND records.outcome IS NULL"""  # noqa: S608 - as above


_INSERTS: Mapping[int, str] = {rows: _insert(rows) for rows in _AT_ONCE}
_SETTLES: Mapping[int, str] = {rows: _settle(rows) for rows in _AT_ONCE}


def apply_batch(connection: sqlite3.Connection, batch: BatchRows, now_s: float) -> list[str]:
    """Store and add a batch unless its id was applied before; the same ids are returned either way."""
    row = connection.execute("SELECT rated FROM batches WHERE id = ?", (batch.id,)).fetchone()
    if row is not None:
        return list(orjson.loads(row[0]))
    rated = _rated_before(connection, batch.settled)
    for rows, values in _portions(batch.decisions, len(_DECIDED)):
        connection.execute(_INSERTS[rows], values)
    for rows, values in _portions(batch.outcomes, 1 + len(SETTLED_COLUMNS)):
        connection.execute(_SETTLES[rows], values)
    for delta in batch.deltas:
        sqlite_sums.add(connection, delta, now_s)
    for key in {delta.key for delta in batch.deltas}:
        sqlite_sums.bump(connection, key)
    connection.execute("INSERT INTO batches VALUES (?, ?, ?)", (batch.id, now_s, orjson.dumps(rated).decode()))
    return rated


def apply_rating(connection: sqlite3.Connection, rating: Rating, now_s: float) -> bool:
    """Store a rating and revise the sums; False if the record has changed since it was read."""
    row = connection.execute(_BY_ID, (codec.text(rating.decision_id),)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no decision {rating.decision_id!r}", param="id")
    record = _record(row)
    if record.version != rating.version:
        return False
    feedback = codec.encode_feedback(rating.feedback).decode()
    reward = None
    if rating.reward is not None:
        reward = codec.encode_reward(rating.reward).decode()
        if record.settled is None:
            raise ValueError(f"decision {rating.decision_id!r} has no outcome yet that a reward could follow from")
        _revise(connection, record.decision, record.settled, rating.reward, now_s)
    connection.execute(_RATE, (feedback, reward, rating.decision_id))
    return True


def find(connection: sqlite3.Connection, id: str, tenant: str | None) -> Record | None:
    """By the decision's id, else the newest with this completion id; only the tenant's own if one is given."""
    wanted = (codec.text(id), tenant, tenant)
    found = connection.execute(_BY_ID + _OWN, wanted).fetchone()
    row = found or connection.execute(_BY_COMPLETION, wanted).fetchone()
    return None if row is None else _record(row)


def recent(connection: sqlite3.Connection, policy: str, limit: int) -> list[Record]:
    """The newest of a policy, newest first; a row that cannot be read is left out and logged."""
    records = []
    for row in connection.execute(_RECENT, (policy, max(0, limit))):
        try:
            records.append(_record(row))
        except StoreError as error:
            _log.error("record_unreadable", policy=policy, error=error.message)
    return records


def rated_early(connection: sqlite3.Connection, since_s: float) -> list[str]:
    """Ids of settled decisions whose reward does not carry their rating."""
    return [str(row[0]) for row in connection.execute(_RATED_EARLY, (since_s,))]


def trim(connection: sqlite3.Connection, *, before_s: float, max_records: int, batches_before_s: float) -> int:
    """Delete some records that are too old or too many, and old batch ids. Never touches sums. Returns their number.

    A bounded number at a time, so that no trim holds the write lock for long.
    """
    limit = TRIM_AT_ONCE
    old = connection.execute(_OLD, (before_s, limit)).rowcount
    surplus = connection.execute(_SURPLUS, (max_records, limit)).rowcount
    connection.execute(
        "DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE applied_s < ? ORDER BY applied_s LIMIT ?)",
        (batches_before_s, limit),
    )
    return old + surplus


def _rated_before(connection: sqlite3.Connection, ids: Sequence[str]) -> list[str]:
    """Those of the ids that have a rating and no outcome yet."""
    if connection.execute(_ANY_UNSETTLED_RATED).fetchone() is None:
        return []
    rated = {str(row[0]) for row in connection.execute(_UNSETTLED_RATED, (orjson.dumps(ids).decode(),))}
    return [id for id in ids if id in rated]


def _portions(values: Sequence[Value], width: int) -> Iterator[tuple[int, Sequence[Value]]]:
    """The rows that the values are, some at a time: how many, and their values."""
    start = 0
    for rows in _AT_ONCE:
        while len(values) - start >= rows * width:
            yield rows, values[start : start + rows * width]
            start += rows * width


def _revise(connection: sqlite3.Connection, decision: Decision, settled: Settled, reward: Reward, now_s: float) -> None:
    """Change the sums by what the new reward differs from the one stored."""
    key, old, arm_id = settled.key, settled.reward, settled.outcome.arm_id
    if key is None:
        return
    if old is not None and not sqlite_sums.holds(connection, key, arm_id, settled.bucket):
        # Its observation has been forgotten with its bucket: a difference alone would be a reward without a trial.
        return
    change = revision(
        decision.context.features,
        None if old is None else old.value,
        reward.value,
        rated=reward.source == "feedback" and (old is None or old.source != "feedback"),
    )
    delta = Delta(key=key, arm_id=arm_id, bucket=settled.bucket, statistics=change)
    sqlite_sums.add(connection, delta, now_s)
    sqlite_sums.bump(connection, key)


def _record(row: Sequence[Any]) -> Record:
    """A row of `_SELECT`; StoreError if somebody else has been writing into it."""
    decision, features, outcome, reward, policy, fingerprint, bucket, feedback, version = row
    try:
        settled = None
        if outcome is not None:
            settled = Settled(
                outcome=codec.decode_outcome(outcome),
                reward=None if reward is None else codec.decode_reward(reward),
                key=None if policy is None else StateKey(policy=policy, fingerprint=fingerprint),
                bucket=bucket,
            )
        return Record(
            decision=codec.decode_decision(decision, features),
            settled=settled,
            feedback=None if feedback is None else codec.decode_feedback(feedback),
            version=version,
        )
    except ValueError as error:
        raise StoreError(f"a record in the state store cannot be read: {error}") from error
