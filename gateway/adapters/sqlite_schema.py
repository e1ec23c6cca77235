"""The SQLite file itself: its tables, their migrations, how it is opened, and what its errors mean."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import StoreError

PAGE_BYTES = 8192
"""Of files made from now on: a record has some 2,000 bytes, and each page written costs as much as a record."""
_APPLICATION_ID = 0x4C414F47  # "LAOG": tells our file from any other SQLite database

# One statement, one look: between two, another process may have made the tables.
_LOOK = """SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id),
    count(*) FROM sqlite_master"""

_VERSION_1 = (
    # One row per decision. `seq` is the order of arrival; `version` counts the changes: its settling and each rating.
    """CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        tenant TEXT NOT NULL,
        policy TEXT NOT NULL,
        created_s REAL NOT NULL,
        decision TEXT NOT NULL,
        features BLOB NOT NULL,
        completion_id TEXT,
        outcome TEXT,
        reward TEXT,
        state_policy TEXT,
        state_fingerprint TEXT,
        bucket INTEGER,
        feedback TEXT,
        version INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX records_by_policy ON records (policy, created_s)",
    "CREATE INDEX records_by_age ON records (created_s)",
    "CREATE INDEX records_by_completion ON records (completion_id) WHERE completion_id IS NOT NULL",
    # Totals, never trimmed by age: only drop_buckets forgets. `version` is the key's at the row's last change.
    """CREATE TABLE statistics (
        policy TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        arm TEXT NOT NULL,
        bucket INTEGER NOT NULL,
        sums BLOB NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (policy, fingerprint, arm, bucket)
    )""",
    # The counter that makes "has anything changed?" one small read.
    """CREATE TABLE states (
        policy TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (policy, fingerprint)
    ) WITHOUT ROWID""",
    # Sums that could no longer be read, kept for a person to look at.
    """CREATE TABLE quarantine (
        seq INTEGER PRIMARY KEY,
        policy TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        arm TEXT NOT NULL,
        bucket INTEGER NOT NULL,
        sums BLOB,
        reason TEXT NOT NULL,
        found_s REAL NOT NULL
    )""",
    "CREATE TABLE rollouts (policy TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID",
    # Ids of applied batches with the answer given, so that a batch sent again counts once and is answered the same.
    "CREATE TABLE batches (id TEXT PRIMARY KEY, applied_s REAL NOT NULL, rated TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX batches_by_age ON batches (applied_s)",
)
_VERSION_2 = (
    # Each index over all records is one more page to write per record, unless its keys come in order.
    "DROP INDEX records_by_age",
    "DROP INDEX records_by_completion",
    # Providers' ids do not: in blocks of records, only the newest block's few pages are written to.
    "CREATE INDEX records_by_completion ON records (seq >> 12, completion_id) WHERE completion_id IS NOT NULL",
    # These hold rated records only.
    "CREATE INDEX records_rated ON records (created_s) WHERE feedback IS NOT NULL",
    "CREATE INDEX records_rated_early ON records (id) WHERE feedback IS NOT NULL AND outcome IS NULL",
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2)
"""Entry i brings a file from version i to i + 1; an entry that has been released is never changed."""
VERSION = len(MIGRATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteFile:
    """One database file and how to open it; every connection belongs to the thread that asked for it."""

    path: Path
    """Absolute, so that neither ':memory:' nor a change of folder means something else."""
    busy_timeout_s: float = 5.0
    """How long to wait for other processes that write."""
    max_bytes: int | None = None
    """Refuse to grow beyond this size."""
    migrations: tuple[tuple[str, ...], ...] = MIGRATIONS

    def create(self) -> sqlite3.Connection:
        """A writing connection to the file, made and migrated where necessary. StoreError or sqlite3.Error."""
        folder = self.path.parent
        if not folder.is_dir():
            raise StoreError(f"the folder {folder} of the state store {self.path.name} does not exist: create it")
        if self.path.is_dir():
            raise StoreError(f"the state store {self.path} is a folder: give the path of a file in it")
        connection = sqlite3.connect(self.path, timeout=self.busy_timeout_s, isolation_level=None)
        try:
            self._check(connection)
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            self.patiently(connection, "PRAGMA journal_mode=WAL")
            self._configure(connection)
            self._migrate(connection)
        except (sqlite3.Error, StoreError):
            connection.close()
            raise
        return connection

    def connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        """Another connection to the file, which must be there: a lost file is an error, not an empty store."""
        if not self.path.is_file():
            raise StoreError(f"the state store {self.path} is gone: restore it, or restart to begin with an empty one")
        uri = f"{self.path.as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=self.busy_timeout_s, isolation_level=None)
        try:
            self._check(connection)
            self._configure(connection)
            if read_only:
                connection.execute("PRAGMA query_only=ON")
        except (sqlite3.Error, StoreError):
            connection.close()
            raise
        return connection

    def identity(self) -> tuple[int, int] | None:
        """Which file is there now (device, inode), None if there is none."""
        with contextlib.suppress(OSError):
            status = self.path.stat()
            return status.st_dev, status.st_ino
        return None

    def patiently(self, connection: sqlite3.Connection, statement: str) -> sqlite3.Cursor:
        """Run a statement that takes a lock. SQLite does not wait by itself where it fears a deadlock or recovers."""
        deadline = time.monotonic() + self.busy_timeout_s
        while True:
            try:
                return connection.execute(statement)
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= deadline:
                    raise
                time.sleep(0.005)

    def explain(self, error: sqlite3.Error) -> StoreError:
        """The error in words that say what was wrong, where, and what to do."""
        code = _primary(error)
        if is_busy(error):
            advice = f"another process has been writing for over {self.busy_timeout_s:g} s: try again"
        else:
            advice = _ADVICE.get(code, "see SQLite's message")
        return StoreError(f"the state store {self.path} failed ({error}): {advice}")

    def _check(self, connection: sqlite3.Connection) -> None:
        """Refuse another program's database and a newer schema, before anything is changed in the file."""
        version, application, tables = self.patiently(connection, _LOOK).fetchone()
        if application != _APPLICATION_ID and (application, version, tables) != (0, 0, 0):
            raise StoreError(f"the database {self.path} belongs to another program: give the state store its own file")
        known = len(self.migrations)
        if version > known:
            raise StoreError(
                f"the state store {self.path} has schema version {version}, this program knows versions up to "
                f"{known}: run the newer program, or give this one another file"
            )

    def _configure(self, connection: sqlite3.Connection) -> None:
        (mode,) = self.patiently(connection, "PRAGMA journal_mode").fetchone()
        if mode != "wal":
            raise StoreError(
                f"the state store {self.path} cannot use a write-ahead log (journal mode {mode!r}): "
                "put it on a local disk"
            )
        # FULL: what was acknowledged survives a loss of power, not only the end of the process.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA journal_size_limit=67108864")
        if self.max_bytes is not None:
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count={max(1, self.max_bytes // page_bytes)}")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring the file to our version, in one transaction; another process may be doing the same."""
        self.patiently(connection, "BEGIN IMMEDIATE")
        self._check(connection)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for statements in self.migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={len(self.migrations)}")
        connection.execute("COMMIT")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock, so that trying again may help."""
    return _primary(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _primary(error: sqlite3.Error) -> int:
    """SQLite's primary result code; -1 for errors of the Python module itself."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF


_ADVICE = {
    sqlite3.SQLITE_FULL: "the disk or the permitted size is full: free space or raise the limit",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable for the gateway's user",
    sqlite3.SQLITE_CANTOPEN: "make the file and its folder readable and writable for the gateway's user",
    sqlite3.SQLITE_PERM: "make the file and its folder readable and writable for the gateway's user",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database: move it aside or give another path",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: restore a backup, or move it aside to begin with an empty one",
    sqlite3.SQLITE_IOERR: "the disk reports errors: check it and the space on it",
}
