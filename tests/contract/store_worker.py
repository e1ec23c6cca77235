"""A process of its own that records batches in a store and says of each, after the store has, that it is durable.

Run as `python -m tests.contract.store_worker KIND PLACE PREFIX COUNT`; batch n is `worker_batch(PREFIX, n)`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from gateway.adapters.sqlite_store import SqliteStore
from gateway.flows.ports import Batch, StateStore
from tests.builders import FakeClock, make_batch

STORES: dict[str, Callable[[str], StateStore]] = {"sqlite": lambda place: SqliteStore(place, FakeClock())}


def worker_batch(prefix: str, n: int) -> Batch:
    """The n-th batch of a worker. Its numbers are sums of powers of two, so that totals are exact in any order."""
    return make_batch(f"{prefix}-{n}", reward=0.5)


async def main(kind: str, place: str, prefix: str, count: int) -> None:
    store = STORES[kind](place)
    await store.open()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for n in range(count):
        batch = worker_batch(prefix, n)
        await store.record(batch)
        sys.stdout.write(f"{n}\n")
        sys.stdout.flush()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
