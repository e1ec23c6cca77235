"""Records in SQLite: trimming is bounded and touches records only, and ids are looked up by index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.adapters import sqlite_records
from gateway.adapters.sqlite_schema import SqliteFile
from tests.builders import NOW_S, make_batch, make_decision

NEVER = -1e18


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = SqliteFile(path=tmp_path / "a.db").create()
    yield connection
    connection.close()


def fill(connection: sqlite3.Connection, count: int) -> None:
    """Decisions 0, 1, 2, ... created a second after each other."""
    decisions = [make_decision(id=str(n), created_s=NOW_S + n) for n in range(count)]
    batch = make_batch(decisions=decisions, settled=(), deltas=())
    connection.execute("BEGIN")
    sqlite_records.apply_batch(connection, batch, NOW_S)
    connection.execute("COMMIT")


def left(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])


def trim(
    connection: sqlite3.Connection, before_s: float = NEVER, keep: int = 10**9, ids_before_s: float = NEVER
) -> int:
    return sqlite_records.trim(connection, before_s=before_s, max_records=keep, batches_before_s=ids_before_s)


def test_trimming_deletes_what_is_too_old(connection: sqlite3.Connection) -> None:
    """Everything before the limit, nothing from it on."""
    fill(connection, 10)
    assert trim(connection, before_s=NOW_S + 4) == 4
    assert [record.decision.id for record in sqlite_records.recent(connection, "default", 99)] == list("987654")


def test_trimming_deletes_what_is_too_much(connection: sqlite3.Connection) -> None:
    """The newest arrivals stay; with few records nothing happens; an empty log is no error."""
    assert trim(connection, keep=3) == 0
    fill(connection, 10)
    assert trim(connection, keep=10) == 0
    assert trim(connection, keep=3) == 7
    assert [record.decision.id for record in sqlite_records.recent(connection, "default", 99)] == list("987")


def test_one_trim_is_bounded(connection: sqlite3.Connection) -> None:
    """However much is too old, the write lock is held for 5,000 rows at most; the next trim goes on."""
    fill(connection, 6_000)
    assert trim(connection, before_s=NOW_S + 1e6) == 5_000
    assert left(connection) == 1_000
    assert trim(connection, before_s=NOW_S + 1e6) == 1_000


def test_ids_of_batches_are_trimmed_by_age(connection: sqlite3.Connection) -> None:
    """They are kept only as long as a batch may be sent again."""
    fill(connection, 1)
    trim(connection, ids_before_s=NOW_S)
    assert connection.execute("SELECT count(*) FROM batches").fetchone() == (1,)
    trim(connection, ids_before_s=NOW_S + 1)
    assert connection.execute("SELECT count(*) FROM batches").fetchone() == (0,)
    assert left(connection) == 1


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (sqlite_records._BY_ID, "sqlite_autoindex_records"),
        (sqlite_records._BY_ID + sqlite_records._OWN, "sqlite_autoindex_records"),
        (sqlite_records._BY_COMPLETION, "records_by_completion"),
        (sqlite_records._RECENT.replace("?", "'default'", 1), "records_by_policy"),
        (sqlite_records._OLD.replace("?", "0", 1), "records_by_age"),
        (sqlite_records._SURPLUS.replace("?", "0", 1), "INTEGER PRIMARY KEY"),
    ],
)
def test_queries_use_an_index(connection: sqlite3.Connection, query: str, index: str) -> None:
    """With millions of records a scan would hold up everybody."""
    plan = str([row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", (5, 5, 5)[: query.count("?")])])
    assert index in plan
    assert "SCAN records" not in plan
