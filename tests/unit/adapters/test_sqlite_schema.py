"""The database file: made once, migrated whole, opened with the right guarantees, its errors explained."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from gateway.adapters.sqlite_schema import MIGRATIONS, PAGE_BYTES, VERSION, SqliteFile, is_busy
from gateway.errors import StoreError

ONE = ("CREATE TABLE a (x)", "INSERT INTO a VALUES (1)")
TWO = ("ALTER TABLE a ADD COLUMN y DEFAULT 5",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "with space, 100%?.db"


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def schema(connection: sqlite3.Connection) -> list[tuple[str]]:
    return connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_new_file_has_our_version_and_guarantees(path: Path) -> None:
    """A write-ahead log, full flushes, and a mark that tells the file from other programs'."""
    with closing(SqliteFile(path=path).create()) as connection:
        assert pragma(connection, "user_version") == VERSION == len(MIGRATIONS)
        assert pragma(connection, "application_id") != 0
        assert pragma(connection, "journal_mode") == "wal"
        assert pragma(connection, "synchronous") == 2
        assert not connection.in_transaction


def test_making_a_file_again_changes_nothing(path: Path) -> None:
    """Each process of a host makes it where it is not there."""
    file = SqliteFile(path=path)
    with closing(file.create()) as first:
        first.execute("INSERT INTO batches VALUES ('a', 0.0, '[]')")
        with closing(file.create()) as second:
            assert second.execute("SELECT id FROM batches").fetchall() == [("a",)]
            assert schema(first) == schema(second)


@pytest.mark.parametrize("round", range(10))
def test_many_make_the_file_at_once(path: Path, round: int) -> None:
    """Workers that start together do not trip over each other, nor take the half-made file for somebody else's."""
    together = threading.Barrier(8)

    def make() -> object:
        together.wait()
        with closing(SqliteFile(path=path, busy_timeout_s=20.0).create()) as connection:
            return pragma(connection, "user_version")

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(make) for _ in range(8)]
    assert [result.result() for result in results] == [VERSION] * 8


def test_an_older_file_is_migrated_with_its_rows(path: Path) -> None:
    """Every step from its version to ours, once."""
    SqliteFile(path=path, migrations=(ONE,)).create().close()
    newer = SqliteFile(path=path, migrations=(ONE, TWO))
    for _ in range(2):
        with closing(newer.create()) as connection:
            assert connection.execute("SELECT * FROM a").fetchall() == [(1, 5)]
            assert pragma(connection, "user_version") == 2


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """All steps are one transaction: the older program can go on."""
    older = SqliteFile(path=path, migrations=(ONE,))
    older.create().close()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        SqliteFile(path=path, migrations=(ONE, (*TWO, "INSERT INTO b VALUES (1)"))).create()
    with closing(older.create()) as connection:
        assert connection.execute("SELECT * FROM a").fetchall() == [(1,)]
        assert pragma(connection, "user_version") == 1


def test_a_newer_file_is_refused(path: Path) -> None:
    """By every way in; the message names both versions."""
    SqliteFile(path=path, migrations=(ONE, TWO)).create().close()
    older = SqliteFile(path=path, migrations=(ONE,))
    for opening in (older.create, older.connect):
        with pytest.raises(StoreError, match=r"version 2.* up to 1"):
            opening()


def test_a_reader_cannot_write(path: Path) -> None:
    """The reading connection is for reading, whoever writes the next query."""
    file = SqliteFile(path=path)
    with closing(file.create()), closing(file.connect(read_only=True)) as reader:
        assert reader.execute("SELECT * FROM batches").fetchall() == []
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM batches")


def test_connecting_never_makes_a_file(path: Path) -> None:
    """A lost file is an error, not an empty store."""
    with pytest.raises(StoreError, match="is gone"):
        SqliteFile(path=path).connect()
    assert not path.exists()
    assert SqliteFile(path=path).identity() is None


def test_the_size_is_bounded(path: Path) -> None:
    """Beyond max_bytes SQLite says that the disk is full."""
    file = SqliteFile(path=path, max_bytes=500_000)
    with closing(file.create()) as connection:
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("INSERT INTO batches VALUES ('a', 0.0, zeroblob(600000))")
        assert "free space" in file.explain(caught.value).message


def test_the_size_is_bounded_in_the_files_own_pages(path: Path) -> None:
    """A file made by an older program has smaller pages, and keeps them."""
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA page_size=4096")
        old.execute("PRAGMA application_id=1279348551")
        old.execute("CREATE TABLE a (x)")
    file = SqliteFile(path=path, max_bytes=409_600, migrations=())
    with closing(file.create()) as connection:
        assert (pragma(connection, "page_size"), pragma(connection, "max_page_count")) == (4096, 100)
    path.unlink()
    with closing(file.create()) as connection:
        assert pragma(connection, "page_size") == PAGE_BYTES
        assert pragma(connection, "max_page_count") == 409_600 // PAGE_BYTES


def test_waiting_for_a_lock_ends(path: Path) -> None:
    """After busy_timeout_s the lock is given up, with an error that says it is one."""
    file = SqliteFile(path=path, busy_timeout_s=0.05)
    with closing(file.create()) as holder, closing(file.connect()) as other:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            file.patiently(other, "BEGIN IMMEDIATE")
        assert is_busy(caught.value)
        assert "another process" in file.explain(caught.value).message
        holder.execute("COMMIT")
        file.patiently(other, "BEGIN IMMEDIATE")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (sqlite3.SQLITE_FULL, "free space"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "writable"),
        (sqlite3.SQLITE_CANTOPEN, "writable"),
        (sqlite3.SQLITE_IOERR_FSYNC, "check it"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "restore a backup"),
        (sqlite3.SQLITE_NOTADB, "move it aside"),
        (sqlite3.SQLITE_BUSY_RECOVERY, "try again"),
        (sqlite3.SQLITE_TOOBIG, "see SQLite's message"),
        (None, "see SQLite's message"),
    ],
)
def test_errors_are_explained(path: Path, code: int | None, says: str) -> None:
    """Each kind, extended codes included: what SQLite said, the path, and what to do."""
    error = sqlite3.OperationalError("as SQLite says")
    if code is not None:
        error.sqlite_errorcode = code
    explained = SqliteFile(path=path).explain(error)
    assert explained.status == 503
    for part in (says, str(path), "as SQLite says"):
        assert part in explained.message
