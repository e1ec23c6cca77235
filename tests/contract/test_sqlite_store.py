"""The state store's contract over SQLite, and what only this store promises: trimming, quarantine, not blocking."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.adapters.sqlite_schema import MIGRATIONS, SqliteFile
from gateway.adapters.sqlite_store import SqliteStore
from gateway.core.values import Feedback
from gateway.errors import StoreError
from gateway.flows.ports import Batch, Clock, StateStore
from tests.builders import (
    KEY,
    NOW_S,
    FakeClock,
    make_batch,
    make_decision,
    make_feedback,
    make_rating,
    make_rollout,
    make_statistics,
    plain,
)
from tests.contract.store_fixtures import Connect, found, sums, total
from tests.contract.store_suite import StateStoreContract

DAY_S = 86_400.0

# Rows as version 1 of the file had them, of `make_decision(id="old")` and what followed from it.
OLD_DECISION = """{"id":"old","tenant":"acme","unit":"session-1","policy":"default","version":"linucb:7","mode":"live",
"arm_id":"small","propensity":0.9,"proposal":"small","order":["small","large"],"scores":{"small":0.7,"large":0.4},
"reason":"highest score","context":{"unit":"session-1","task_type":"question_answering","tokens_in":12,
"schema":"rich:1:abcd"},"created_s":1750000000.0}"""
OLD_FEATURES = bytes.fromhex("000000000000f03f000000000000e03f000000000000d0bf")
OLD_OUTCOME = """{"decision_id":"old","completion_id":"chatcmpl-old","arm_id":"small","status":"answered","attempts":1,
"signals":{"finish_reason":1.0,"repetition":0.9},"quality":0.95,"cost_usd":0.000018,"latency_s":0.8,
"first_token_s":0.2,"tokens_in":12,"tokens_out":3,"hour":13,"finished_s":1750000001.0,"failed":[]}"""
OLD_REWARD = '{"value":0.6,"parts":{"quality":0.95,"cost":0.9},"source":"scored"}'
KEY_ROW = (KEY.policy, KEY.fingerprint, 5)
OLD_FEEDBACK = '{"score":0.8,"signals":{},"comment":null}'


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

    async def test_the_log_grows_no_faster_than_it_is_trimmed(
        self, connect: Connect, place: str, clock: FakeClock
    ) -> None:
        """After a trim that had more to delete than it may at once, the next comes a second later, not a minute."""
        store = await connect()
        old = [make_decision(id=str(n)) for n in range(11_000)]
        await store.record(Batch(id="old", decisions=old))
        clock.advance(31 * DAY_S)
        left = []
        for n in range(4):
            await store.record(Batch(id=str(n)))
            await store.drop_buckets(KEY, 0)  # comes after the trim in the writer's queue
            left += rows(place, "SELECT count(*) FROM records")
            clock.advance(1.0)
        assert left == [(6_000,), (1_000,), (0,), (0,)]

    async def test_closing_waits_for_a_large_batch(self, connect: Connect) -> None:
        """A batch takes several turns of the loop to encode: a store closed meanwhile has it nevertheless."""
        store = await connect()
        batch = Batch(id="large", decisions=[make_decision(id=str(n)) for n in range(500)])
        recording = asyncio.get_running_loop().create_task(store.record(batch))
        await asyncio.sleep(0)
        await store.close()
        assert list(await recording) == []
        assert await (await connect()).find("499") is not None

    async def test_batches_keep_their_order(self, store: StateStore) -> None:
        """An outcome recorded after a large batch with its decision finds it, small as it is itself."""
        batch = make_batch("late")
        decisions = [*(make_decision(id=str(n)) for n in range(500)), *batch.decisions]
        await asyncio.gather(
            store.record(Batch(id="first", decisions=decisions)),
            store.record(Batch(id="second", settled=batch.settled)),
        )
        assert plain((await found(store, "late")).settled) == plain(batch.settled[0])

    @pytest.mark.parametrize("rated", [False, True])
    async def test_a_file_of_version_1_goes_on(self, connect: Connect, place: str, rated: bool) -> None:
        """What an older program wrote is found and can be rated; its ratings before an outcome are not forgotten."""
        with closing(SqliteFile(path=Path(place), migrations=MIGRATIONS[:1]).create()) as old:
            columns = "id, tenant, policy, created_s, decision, features"
            row = ("old", "acme", "default", NOW_S, OLD_DECISION, OLD_FEATURES)
            old.execute(f"INSERT INTO records ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)
            later = (OLD_DECISION.replace("old", "early"), OLD_FEATURES, OLD_FEEDBACK, 1)
            columns += ", feedback, version"
            old.execute(
                f"INSERT INTO records ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ("early", *row[1:4], *later)
            )
            settled = ("chatcmpl-old", OLD_OUTCOME, OLD_REWARD, *KEY_ROW, OLD_FEEDBACK if rated else None, 1 + rated)
            old.execute(
                """UPDATE records SET completion_id = ?, outcome = ?, reward = ?, state_policy = ?,
                state_fingerprint = ?, bucket = ?, feedback = ?, version = ? WHERE id = 'old'""",
                settled,
            )
        store = await connect()
        batch, record = make_batch("old"), await found(store, "old")
        assert plain((record.decision, record.settled)) == plain((batch.decisions[0], batch.settled[0]))
        assert record.feedback == (make_feedback() if rated else None)
        assert plain(await found(store, "chatcmpl-old")) == plain(record)
        assert list(await store.rated_early(0.0)) == ["old"] * rated
        assert await store.rate(make_rating(decision_id="old", version=record.version))
        assert list(await store.rated_early(0.0)) == []
        early = make_batch("early")
        assert list(await store.record(early)) == ["early"]
        assert plain((await found(store, "early")).settled) == plain(early.settled[0])

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
