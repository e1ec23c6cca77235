"""The state store in one SQLite file: the embedded default, shared by all worker processes of one host.

Every write is one transaction on a thread of its own and is on disk before its caller goes on. Reads have a second
thread and connection, so that they wait for no flush. A connection belongs to one process: open the store after a fork.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from gateway.adapters import record_codec as codec
from gateway.adapters import sqlite_records, sqlite_rows, sqlite_sums
from gateway.adapters.sqlite_schema import SqliteFile
from gateway.adapters.sqlite_thread import SqliteThread
from gateway.core.rollout import RolloutState
from gateway.errors import StoreError
from gateway.flows.ports import Batch, Clock, Rating, Record, StateKey, Sums

_DAY_S = 86_400.0
_TRIM_EVERY_S = 60.0
_TRIM_AGAIN_S = 1.0
"""After a trim that left something to be trimmed: the log must not grow faster than it is trimmed."""
_BATCH_DAYS = 1.0
"""A batch sent again after this long would count twice; senders give up within minutes."""


class SqliteStore:
    """`StateStore` on one file. Records are trimmed by age and number, at most 5,000 a second; sums never are."""

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        *,
        keep_days: float = 30.0,
        max_records: int = 2_000_000,
        max_bytes: int | None = None,
        busy_timeout_s: float = 5.0,
    ) -> None:
        if not keep_days > 0 or max_records < 1:
            raise ValueError(f"keep_days and max_records must be positive, not {keep_days!r} and {max_records!r}")
        self._clock = clock
        self._keep_days = keep_days
        self._max_records = max_records
        self._file = SqliteFile(path=Path(path).absolute(), busy_timeout_s=busy_timeout_s, max_bytes=max_bytes)
        self._writer = SqliteThread(self._file, "write")
        self._reader = SqliteThread(self._file, "read")
        self._lock = asyncio.Lock()
        self._encoding = asyncio.Lock()
        """Held from a batch's first row to its place in the writer's queue, so that batches keep their order."""
        self._opened = False
        self._trimmed_s = clock.monotonic()
        self._surplus = False
        """Whether the last trim left something to be trimmed."""

    async def open(self) -> None:
        """Make or migrate the file; idempotent, and may be tried again after a StoreError."""
        async with self._lock:
            if self._opened:
                return
            await self._writer.start()
            try:
                await self._reader.start()
            except BaseException:
                await self._writer.stop()
                raise
            self._opened = True

    async def close(self) -> None:
        """Finish queued calls and close the file; idempotent."""
        async with self._lock:
            self._opened = False
            async with self._encoding:
                await self._writer.stop()
            await self._reader.stop()

    async def record(self, batch: Batch) -> Sequence[str]:
        """See the port. ValueError, and nothing written, for a batch that holds what must not be stored.

        A decision is settled once, by the replica that made it: a second outcome of it is ignored, its delta is not.
        """
        now_s = self._clock.now()
        async with self._encoding:
            rows = await sqlite_rows.encode(batch)
            applied = self._writer.submit(
                "record", lambda connection: sqlite_records.apply_batch(connection, rows, now_s)
            )
        rated = await applied
        self._trim()
        return rated

    async def rate(self, rating: Rating) -> bool:
        """See the port. ValueError, and nothing written, for a reward that must not be stored."""
        now_s = self._clock.now()
        return await self._writer.run("rate", lambda connection: sqlite_records.apply_rating(connection, rating, now_s))

    async def find(self, id: str, tenant: str | None = None) -> Record | None:
        """The decision with this id, else the newest whose completion has it; with a tenant, among its own."""
        return await self._reader.run("find", lambda connection: sqlite_records.find(connection, id, tenant))

    async def recent(self, policy: str, limit: int) -> Sequence[Record]:
        """The newest decisions of a policy, newest first."""
        return await self._reader.run("recent", lambda connection: sqlite_records.recent(connection, policy, limit))

    async def rated_early(self, since_s: float) -> Sequence[str]:
        """Settled decisions whose reward does not carry their rating."""
        return await self._reader.run("rated_early", lambda connection: sqlite_records.rated_early(connection, since_s))

    async def sums(self, key: StateKey, since: int) -> Sums | None:
        """See the port. Totals that cannot be read are put aside, logged, and left out."""
        reading = await self._reader.run("sums", lambda connection: sqlite_sums.read(connection, key, since))
        if reading.unreadable:
            put_aside = partial(sqlite_sums.put_aside, key=key, rows=reading.unreadable, now_s=self._clock.now())
            await self._writer.run("put_aside", put_aside)
        return reading.sums

    async def drop_buckets(self, key: StateKey, before: int) -> None:
        """Forget the buckets with an index below `before`."""
        await self._writer.run("drop_buckets", lambda connection: sqlite_sums.drop(connection, key, before))

    async def rollouts(self) -> Mapping[str, RolloutState]:
        """The run-time rollout state of every policy that has one."""
        return await self._reader.run("rollouts", _rollouts)

    async def put_rollout(self, policy: str, state: RolloutState) -> bool:
        """Write a state that follows the stored one; False if another change came first."""
        return await self._writer.run("put_rollout", lambda connection: _put_rollout(connection, policy, state))

    def _trim(self) -> None:
        """Delete what is too old from time to time, without a caller having to wait for it."""
        if self._clock.monotonic() - self._trimmed_s < (_TRIM_AGAIN_S if self._surplus else _TRIM_EVERY_S):
            return
        self._trimmed_s = self._clock.monotonic()
        now_s = self._clock.now()

        def trim(connection: sqlite3.Connection) -> None:
            deleted = sqlite_records.trim(
                connection,
                before_s=now_s - self._keep_days * _DAY_S,
                max_records=self._max_records,
                batches_before_s=now_s - _BATCH_DAYS * _DAY_S,
            )
            self._surplus = deleted >= sqlite_records.TRIM_AT_ONCE

        self._writer.post("trim", trim)


def _rollouts(connection: sqlite3.Connection) -> dict[str, RolloutState]:
    states = {}
    for policy, document in connection.execute("SELECT policy, state FROM rollouts"):
        try:
            states[policy] = codec.decode_rollout(document)
        except ValueError as error:
            raise StoreError(f"the rollout state of policy {policy!r} cannot be read: {error}") from error
    return states


def _put_rollout(connection: sqlite3.Connection, policy: str, state: RolloutState) -> bool:
    document = codec.encode_rollout(state).decode()
    row = connection.execute("SELECT version FROM rollouts WHERE policy = ?", (policy,)).fetchone()
    if state.version != (1 if row is None else row[0] + 1):
        return False
    connection.execute("INSERT OR REPLACE INTO rollouts VALUES (?, ?, ?)", (policy, state.version, document))
    return True
