"""A thread that owns one SQLite connection and runs queued work in grouped transactions, so that no caller blocks.

Whatever waits in the queue is applied in one transaction, because a commit costs a disk flush and the rest does not.
Each piece of work has its own savepoint: if it refuses its input, only its own changes are undone. If SQLite itself
fails, the whole group is undone and each piece is tried alone, so that one that is too big cannot take others with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import structlog

from gateway.adapters.sqlite_schema import SqliteFile, is_busy
from gateway.errors import StoreError

_T = TypeVar("_T")
_MAX_GROUP = 256
_MAX_WAITING = 10_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any] | None


@dataclass(frozen=True, slots=True)
class _Answer:
    value: Any = None
    error: Exception | None = None


class SqliteThread:
    """Runs work on its own connection: `write` creates and migrates the file, `read` expects it to be there."""

    def __init__(self, file: SqliteFile, access: Literal["read", "write"]) -> None:
        self._file = file
        self._access = access
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[Any] | None = None

    async def start(self) -> None:
        """Start the thread and open the connection; StoreError, and no thread, if it cannot be opened."""
        opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.get_running_loop().create_future()
        # A daemon: a program that ends without close() must end; SQLite undoes what was not committed.
        self._thread = threading.Thread(target=self._main, args=(opened,), name=f"sqlite-{self._access}", daemon=True)
        self._thread.start()
        try:
            await opened
        except (StoreError, asyncio.CancelledError):
            await self.stop()
            raise

    async def run(self, name: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `work` returns or raises, once it is committed. Cancelling the caller does not cancel the work."""
        return await self.submit(name, work)

    def submit(self, name: str, work: Callable[[sqlite3.Connection], _T]) -> asyncio.Future[_T]:
        """Queue work at once; the future has what `run` returns or raises."""
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._put(_Job(name, work, future))
        return future

    def post(self, name: str, work: Callable[[sqlite3.Connection], object]) -> None:
        """Queue work that nobody waits for. It never raises: what fails, or cannot be queued, is logged."""
        try:
            self._put(_Job(name, work, None))
        except StoreError as error:
            _log_failure(name, error)

    async def stop(self) -> None:
        """Finish what is queued, close the connection, end the thread; safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
        if self._ended is not None:
            await asyncio.shield(self._ended)
        if thread is not None:
            thread.join()  # it has nothing left to do

    def _put(self, job: _Job) -> None:
        if self._thread is None:
            raise StoreError(f"the state store {self._file.path} is not open: call open() first")
        if self._jobs.qsize() >= _MAX_WAITING:
            raise StoreError(f"the state store {self._file.path} is too slow: {_MAX_WAITING} calls wait for it")
        self._jobs.put(job)

    def _main(self, opened: asyncio.Future[Any]) -> None:
        try:
            self._open(create=self._access == "write")
        except StoreError as error:
            _resolve(opened, _Answer(error=error))
        else:
            _resolve(opened, _Answer())
        running = True
        while running:
            jobs, running = self._take()
            for job, answer in zip(jobs, self._answers(jobs), strict=True):
                if job.future is not None:
                    _resolve(job.future, answer)
                elif answer.error is not None:
                    _log_failure(job.name, answer.error)
        self._drop()
        assert self._ended is not None
        _resolve(self._ended, _Answer())

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for work and take all there is; False with it if it is the last."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _MAX_GROUP:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _answers(self, jobs: Sequence[_Job]) -> list[_Answer]:
        """One answer per job, true on disk by the time it is returned."""
        if not jobs:
            return []
        try:
            connection = self._begin()
        except StoreError as error:
            return [_Answer(error=error) for _ in jobs]
        try:
            answers = [_attempt(connection, job) for job in jobs]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # Closing undoes the transaction, whatever state the failure left the connection in.
            self._drop()
            if len(jobs) == 1:
                return [_Answer(error=self._file.explain(error))]
            return [answer for job in jobs for answer in self._answers([job])]
        return answers

    def _begin(self) -> sqlite3.Connection:
        """A connection to the file that is there now, inside a transaction."""
        if self._connection is not None and self._file.identity() != self._identity:
            # Linux would let us go on writing into a file that no longer has a name.
            self._drop()
        connection = self._connection or self._open(create=False)
        try:
            if self._access == "write":
                self._file.patiently(connection, "BEGIN IMMEDIATE")
            else:
                connection.execute("BEGIN")
        except sqlite3.Error as error:
            if not is_busy(error):
                self._drop()
            raise self._file.explain(error) from error
        return connection

    def _open(self, *, create: bool) -> sqlite3.Connection:
        try:
            connection = self._file.create() if create else self._file.connect(read_only=self._access == "read")
        except sqlite3.Error as error:
            raise self._file.explain(error) from error
        self._connection = connection
        self._identity = self._file.identity()
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _log_failure(name: str, error: Exception) -> None:
    _log.error("store_work_failed", work=name, error=str(error))


def _attempt(connection: sqlite3.Connection, job: _Job) -> _Answer:
    """Run one job in a savepoint. sqlite3.Error is let through: after it the whole transaction is in doubt."""
    connection.execute("SAVEPOINT job")
    try:
        answer = _Answer(value=job.work(connection))
    except sqlite3.Error:
        raise
    except Exception as error:  # not swallowed: it is raised again where the job is awaited
        connection.execute("ROLLBACK TO job")
        answer = _Answer(error=error)
    connection.execute("RELEASE job")
    return answer


def _resolve(future: asyncio.Future[Any], answer: _Answer) -> None:
    """Answer from this thread; a caller or a whole event loop that is gone is none of our business."""

    def settle() -> None:
        if future.done():
            return
        if answer.error is None:
            future.set_result(answer.value)
        else:
            future.set_exception(answer.error)

    with contextlib.suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(settle)
