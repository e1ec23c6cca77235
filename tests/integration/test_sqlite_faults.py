"""The SQLite store on a broken disk: clear errors, nothing half-written, and nothing acknowledged is ever lost."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from gateway.adapters.sqlite_schema import PAGE_BYTES, VERSION
from gateway.adapters.sqlite_store import SqliteStore
from gateway.errors import StoreError
from tests.builders import FakeClock, make_batch
from tests.contract.store_fixtures import total
from tests.contract.store_worker import worker_batch

WORKER = [sys.executable, "-m", "tests.contract.store_worker", "sqlite"]

UNPRIVILEGED = """
import asyncio, os, sys
from gateway.adapters.sqlite_store import SqliteStore
from gateway.errors import StoreError
from tests.builders import FakeClock, make_batch

async def main(path):
    store = SqliteStore(path, FakeClock())
    for id in sys.argv[2:]:
        try:
            await store.open()
            await store.record(make_batch(id))
        except StoreError as error:
            sys.stdout.write(f"{error.message}\\n")
    await store.close()

if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
asyncio.run(main(sys.argv[1]))
"""
"""Root may write anywhere; this tries to open and record as somebody who may not, and prints what the store says."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


def store_at(path: Path, max_bytes: int | None = None) -> SqliteStore:
    return SqliteStore(path, FakeClock(), max_bytes=max_bytes, busy_timeout_s=0.2)


async def refusal(store: SqliteStore) -> str:
    """What the store says when it cannot be opened."""
    with pytest.raises(StoreError) as caught:
        await store.open()
    await store.close()
    return caught.value.message


def as_somebody(path: Path, *ids: str) -> str:
    command = [sys.executable, "-c", UNPRIVILEGED, str(path), *ids]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE memoirs (text)")


def newer(path: Path) -> None:
    make_store(path)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(f"PRAGMA user_version={VERSION + 7}")


def damaged(path: Path) -> None:
    make_store(path)
    overwrite(path, 100, PAGE_BYTES)  # the page that lists the tables


def make_store(path: Path) -> None:
    """A store with one batch in it, made elsewhere, so that nothing of it is open here."""
    subprocess.run([*WORKER, str(path), "a", "1"], check=True, capture_output=True)


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def move(path: Path, target: Path) -> None:
    path.rename(target)


def overwrite(path: Path, first: int, last: int) -> None:
    data = bytearray(path.read_bytes())
    data[first:last] = b"\xaa" * (last - first)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.mkdir(), "is a folder: give the path of a file"),
        (lambda path: path.write_bytes(b"These are my memoirs. " * 500), "no SQLite database: move it aside"),
        (foreign, "belongs to another program: give the state store its own file"),
        (newer, f"schema version {VERSION + 7}, this program knows versions up to {VERSION}"),
        (damaged, "malformed"),
    ],
)
async def test_a_file_that_is_no_store_is_named(path: Path, spoil: Callable[[Path], None], says: str) -> None:
    """Opening fails with what was wrong, the path, and what to do; the file is left as it was."""
    spoil(path)
    before = content(path)
    message = await refusal(store_at(path))
    assert says in message
    assert str(path) in message
    assert content(path) == before


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """No folder is made up: a mistyped path must not become an empty store elsewhere."""
    message = await refusal(store_at(tmp_path / "no" / "gateway.db"))
    assert f"the folder {tmp_path / 'no'}" in message
    assert "create it" in message
    assert not (tmp_path / "no").exists()


async def test_opening_can_be_tried_again(tmp_path: Path) -> None:
    """The gateway serves without its store and joins it when what was wrong has been mended."""
    store = store_at(tmp_path / "no" / "gateway.db")
    for _ in range(2):
        with pytest.raises(StoreError):
            await store.open()
        with pytest.raises(StoreError, match="not open"):
            await store.record(make_batch())
    (tmp_path / "no").mkdir()
    await store.open()
    await store.record(make_batch())
    await store.close()


@pytest.fixture
def readable_tmp(tmp_path: Path) -> Path:
    """A folder that others may enter, for the tests that give up root's rights."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return tmp_path


def test_a_read_only_folder_is_named(readable_tmp: Path) -> None:
    """Where no file can be made, the error says who must be able to write where."""
    folder = readable_tmp / "state"
    folder.mkdir(mode=0o555)
    said = as_somebody(folder / "gateway.db", "a", "b")
    assert said.count("readable and writable for the gateway's user") == 2
    assert str(folder / "gateway.db") in said
    assert list(folder.iterdir()) == []


def test_a_read_only_file_is_named(readable_tmp: Path) -> None:
    """A store that somebody else owns cannot be written, and is left as it was."""
    path = readable_tmp / "gateway.db"
    make_store(path)
    path.chmod(0o444)
    readable_tmp.chmod(0o555)
    before = path.read_bytes()
    said = as_somebody(path, "b")
    readable_tmp.chmod(0o755)
    assert "writable for the gateway's user" in said
    assert path.read_bytes() == before


async def test_a_full_disk_refuses_writes_and_loses_nothing(path: Path) -> None:
    """Each batch is stored whole or refused with StoreError; reads go on; with space again, all goes on."""
    store = store_at(path, max_bytes=400_000)
    await store.open()
    x = np.ones(60)
    accepted, refusals = [], []
    for n in range(200):
        try:
            await store.record(make_batch(str(n), features=x, arm_id=f"arm-{n}"))
            accepted.append(n)
        except StoreError as error:
            refusals.append(error.message)
    assert 5 < len(accepted) < 100
    assert all(str(path) in message and "full: free space" in message for message in refusals)
    for n in range(200):
        assert (await store.find(str(n)) is not None) == (n in accepted)
        if n in accepted:
            assert (await total(store, f"arm-{n}")).tallies.pulls == 1.0
    await store.close()
    larger = store_at(path)
    await larger.open()
    for n in range(200):
        await larger.record(make_batch(str(n), features=x, arm_id=f"arm-{n}"))
        assert (await total(larger, f"arm-{n}")).tallies.pulls == 1.0
    await larger.close()


async def test_a_batch_too_big_takes_no_other_with_it(path: Path) -> None:
    """Of writes that wait together, only those that do not fit are refused."""
    store = store_at(path, max_bytes=400_000)
    await store.open()
    batches = [make_batch(str(n), features=np.ones(300 if n % 2 else 3), arm_id=str(n)) for n in range(20)]
    answers = await asyncio.gather(*(store.record(batch) for batch in batches), return_exceptions=True)
    assert [isinstance(answer, StoreError) for answer in answers] == [bool(n % 2) for n in range(20)]
    for n in range(20):
        assert (await store.find(str(n)) is not None) == (n % 2 == 0)
    await store.close()


async def test_a_lock_that_is_never_freed_is_named(path: Path) -> None:
    """A process that hangs in a transaction costs others a StoreError, not forever; then all goes on."""
    store = store_at(path)
    await store.open()
    await store.record(make_batch("a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"another process has been writing for over 0\.2 s"):
            await store.record(make_batch("b"))
        assert await store.find("a") is not None
    await store.record(make_batch("b"))
    await store.close()


async def test_a_file_that_is_taken_away_is_noticed(path: Path) -> None:
    """What is written into a file without a name would be lost: it is refused, and no empty store takes its place."""
    store = store_at(path)
    await store.open()
    await store.record(make_batch("a"))
    await store.close()
    await store.open()
    move(path, path.with_suffix(".away"))
    for _ in range(2):
        with pytest.raises(StoreError, match="is gone: restore it"):
            await store.record(make_batch("b"))
        with pytest.raises(StoreError, match="is gone: restore it"):
            await store.find("a")
    assert content(path) is None
    move(path.with_suffix(".away"), path)
    assert await store.find("a") is not None
    await store.record(make_batch("b"))
    await store.close()


async def test_damage_found_later_is_an_error_not_a_crash(path: Path) -> None:
    """A page that goes bad under an open store is a StoreError on each call that meets it."""
    make_store(path)
    with closing(sqlite3.connect(path)) as other:
        (page,) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'records'").fetchone()
    overwrite(path, (page - 1) * PAGE_BYTES, page * PAGE_BYTES)
    store = store_at(path)
    await store.open()
    for _ in range(2):
        with pytest.raises(StoreError, match="damaged: restore a backup"):
            await store.record(make_batch("b"))
        with pytest.raises(StoreError, match="damaged: restore a backup"):
            await store.recent("default", 5)
    assert dict(await store.rollouts()) == {}
    await store.close()


def killed_worker(path: Path, rng: np.random.Generator) -> int:
    """Start a writing process, kill -9 it at a random moment, and return how many batches it had acknowledged."""
    lines = int(rng.integers(1, 40))
    with subprocess.Popen([*WORKER, str(path), "k", "100000"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        time.sleep(float(rng.random()) * 0.02)
        process.kill()
        said += process.stdout.readlines()
    assert said[0] == b"ready\n"
    assert [int(line) for line in said[1:]] == list(range(len(said) - 1))
    return len(said) - 1


@pytest.mark.parametrize("seed", range(20))
async def test_a_kill_loses_nothing_that_was_acknowledged(path: Path, seed: int) -> None:
    """kill -9 at any moment: the file opens, what was acknowledged is there, and what is sent again counts once."""
    count = killed_worker(path, np.random.default_rng(seed))
    store = store_at(path)
    await store.open()
    stored = {record.decision.id for record in await store.recent("default", 100_000)}
    assert stored >= {f"k-{n}" for n in range(count)}
    assert len(stored) <= count + 1  # one may have been written without its acknowledgement
    if stored:
        assert (await total(store)).tallies.pulls == len(stored)
    for n in range(count + 20):
        await store.record(worker_batch("k", n))
    assert (await total(store)).tallies.pulls == count + 20
    assert (await total(store)).moment.tolist() == [0.5 * (count + 20), 0.25 * (count + 20), -0.125 * (count + 20)]
    await store.close()
