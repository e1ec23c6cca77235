"""The state store's contract over SQLite, and what only this store promises: trimming, quarantine, not blocking."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.adapters.sqlite_store import SqliteStore
from gateway.core.values import Feedback
from gateway.errors import StoreError
from gateway.flows.ports import Clock, StateStore
from tests.builders import (
    KEY,
    NOW_S,
    FakeClock,
    make_batch,
    make_decision,
    make_rating,
    make_rollout,
    make_statistics,
    plain,
)
from tests.contract.store_fixtures import Connect, found, sums, total
from tests.contract.store_suite import StateStoreContract

DAY_S = 86_400.0


class TestSqliteStore(StateStoreContract):
    """Every promise of the port, and SQLite's own."""

    kind = "sqlite"

    def make(self, place: str, clock: Clock) -> StateStore:
        return SqliteStore(place, clock)

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path / "gateway.db")

    async def test_what_is_acknowledged_is_flushed(self, store: StateStore, place: str) -> None:
        """A write-ahead log with full flushes: a 202 survives a loss of power."""
        assert isinstance(store, SqliteStore)
        assert await store._writer.run("pragma", lambda c: c.execute("PRAGMA synchronous").fetchone()) == (2,)
        assert await store._writer.run("pragma", lambda c: c.execute("PRAGMA journal_mode").fetchone()) == ("wal",)

    async def test_a_busy_store_does_not_block_the_loop(self, store: StateStore, place: str) -> None:
        """While another process holds the write lock, writes wait, reads answer and the loop runs."""
        await store.record(make_batch("a"))
        with closing(sqlite3.connect(place, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.get_running_loop().create_task(store.record(make_batch("b")))
            await asyncio.sleep(0.1)
            assert await store.find("a") is not None
            assert await store.find("b") is None
            assert not writing.done()
            other.execute("COMMIT")
        await writing
        assert await store.find("b") is not None

    async def test_old_records_are_trimmed_and_sums_kept(self, connect: Connect, place: str, clock: FakeClock) -> None:
        """After keep_days a record is gone, its batch's id after a day; what it taught stays."""
        store = await connect()
        await store.record(make_batch("old"))
        clock.advance(31 * DAY_S)
        await store.record(make_batch("new", decisions=(make_decision(id="new", created_s=clock.now()),)))
        await store.drop_buckets(KEY, 0)  # comes after the trim in the writer's queue
        assert await store.find("old") is None
        assert await store.find("new") is not None
        assert rows(place, "SELECT id FROM batches") == [("batch-new",)]
        assert (await total(store)).tallies.pulls == 2.0

    async def test_too_many_records_are_trimmed(self, place: str, clock: FakeClock) -> None:
        """The oldest arrivals go first; the sums do not."""
        store = SqliteStore(place, clock, max_records=10)
        await store.open()
        for n in range(25):
            await store.record(make_batch(str(n)))
        clock.advance(61.0)
        await store.record(make_batch("25"))
        await store.drop_buckets(KEY, 0)
        kept = [record.decision.id for record in await store.recent("default", 100)]
        assert kept == [str(n) for n in range(25, 15, -1)]
        assert (await total(store)).tallies.pulls == 26.0
        await store.close()

    @pytest.mark.parametrize("damage", [b"", b"GWST" + b"\xff" * 40, b"\x00" * 200, "text"])
    async def test_unreadable_sums_are_put_aside(self, connect: Connect, place: str, damage: bytes | str) -> None:
        """A damaged row goes to quarantine with an error in the log; its sums begin again with the next delta."""
        store = await connect()
        await store.record(make_batch("a"))
        await store.record(make_batch("b", arm_id="large"))
        spoil(place, damage)
        with capture_logs() as logs:
            await store.record(make_batch("c"))
        assert [(log["event"], log["log_level"], log["arm"]) for log in logs] == [
            ("sums_quarantined", "error", "small")
        ]
        assert plain(await total(store)) == plain(make_statistics())
        assert plain(await total(store, "large")) == plain(make_statistics())
        assert quarantined(place) == [("small", damage)]

    async def test_unreadable_sums_are_found_by_reading(self, connect: Connect, place: str) -> None:
        """A reader gets the other totals, and the damaged row is out of the way for everybody."""
        store = await connect()
        await store.record(make_batch("a"))
        await store.record(make_batch("b", arm_id="large"))
        spoil(place, b"damaged")
        with capture_logs() as logs:
            assert (await sums(store)).totals.keys() == {("large", 5)}
        assert [log["event"] for log in logs] == ["sums_quarantined"]
        assert quarantined(place) == [("small", b"damaged")]
        with capture_logs() as logs:
            assert (await sums(store)).totals.keys() == {("large", 5)}
        assert logs == []

    async def test_an_unreadable_record_is_an_error_of_the_store(self, store: StateStore, place: str) -> None:
        """One damaged row fails for itself: found it is a StoreError, in a list it is left out and logged."""
        await store.record(make_batch("a"))
        await store.record(make_batch("b"))
        change(place, "UPDATE records SET outcome = '{}' WHERE id = 'a'")
        with pytest.raises(StoreError, match="cannot be read"):
            await store.find("a")
        with pytest.raises(StoreError, match="cannot be read"):
            await store.rate(make_rating(decision_id="a"))
        with capture_logs() as logs:
            assert [record.decision.id for record in await store.recent("default", 9)] == ["b"]
        assert [log["event"] for log in logs] == ["record_unreadable"]

    async def test_an_unreadable_rollout_is_an_error_of_the_store(self, store: StateStore, place: str) -> None:
        """Nobody guesses what is switched on; writing the next state mends it."""
        await store.put_rollout("a", make_rollout())
        change(place, "UPDATE rollouts SET state = '['")
        with pytest.raises(StoreError, match="'a'"):
            await store.rollouts()
        assert await store.put_rollout("a", make_rollout(version=2))
        assert dict(await store.rollouts()) == {"a": make_rollout(version=2)}

    async def test_rows_of_other_programs_versions_load(self, store: StateStore, place: str) -> None:
        """A field that this program does not know is ignored, one that an older one did not write has its default."""
        await store.record(make_batch())
        change(place, 'UPDATE records SET feedback = \'{"score": 0.25, "mood": "good"}\'')
        assert (await found(store)).feedback == Feedback(score=0.25)

    @pytest.mark.parametrize("given", [{"keep_days": 0}, {"keep_days": float("nan")}, {"max_records": 0}])
    def test_senseless_limits_are_refused(self, place: str, given: dict[str, float]) -> None:
        """A store that keeps nothing is a mistake."""
        with pytest.raises(ValueError, match="must be positive"):
            SqliteStore(place, FakeClock(NOW_S), **given)  # type: ignore[arg-type]


def change(place: str, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(place)) as other, other:
        assert other.execute(statement, values).rowcount == 1


def spoil(place: str, damage: bytes | str) -> None:
    change(place, "UPDATE statistics SET sums = ? WHERE arm = 'small'", damage)


def rows(place: str, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(place)) as other:
        return other.execute(query).fetchall()


def quarantined(place: str) -> list[tuple[object, ...]]:
    return rows(place, "SELECT arm, sums FROM quarantine")
