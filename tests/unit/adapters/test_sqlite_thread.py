"""The thread that owns a connection: grouped transactions, each caller's own answer, and an orderly end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.adapters.sqlite_schema import SqliteFile
from gateway.adapters.sqlite_thread import SqliteThread
from gateway.errors import NotFoundError, StoreError

Work = Callable[[sqlite3.Connection], object]


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    return SqliteFile(path=tmp_path / "a.db", busy_timeout_s=0.2, migrations=(("CREATE TABLE a (x)",),))


@pytest.fixture
async def thread(file: SqliteFile) -> AsyncIterator[SqliteThread]:
    thread = SqliteThread(file, "write")
    await thread.start()
    yield thread
    await thread.stop()


def insert(x: object) -> Work:
    return lambda connection: connection.execute("INSERT INTO a VALUES (?)", (x,)).rowcount


def content(connection: sqlite3.Connection) -> list[object]:
    return [x for (x,) in connection.execute("SELECT x FROM a ORDER BY x")]


class Gate:
    """Work that keeps the thread busy until it is opened, so that what is queued meanwhile forms a group."""

    def __init__(self, thread: SqliteThread) -> None:
        self.statements: list[str] = []
        self._thread = thread
        self._entered, self._opened = threading.Event(), threading.Event()

    async def __aenter__(self) -> Gate:
        self._thread.post("gate", self._wait)
        await asyncio.to_thread(self._entered.wait)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)
        self._opened.set()

    def _wait(self, connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(self.statements.append)
        self._entered.set()
        self._opened.wait()


async def queued(thread: SqliteThread, works: list[Work]) -> list[object]:
    """The answers, exceptions included, to works that were all waiting at the same time."""
    loop = asyncio.get_running_loop()
    async with Gate(thread):
        tasks = [loop.create_task(thread.run("work", work)) for work in works]
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_work_is_answered_after_its_commit(thread: SqliteThread, file: SqliteFile) -> None:
    """What run() returns is the work's value, and another connection sees the change by then."""
    reader = SqliteThread(file, "read")
    await reader.start()
    for n in range(5):
        assert await thread.run("insert", insert(n)) == 1
        assert await reader.run("read", content) == list(range(n + 1))
    await reader.stop()


async def test_submitting_queues_at_once(thread: SqliteThread) -> None:
    """The place in the queue is that of the call, whenever its answer is awaited."""
    first, second = thread.submit("insert", insert(1)), thread.submit("read", content)
    assert await second == [1]
    assert await first == 1


async def test_waiting_work_shares_one_commit(thread: SqliteThread) -> None:
    """A commit costs a flush of the disk: 100 waiting writes pay for one."""
    loop = asyncio.get_running_loop()
    async with Gate(thread) as gate:
        tasks = [loop.create_task(thread.run("insert", insert(n))) for n in range(100)]
    await asyncio.gather(*tasks)
    assert gate.statements.count("COMMIT") == 2  # the gate's own, and the group's
    assert await thread.run("read", content) == list(range(100))


async def test_refused_work_undoes_only_itself(thread: SqliteThread) -> None:
    """Each gets its own error, of any class, and none of the others' work is lost."""

    def refuse(error: Exception) -> Work:
        def work(connection: sqlite3.Connection) -> None:
            insert("half")(connection)
            raise error

        return work

    errors = [ValueError("a"), NotFoundError("b"), KeyError("c")]
    answers = await queued(thread, [insert(1), *map(refuse, errors), insert(2)])
    assert answers == [1, *errors, 1]
    assert await thread.run("read", content) == [1, 2]


async def test_failing_sql_undoes_only_itself(thread: SqliteThread) -> None:
    """When SQLite fails, the group is undone and tried one by one: the failing work is a StoreError, the rest done."""
    answers = await queued(thread, [insert(1), lambda c: c.execute("INSERT INTO b VALUES (1)"), insert(2)])
    assert (answers[0], answers[2]) == (1, 1)
    assert isinstance(answers[1], StoreError)
    assert "no such table" in answers[1].message
    assert await thread.run("read", content) == [1, 2]


async def test_work_nobody_waits_for_is_logged_when_it_fails(thread: SqliteThread) -> None:
    """It has nobody else to tell."""

    def fail(_: sqlite3.Connection) -> None:
        raise ValueError("as expected")

    with capture_logs() as logs:
        thread.post("tidy", insert(1))
        thread.post("tidy", fail)
        assert await thread.run("read", content) == [1]
    assert [(log["event"], log["work"], log["error"]) for log in logs] == [("store_work_failed", "tidy", "as expected")]


async def test_cancelling_the_caller_does_not_cancel_the_work(thread: SqliteThread) -> None:
    """It may have been applied already: nobody can take it back half. Nor does its answer trouble the loop."""
    loop = asyncio.get_running_loop()
    troubles: list[object] = []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    async with Gate(thread):
        tasks = [loop.create_task(thread.run("insert", insert(n))) for n in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    assert await thread.run("read", content) == [0, 1, 2, 3]
    assert troubles == []


async def test_the_queue_is_bounded(thread: SqliteThread, file: SqliteFile) -> None:
    """When the disk hangs, callers are refused instead of piling up in memory; what was accepted is done."""
    async with Gate(thread):
        for n in range(10_000):
            thread.post("insert", insert(n))
        with pytest.raises(StoreError, match="too slow"):
            await thread.run("insert", insert(-1))
        with capture_logs() as logs:
            thread.post("tidy", insert(-1))
    assert [log["work"] for log in logs] == ["tidy"]
    await thread.stop()
    connection = file.connect()
    assert content(connection) == list(range(10_000))
    connection.close()


async def test_stopping_finishes_what_is_queued(file: SqliteFile) -> None:
    """Then the thread is gone, and what comes later is refused."""
    thread = SqliteThread(file, "write")
    await thread.start()
    async with Gate(thread):
        work = asyncio.get_running_loop().create_task(thread.run("insert", insert(1)))
    await asyncio.sleep(0)
    await thread.stop()
    assert await work == 1
    assert not [one for one in threading.enumerate() if one.name == "sqlite-write"]
    with pytest.raises(StoreError, match="not open"):
        await thread.run("insert", insert(2))
    await thread.stop()


async def test_a_start_that_fails_leaves_no_thread(tmp_path: Path) -> None:
    """It can be tried again later."""
    thread = SqliteThread(SqliteFile(path=tmp_path / "none" / "a.db"), "write")
    for _ in range(2):
        with pytest.raises(StoreError, match="does not exist"):
            await thread.start()
    assert not [one for one in threading.enumerate() if one.name == "sqlite-write"]
    await thread.stop()


def test_a_loop_that_is_gone_does_not_matter(file: SqliteFile) -> None:
    """A program that ends without closing loses nobody's work but its own answer."""
    opened = threading.Event()

    def work(connection: sqlite3.Connection) -> None:
        opened.wait()
        insert(1)(connection)

    async def abandon() -> SqliteThread:
        thread = SqliteThread(file, "write")
        await thread.start()
        asyncio.get_running_loop().create_task(thread.run("late", work))
        await asyncio.sleep(0)
        return thread

    thread = asyncio.run(abandon())
    assert thread._thread is not None
    opened.set()
    thread._jobs.put(None)
    thread._thread.join(10.0)
    connection = file.connect()
    assert content(connection) == [1]
    connection.close()
