"""Decisions, outcomes, feedback and rewards in SQLite: what a batch and a rating change.

All functions run inside a transaction of the caller's, who undoes it when one raises.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson
import structlog

from gateway.adapters import record_codec as codec
from gateway.adapters import sqlite_sums
from gateway.core.statistics import revision
from gateway.core.values import Decision, Reward
from gateway.errors import NotFoundError, StoreError
from gateway.flows.ports import Batch, Delta, Rating, Record, Settled, StateKey

_log = structlog.get_logger(__name__)

_SELECT = """SELECT decision, features, outcome, reward, state_policy, state_fingerprint, bucket, feedback, version
    FROM records """
_BY_ID = _SELECT + "WHERE id = ?"
_OWN = " AND (? IS NULL OR tenant = ?)"
_BY_COMPLETION = _SELECT + "WHERE completion_id = ?" + _OWN + " ORDER BY created_s DESC, seq DESC LIMIT 1"
_RECENT = _SELECT + "WHERE policy = ? ORDER BY created_s DESC, seq DESC LIMIT ?"
_RATED_EARLY = """SELECT id FROM records INDEXED BY records_by_age WHERE created_s >= ? AND feedback IS NOT NULL
    AND outcome IS NOT NULL AND (reward IS NULL OR json_extract(reward, '$.source') <> 'feedback') LIMIT 1000"""
_INSERT = """INSERT INTO records (id, tenant, policy, created_s, decision, features) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING"""
_STATE = "SELECT feedback IS NOT NULL FROM records WHERE id = ? AND outcome IS NULL"
_SETTLE = """UPDATE records SET completion_id = ?, outcome = ?, reward = ?, state_policy = ?, state_fingerprint = ?,
    bucket = ?, version = version + 1 WHERE id = ?"""
_RATE = "UPDATE records SET feedback = ?, reward = coalesce(?, reward), version = version + 1 WHERE id = ?"
_OLD = "DELETE FROM records WHERE seq IN (SELECT seq FROM records WHERE created_s < ? ORDER BY created_s LIMIT ?)"
_SURPLUS = """DELETE FROM records WHERE seq IN (SELECT seq FROM records
    WHERE seq <= (SELECT max(seq) FROM records) - ? ORDER BY seq LIMIT ?)"""


def apply_batch(connection: sqlite3.Connection, batch: Batch, now_s: float) -> list[str]:
    """Store and add a batch unless its id was applied before; the same ids are returned either way."""
    row = connection.execute("SELECT rated FROM batches WHERE id = ?", (batch.id,)).fetchone()
    if row is not None:
        return list(orjson.loads(row[0]))
    connection.executemany(_INSERT, [_decision_row(decision) for decision in batch.decisions])
    rated = [settled.outcome.decision_id for settled in batch.settled if _settle(connection, settled)]
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
    limit = 5_000
    old = connection.execute(_OLD, (before_s, limit)).rowcount
    surplus = connection.execute(_SURPLUS, (max_records, limit)).rowcount
    connection.execute(
        "DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE applied_s < ? ORDER BY applied_s LIMIT ?)",
        (batches_before_s, limit),
    )
    return old + surplus


def _decision_row(decision: Decision) -> tuple[object, ...]:
    return (
        codec.text(decision.id),
        codec.text(decision.tenant),
        codec.text(decision.policy),
        decision.created_s,
        codec.encode_decision(decision).decode(),
        codec.encode_features(decision.context.features),
    )


def _settle(connection: sqlite3.Connection, settled: Settled) -> bool:
    """Store an outcome; True if its decision had been rated before.

    Ignored are a second outcome of the same decision and one whose decision is not there (trimmed, or never stored):
    nothing could be revised without its features. Their observations are in the batch's deltas and count all the same.
    """
    outcome = settled.outcome
    document = codec.encode_outcome(outcome).decode()
    reward = None if settled.reward is None else codec.encode_reward(settled.reward).decode()
    row = connection.execute(_STATE, (outcome.decision_id,)).fetchone()
    if row is None:
        return False
    key = (None, None) if settled.key is None else (settled.key.policy, settled.key.fingerprint)
    place = (*key, settled.bucket)
    completion_id = None if outcome.completion_id is None else codec.text(outcome.completion_id)
    connection.execute(_SETTLE, (completion_id, document, reward, *place, outcome.decision_id))
    return bool(row[0])


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
