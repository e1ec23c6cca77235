"""What the contract of the state store needs of an implementation: a place, and a store on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import ClassVar

import pytest

from gateway.core.statistics import ArmStatistics
from gateway.flows.ports import Clock, Record, StateKey, StateStore, Sums
from tests.builders import KEY, FakeClock

Connect = Callable[[], Awaitable[StateStore]]


class StoreFixtures:
    """`connect()` gives one more open store on the same place, as another replica would have; `store` is the first."""

    kind: ClassVar[str]
    """The implementation's name in store_worker.STORES, for tests with several processes."""

    def make(self, place: str, clock: Clock) -> StateStore:
        """A store, not opened, on the place: a path or an address."""
        raise NotImplementedError

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        """Somewhere empty that all stores of one test share."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    async def connect(self, place: str, clock: FakeClock) -> AsyncIterator[Connect]:
        stores: list[StateStore] = []

        async def connect() -> StateStore:
            stores.append(self.make(place, clock))
            await stores[-1].open()
            return stores[-1]

        yield connect
        for store in stores:
            await store.close()

    @pytest.fixture
    async def store(self, connect: Connect) -> StateStore:
        return await connect()


async def found(store: StateStore, id: str = "dec-1") -> Record:
    """The record, which must be there."""
    record = await store.find(id)
    assert record is not None
    return record


async def sums(store: StateStore, key: StateKey = KEY) -> Sums:
    """All totals; version 0 and nothing in it if there are none."""
    return await store.sums(key, 0) or Sums(version=0)


async def total(store: StateStore, arm_id: str = "small", bucket: int = 5) -> ArmStatistics:
    """The totals of one arm in one bucket, which must be there."""
    return (await sums(store)).totals[arm_id, bucket]
