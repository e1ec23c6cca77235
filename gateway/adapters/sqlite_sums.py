"""The sums in SQLite: add, read, forget, and put aside what can no longer be read.

All functions run inside a transaction of the caller's, who undoes it when one raises ValueError: for sums that must not
be added, because a number is not finite or the dimension is another than what is stored.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

import numpy as np
import structlog

from gateway.core.statistics import ArmStatistics
from gateway.flows.ports import Delta, StateKey, Sums

_log = structlog.get_logger(__name__)

_SELECT = "SELECT sums FROM statistics WHERE policy = ? AND fingerprint = ? AND arm = ? AND bucket = ?"
_DELETE = "DELETE FROM statistics WHERE policy = ? AND fingerprint = ? AND arm = ? AND bucket = ?"
# The row's version is the one that `bump` gives the key at the end of the same transaction.
_UPSERT = """INSERT INTO statistics (policy, fingerprint, arm, bucket, sums, version)
    VALUES (?1, ?2, ?3, ?4, ?5,
        1 + coalesce((SELECT version FROM states WHERE policy = ?1 AND fingerprint = ?2), 0))
    ON CONFLICT (policy, fingerprint, arm, bucket) DO UPDATE SET sums = excluded.sums, version = excluded.version"""
_BUMP = """INSERT INTO states (policy, fingerprint, version) VALUES (?, ?, 1)
    ON CONFLICT (policy, fingerprint) DO UPDATE SET version = version + 1"""
_VERSION = "SELECT version FROM states WHERE policy = ? AND fingerprint = ?"
_TOTALS = "SELECT arm, bucket, sums FROM statistics WHERE policy = ? AND fingerprint = ? AND version > ?"
_DROP = "DELETE FROM statistics WHERE policy = ? AND fingerprint = ? AND bucket < ?"
_QUARANTINE = """INSERT INTO quarantine (policy, fingerprint, arm, bucket, sums, reason, found_s)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a key. `sums` is None if nothing changed; `unreadable` names rows left out of it."""

    sums: Sums | None
    unreadable: list[tuple[str, int]] = field(default_factory=list)


def add(connection: sqlite3.Connection, delta: Delta, now_s: float) -> None:
    """Add to one row. Sums there that cannot be read go to quarantine and the row begins again with the delta."""
    stored = _stored(connection, delta, now_s)
    # The check comes from reading back what will be written: nothing is stored that could not be loaded.
    total = delta.statistics
    if stored is not None:
        if stored.dimension != total.dimension:
            raise ValueError(
                f"sums of dimension {total.dimension} cannot be added to those of arm {delta.arm_id!r}, "
                f"which have dimension {stored.dimension}"
            )
        _check_shape(total)  # before adding: numpy would stretch a wrong shape until it fits
        with np.errstate(over="ignore", invalid="ignore"):
            total = stored + total
    _check_shape(total)
    blob = total.to_bytes()
    ArmStatistics.from_bytes(blob)
    connection.execute(_UPSERT, (*_place(delta.key, delta.arm_id, delta.bucket), blob))


def holds(connection: sqlite3.Connection, key: StateKey, arm_id: str, bucket: int) -> bool:
    """Whether there are sums of an arm in a bucket; there are none once the bucket has been forgotten."""
    return connection.execute(_SELECT, _place(key, arm_id, bucket)).fetchone() is not None


def bump(connection: sqlite3.Connection, key: StateKey) -> None:
    """Count a change of a key, so that readers notice."""
    connection.execute(_BUMP, (key.policy, key.fingerprint))


def read(connection: sqlite3.Connection, key: StateKey, since: int) -> Reading:
    """The totals of a key that changed after `since`; all of them for 0, or if the state was lost since."""
    row = connection.execute(_VERSION, (key.policy, key.fingerprint)).fetchone()
    version = 0 if row is None else int(row[0])
    if version == since:
        return Reading(sums=None)
    whole = since <= 0 or version < since
    totals: dict[tuple[str, int], ArmStatistics] = {}
    unreadable: list[tuple[str, int]] = []
    for arm_id, bucket, blob in connection.execute(_TOTALS, (key.policy, key.fingerprint, 0 if whole else since)):
        sums, _ = _decode(blob)
        if sums is None:
            unreadable.append((arm_id, bucket))
        else:
            totals[arm_id, bucket] = sums
    return Reading(sums=Sums(version=version, totals=totals, whole=whole), unreadable=unreadable)


def put_aside(connection: sqlite3.Connection, key: StateKey, rows: list[tuple[str, int]], now_s: float) -> None:
    """Move those of the rows that cannot be read to quarantine."""
    moved = False
    for arm_id, bucket in rows:
        place = _place(key, arm_id, bucket)
        row = connection.execute(_SELECT, place).fetchone()
        if row is not None and _decode(row[0])[0] is None:
            _quarantine(connection, place, row[0], now_s)
            connection.execute(_DELETE, place)
            moved = True
    if moved:
        bump(connection, key)


def drop(connection: sqlite3.Connection, key: StateKey, before: int) -> None:
    """Forget the buckets below `before`."""
    if connection.execute(_DROP, (key.policy, key.fingerprint, before)).rowcount > 0:
        bump(connection, key)


def _place(key: StateKey, arm_id: str, bucket: int) -> tuple[str, str, str, int]:
    return key.policy, key.fingerprint, arm_id, bucket


def _stored(connection: sqlite3.Connection, delta: Delta, now_s: float) -> ArmStatistics | None:
    place = _place(delta.key, delta.arm_id, delta.bucket)
    row = connection.execute(_SELECT, place).fetchone()
    if row is None:
        return None
    sums, _ = _decode(row[0])
    if sums is None:
        _quarantine(connection, place, row[0], now_s)
    return sums


def _decode(blob: object) -> tuple[ArmStatistics | None, str]:
    """The sums, or None and the reason why they cannot be read."""
    if not isinstance(blob, bytes):
        return None, f"sums are a {type(blob).__name__}, not bytes"
    try:
        return ArmStatistics.from_bytes(blob), ""
    except ValueError as error:
        return None, str(error)


def _quarantine(connection: sqlite3.Connection, place: tuple[str, str, str, int], blob: object, now_s: float) -> None:
    reason = _decode(blob)[1]
    connection.execute(_QUARANTINE, (*place, blob, reason, now_s))
    policy, fingerprint, arm_id, bucket = place
    _log.error("sums_quarantined", policy=policy, fingerprint=fingerprint, arm=arm_id, bucket=bucket, reason=reason)


def _check_shape(sums: ArmStatistics) -> None:
    d = sums.dimension
    if sums.moment.shape != (d,) or sums.gram.shape != (d, d):
        raise ValueError(f"sums have shapes {sums.gram.shape} and {sums.moment.shape}, which do not fit together")
