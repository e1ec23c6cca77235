"""The contract of the state store: every promise of its port, inherited by the tests of each implementation."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import pytest

from gateway.errors import StoreError
from gateway.flows.ports import StateKey, StateStore
from tests.builders import KEY, FakeClock, make_batch, make_delta, make_rating, make_rollout, make_statistics, plain
from tests.contract.store_fixtures import Connect, found, sums, total
from tests.contract.store_ratings import RatingContract
from tests.contract.store_records import RecordContract
from tests.contract.store_worker import worker_batch


class StateStoreContract(RecordContract, RatingContract):
    """All of it: records and ratings from the two bases, here sums, rollouts, opening and closing."""

    async def test_unchanged_sums_are_not_read_again(self, store: StateStore) -> None:
        """None while the version is the reader's; a change gives the changed totals under a higher version."""
        assert await store.sums(KEY, 0) is None
        await store.record(make_batch())
        first = await store.sums(KEY, 0)
        assert first is not None
        assert await store.sums(KEY, first.version) is None
        await store.record(make_batch("b", arm_id="large"))
        second = await store.sums(KEY, first.version)
        assert second is not None
        assert second.version > first.version
        assert (set(second.totals), second.whole) == ({("large", 5)}, False)
        assert (await sums(store)).totals.keys() == {("small", 5), ("large", 5)}
        assert (await sums(store)).whole
        await store.rate(make_rating(decision_id="b"))
        assert await store.sums(KEY, second.version) is not None

    async def test_a_reader_ahead_of_the_store_is_told(self, store: StateStore) -> None:
        """After the state was lost, its version is not the reader's any more: it gets what there is."""
        lost = await store.sums(KEY, 17)
        assert lost is not None
        assert (lost.version, dict(lost.totals), lost.whole) == (0, {}, True)

    async def test_keys_do_not_mix(self, store: StateStore) -> None:
        """Sums with another meaning, of another policy or fingerprint, are other sums."""
        keys = [KEY, StateKey(policy="default", fingerprint="f2"), StateKey(policy="other", fingerprint="f1")]
        for n, key in enumerate(keys):
            deltas = (make_delta(key=key, statistics=make_statistics(np.ones(n + 1))),)
            await store.record(make_batch(str(n), settled=(), deltas=deltas))
        for n, key in enumerate(keys):
            assert plain((await sums(store, key)).totals) == plain({("small", 5): make_statistics(np.ones(n + 1))})

    async def test_arms_and_buckets_do_not_mix(self, store: StateStore) -> None:
        """Deltas of one batch go each to its arm and bucket, several to the same one included."""
        places = [("small", 1), ("small", 2), ("large", 1), ("small", 2), ("small", -3)]
        deltas = tuple(make_delta(arm_id=arm, bucket=bucket) for arm, bucket in places)
        await store.record(make_batch(deltas=deltas))
        totals = (await sums(store)).totals
        assert {place: sums.tallies.pulls for place, sums in totals.items()} == {
            ("small", 1): 1.0,
            ("small", 2): 2.0,
            ("large", 1): 1.0,
            ("small", -3): 1.0,
        }

    async def test_what_one_writes_all_read_at_once(self, connect: Connect) -> None:
        """Once a write is acknowledged, every replica's next read has it."""
        writer, reader = await connect(), await connect()
        version = 0
        for n in range(20):
            await writer.record(make_batch(str(n)))
            read = await reader.sums(KEY, version)
            assert read is not None
            assert read.totals["small", 5].tallies.pulls == n + 1
            assert await reader.find(str(n)) is not None
            version = read.version

    async def test_a_restart_continues_exactly(self, connect: Connect) -> None:
        """Sums come back to the last bit, under the same version, with records and rollouts."""
        store = await connect()
        rng = np.random.default_rng(7)
        for n in range(20):
            await store.record(make_batch(str(n), features=rng.normal(size=6), reward=float(rng.random())))
        await store.rate(make_rating(decision_id="3"))
        await store.put_rollout("default", make_rollout())
        before = await sums(store), await found(store, "3"), await store.rollouts()
        await store.close()
        again = await connect()
        assert plain((await sums(again), await found(again, "3"), await again.rollouts())) == plain(before)
        blobs = [read.totals["small", 5].to_bytes() for read in (before[0], await sums(again))]
        assert blobs[0] == blobs[1]

    async def test_large_sums(self, store: StateStore) -> None:
        """200 features are no problem: 40,000 numbers per arm and bucket."""
        x = np.random.default_rng(1).normal(size=200)
        await store.record(make_batch(features=x))
        assert (await total(store)).to_bytes() == make_statistics(x).to_bytes()
        assert await store.rate(make_rating())
        assert np.allclose((await total(store)).moment, 0.9 * x, rtol=0.0, atol=1e-9)

    async def test_dropped_buckets_are_forgotten(self, store: StateStore) -> None:
        """Only those below the limit, only of the key; nothing to drop is no change."""
        other = StateKey(policy="default", fingerprint="f2")
        deltas = tuple(make_delta(key=key, bucket=bucket) for key in (KEY, other) for bucket in (3, 4, 5))
        await store.record(make_batch(deltas=deltas))
        await store.drop_buckets(KEY, 5)
        read = await sums(store)
        assert read.totals.keys() == {("small", 5)}
        assert len((await sums(store, other)).totals) == 3
        await store.drop_buckets(KEY, 5)
        assert await store.sums(KEY, read.version) is None
        await store.drop_buckets(StateKey(policy="x", fingerprint="y"), 5)

    async def test_a_rollout_changes_step_by_step(self, connect: Connect) -> None:
        """A state is written only as the successor of the stored one, and all replicas read it."""
        store, reader = await connect(), await connect()
        assert dict(await store.rollouts()) == {}
        assert not await store.put_rollout("a", make_rollout(version=2))
        assert not await store.put_rollout("a", make_rollout(version=0))
        assert await store.put_rollout("a", make_rollout(version=1))
        assert not await store.put_rollout("a", make_rollout(version=1, stage="full"))
        assert not await store.put_rollout("a", make_rollout(version=3, stage="full"))
        killed = make_rollout(version=2, stage="full", percentage=1 / 3, killed=True, changed_by="Zoë")
        assert await store.put_rollout("a", killed)
        assert await store.put_rollout("b", make_rollout(version=1))
        assert dict(await reader.rollouts()) == {"a": killed, "b": make_rollout(version=1)}

    async def test_of_many_rollouts_at_once_one_wins(self, connect: Connect) -> None:
        """Changes made from the same state exclude each other, between replicas as well."""
        stores = [await connect(), await connect()]
        states = [make_rollout(percentage=float(n)) for n in range(40)]
        answers = await asyncio.gather(*(stores[n % 2].put_rollout("a", state) for n, state in enumerate(states)))
        assert answers.count(True) == 1
        assert dict(await stores[0].rollouts()) == {"a": states[answers.index(True)]}

    async def test_a_cancelled_caller_breaks_nothing(self, store: StateStore) -> None:
        """Its own batch is written whole or not at all, and everybody else's as if nothing had happened."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(store.record(make_batch(str(n), reward=0.5))) for n in range(60)]
        for n, task in enumerate(tasks):
            if n % 2:
                await asyncio.sleep(0)
                task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(isinstance(answer, Exception) for answer in answers)
        await store.record(make_batch("last", reward=0.5))
        written = [n for n in range(60) if await store.find(str(n)) is not None]
        assert set(range(0, 60, 2)) <= set(written)
        assert (await total(store)).tallies.pulls == len(written) + 1

    async def test_closing_finishes_what_is_queued(self, connect: Connect) -> None:
        """Every call that was made before close() is answered, and what it acknowledged is there afterwards."""
        store = await connect()
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(store.record(make_batch(str(n), reward=0.5))) for n in range(50)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*tasks)
        again = await connect()
        assert (await total(again)).tallies.pulls == 50.0

    async def test_opening_and_closing_twice_is_harmless(self, place: str, clock: FakeClock) -> None:
        """Both are idempotent, at once as well; a store can be opened again; closed, it refuses with StoreError."""
        store = self.make(place, clock)
        with pytest.raises(StoreError):
            await store.find("dec-1")
        await store.close()
        for n in range(3):
            await asyncio.gather(store.open(), store.open())
            await store.open()
            await store.record(make_batch(str(n)))
            await asyncio.gather(store.close(), store.close())
            await store.close()
            with pytest.raises(StoreError):
                await store.record(make_batch("closed"))
        await store.open()
        assert (await total(store)).tallies.pulls == 3.0
        await store.close()

    async def test_two_processes_share_one_place(self, connect: Connect, place: str) -> None:
        """200 batches from each of two processes at once give the exact totals: none lost, none twice."""
        store = await connect()
        command = [sys.executable, "-m", "tests.contract.store_worker", self.kind, place]
        pipe = asyncio.subprocess.PIPE
        processes = [
            await asyncio.create_subprocess_exec(*command, prefix, "200", stdout=pipe, stderr=pipe) for prefix in "ab"
        ]
        outputs = await asyncio.gather(*(process.communicate() for process in processes))
        assert [process.returncode for process in processes] == [0, 0], outputs
        assert [len(output.splitlines()) for output, _ in outputs] == [201, 201]
        expected = worker_batch("a", 0).deltas[0].statistics.scaled(400.0)
        read = await total(store)
        assert (read.gram.tolist(), read.moment.tolist()) == (expected.gram.tolist(), expected.moment.tolist())
        assert (read.tallies.pulls, read.tallies.reward) == (400.0, 200.0)
        for prefix in "ab":
            assert all([await store.find(f"{prefix}-{n}") is not None for n in range(200)])
