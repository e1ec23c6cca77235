"""Sums in SQLite: what is read is what was added, and what cannot be read is put aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from gateway.adapters import sqlite_sums
from gateway.adapters.sqlite_schema import SqliteFile
from tests.builders import KEY, NOW_S, make_delta, make_statistics, plain


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = SqliteFile(path=tmp_path / "a.db").create()
    yield connection
    connection.close()


def test_sums_are_the_additions_of_numpy(connection: sqlite3.Connection) -> None:
    """Adding through the file gives the same bits as adding in memory."""
    rng = np.random.default_rng(3)
    deltas = [make_statistics(rng.normal(size=7), float(rng.random())) for _ in range(20)]
    expected = deltas[0]
    for n, delta in enumerate(deltas):
        expected = expected if n == 0 else expected + delta
        sqlite_sums.add(connection, make_delta(statistics=delta), NOW_S)
    sqlite_sums.bump(connection, KEY)
    reading = sqlite_sums.read(connection, KEY, 0)
    assert reading.sums is not None
    assert plain(reading.sums.totals) == plain({("small", 5): expected})


@pytest.mark.parametrize("gram", [np.ones((1, 1)), np.ones((1, 3)), np.ones(3), np.ones((2, 2))])
def test_sums_of_a_wrong_shape_are_not_stretched(
    connection: sqlite3.Connection, gram: np.ndarray[Any, np.dtype[np.float64]]
) -> None:
    """What numpy would repeat until it fits is refused, in an empty row and in one with sums."""
    wrong = make_delta(statistics=replace(make_statistics(), gram=gram))
    for _ in range(2):
        with pytest.raises(ValueError, match="shape"):
            sqlite_sums.add(connection, wrong, NOW_S)
        sqlite_sums.add(connection, make_delta(), NOW_S)


def test_a_bucket_holds_sums_until_it_is_dropped(connection: sqlite3.Connection) -> None:
    """`holds` says whether a revision still has something to revise."""
    assert not sqlite_sums.holds(connection, KEY, "small", 5)
    sqlite_sums.add(connection, make_delta(), NOW_S)
    assert sqlite_sums.holds(connection, KEY, "small", 5)
    sqlite_sums.drop(connection, KEY, 6)
    assert not sqlite_sums.holds(connection, KEY, "small", 5)


def test_what_another_replica_mended_is_not_put_aside(connection: sqlite3.Connection) -> None:
    """Between reading and putting aside the row may have begun again: it stays, and no change is counted."""
    sqlite_sums.add(connection, make_delta(), NOW_S)
    sqlite_sums.bump(connection, KEY)
    with capture_logs() as logs:
        sqlite_sums.put_aside(connection, KEY, [("small", 5), ("gone", 5)], NOW_S)
    assert logs == []
    assert sqlite_sums.read(connection, KEY, 1).sums is None
    assert sqlite_sums.holds(connection, KEY, "small", 5)


def test_what_is_put_aside_says_why(connection: sqlite3.Connection) -> None:
    """The quarantine keeps the damaged bytes, the reason and the time for a person to look at."""
    sqlite_sums.add(connection, make_delta(), NOW_S)
    connection.execute("UPDATE statistics SET sums = ?", (b"GW",))
    sqlite_sums.bump(connection, KEY)
    reading = sqlite_sums.read(connection, KEY, 0)
    assert reading.sums is not None
    assert (reading.unreadable, reading.sums.totals) == ([("small", 5)], {})
    with capture_logs():
        sqlite_sums.put_aside(connection, KEY, reading.unreadable, NOW_S)
    rows = connection.execute("SELECT arm, bucket, sums, reason, found_s FROM quarantine").fetchall()
    assert rows == [("small", 5, b"GW", "statistics are cut short: 2 bytes", NOW_S)]
    assert not sqlite_sums.holds(connection, KEY, "small", 5)
    assert sqlite_sums.read(connection, KEY, 1).sums is not None
