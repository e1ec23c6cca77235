"""Records in SQLite: many rows a statement, trimming is bounded and touches records only, ids are found by index."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.adapters import sqlite_records, sqlite_rows
from gateway.adapters.sqlite_schema import SqliteFile
from gateway.core.values import Feedback
from gateway.flows.ports import Batch, Record
from tests.builders import NOW_S, make_batch, make_decision, make_outcome, make_rating, make_settled, plain

NEVER = -1e18


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = SqliteFile(path=tmp_path / "a.db").create()
    yield connection
    connection.close()


def apply(connection: sqlite3.Connection, batch: Batch) -> list[str]:
    """The ids that `apply_batch` gives, in a transaction."""
    rows = asyncio.run(sqlite_rows.encode(batch))
    connection.execute("BEGIN")
    rated = sqlite_records.apply_batch(connection, rows, NOW_S)
    connection.execute("COMMIT")
    return rated


def fill(connection: sqlite3.Connection, count: int, policies: Sequence[str] = ("default",)) -> None:
    """Decisions 0, 1, 2, ... created a second after each other, of the policies in turn."""
    decisions = [
        make_decision(id=str(n), created_s=NOW_S + n, policy=policies[n % len(policies)]) for n in range(count)
    ]
    apply(connection, make_batch(decisions=decisions, settled=(), deltas=()))


def find(connection: sqlite3.Connection, id: str) -> Record:
    record = sqlite_records.find(connection, id, None)
    assert record is not None
    return record


def left(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])


def trim(
    connection: sqlite3.Connection, before_s: float = NEVER, keep: int = 10**9, ids_before_s: float = NEVER
) -> int:
    return sqlite_records.trim(connection, before_s=before_s, max_records=keep, batches_before_s=ids_before_s)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 31, 32, 33, 100])
def test_every_row_of_a_batch_is_written(connection: sqlite3.Connection, count: int) -> None:
    """However many there are: as decisions first and outcomes later, or both at once."""
    decisions = [make_decision(id=str(n)) for n in range(count)]
    settled = [make_settled(decision_id=str(n), completion_id=f"chat-{n}", bucket=n) for n in range(count)]
    apply(connection, Batch(id="decided", decisions=decisions))
    assert [find(connection, str(n)).settled for n in range(count)] == [None] * count
    apply(connection, Batch(id="settled", settled=settled))
    others = [make_decision(id=f"{n}x") for n in range(count)]
    at_once = [make_settled(decision_id=f"{n}x", completion_id=f"chat-{n}x", bucket=n) for n in range(count)]
    apply(connection, Batch(id="both", decisions=others, settled=at_once))
    assert left(connection) == 2 * count
    for n in range(count):
        for x, expected in (("", settled[n]), ("x", at_once[n])):
            assert plain(find(connection, f"{n}{x}").settled) == plain(expected)
            assert find(connection, f"chat-{n}{x}").decision.id == f"{n}{x}"
            assert find(connection, f"{n}{x}").version == 1


def test_a_batch_is_few_statements(connection: sqlite3.Connection) -> None:
    """Each takes the interpreter from the event loop twice: with one for a row, both would only hand it over."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    decisions = [make_decision(id=str(n)) for n in range(800)]
    apply(
        connection, Batch(id="a", decisions=decisions, settled=[make_settled(decision_id=str(n)) for n in range(400)])
    )
    apply(connection, Batch(id="b", settled=[make_settled(decision_id=str(n)) for n in range(400, 800)]))
    assert len(statements) < 100
    assert left(connection) == 800


def test_a_decision_sent_again_with_its_outcome_settles(connection: sqlite3.Connection) -> None:
    """The decision that came first stays, and so does the outcome that came first."""
    apply(connection, Batch(id="a", decisions=(make_decision(reason="first"),)))
    for n, arm_id in enumerate(("small", "large")):
        settled = make_settled(outcome=make_outcome(arm_id=arm_id))
        apply(connection, Batch(id=f"b{n}", decisions=(make_decision(reason="second"),), settled=(settled,)))
        record = find(connection, "dec-1")
        assert (record.decision.reason, record.version) == ("first", 1)
        assert record.settled is not None
        assert record.settled.outcome.arm_id == "small"


def test_only_ratings_before_the_outcome_are_named(connection: sqlite3.Connection) -> None:
    """In the batch's order, of its own decisions, whether or not the decision comes once more with its outcome."""
    fill(connection, 6)
    for id in ("4", "1", "5"):
        sqlite_records.apply_rating(connection, make_rating(decision_id=id, reward=None, version=0), NOW_S)
    settled = [make_settled(decision_id=id) for id in ("0", "4", "2", "1")]
    assert apply(connection, Batch(id="b", decisions=(make_decision(id="4"),), settled=settled)) == ["4", "1"]
    assert apply(connection, Batch(id="c", settled=settled)) == []
    assert find(connection, "4").feedback == Feedback(score=0.8)
    assert find(connection, "4").version == 2


def test_completions_are_found_however_many_records_there_are(connection: sqlite3.Connection) -> None:
    """The index is in blocks of 4,096 records: the first and the last of each, and only the newest of equal ids."""
    places = (1, 4_095, 4_096, 4_097, 8_191, 8_192, 9_000)
    decisions = [make_decision(id=str(n), created_s=NOW_S + n) for n in range(1, 9_001)]
    settled = [make_settled(decision_id=str(n), completion_id=f"chat-{n}") for n in places]
    twins = [make_settled(decision_id=str(n), completion_id="twin") for n in (7, 8_000, 4_500)]
    apply(connection, Batch(id="a", decisions=decisions, settled=settled + twins))
    for n in places:
        assert find(connection, f"chat-{n}").decision.id == str(n)
    assert find(connection, "twin").decision.id == "8000"
    trim(connection, keep=2_000)
    assert sqlite_records.find(connection, "chat-4095", None) is None
    assert find(connection, "chat-9000").decision.id == "9000"


def test_trimming_deletes_what_is_too_old(connection: sqlite3.Connection) -> None:
    """Everything before the limit, of every policy, nothing from it on."""
    fill(connection, 10, policies=("b", "a", "c"))
    assert trim(connection, before_s=NOW_S + 4) == 4
    kept = [record for policy in "abc" for record in sqlite_records.recent(connection, policy, 99)]
    assert sorted(record.decision.id for record in kept) == list("456789")


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
        (sqlite_records._RATED_EARLY, "records_rated "),
        (sqlite_records._ANY_UNSETTLED_RATED, "records_rated_early"),
        (sqlite_records._UNSETTLED_RATED, "records_rated_early (id=?)"),
        (sqlite_records._SETTLES[4], "sqlite_autoindex_records"),
        (sqlite_records._OLD.replace("?", "0", 1), "records_by_policy (policy=? AND created_s<?)"),
        (sqlite_records._SURPLUS.replace("?", "0", 1), "INTEGER PRIMARY KEY"),
    ],
)
def test_queries_use_an_index(connection: sqlite3.Connection, query: str, index: str) -> None:
    """With millions of records a scan would hold up everybody."""
    found = connection.execute(f"EXPLAIN QUERY PLAN {query}", (5,) * query.count("?"))
    plan = [str(row[3]) for row in found]
    assert any(index in step for step in plan)
    assert not [step for step in plan if step.startswith("SCAN records") and "records_rated" not in step]
