"""Names are looked up once for many, in the background where an old answer will do."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.adapters.asyncio_resolver import MAX_NAMES, Resolver


class Names:
    """A name system that counts what it is asked, and answers when it is told to."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def lookup(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        await self.open.wait()
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return list(self.addresses)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "fe80::1%eth0"])
async def test_an_address_needs_no_lookup(address: str) -> None:
    """It is its own."""
    names = Names()
    assert await Resolver(names.lookup).addresses(address, 80) == [address]
    assert names.asked == []


async def test_an_answer_is_kept() -> None:
    """For its time, by name and port; whoever takes it cannot change it."""
    names = Names("10.0.0.1", "10.0.0.2")
    resolver = Resolver(names.lookup)
    for _ in range(3):
        (await resolver.addresses("a", 80)).clear()
    assert await resolver.addresses("a", 80) == ["10.0.0.1", "10.0.0.2"]
    assert names.asked == ["a"]


async def test_many_share_one_lookup() -> None:
    """And one of them may leave without ending it."""
    names = Names("10.0.0.1")
    names.open.clear()
    resolver = Resolver(names.lookup)
    tasks = [asyncio.get_running_loop().create_task(resolver.addresses("a", 80)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    names.open.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [["10.0.0.1"]] * 2
    assert names.asked == ["a"]


async def test_an_old_answer_is_given_while_a_new_one_is_sought() -> None:
    """Nobody waits for it, and it is sought once."""
    names = Names("10.0.0.1")
    resolver = Resolver(names.lookup, fresh_s=-1.0)
    assert await resolver.addresses("a", 80) == ["10.0.0.1"]
    names.open.clear()
    names.addresses = ["10.0.0.2"]
    assert [await resolver.addresses("a", 80) for _ in range(3)] == [["10.0.0.1"]] * 3
    names.open.set()
    await asyncio.sleep(0.01)
    assert names.asked == ["a", "a"]
    assert await resolver.addresses("a", 80) == ["10.0.0.2"]


async def test_a_lookup_that_fails_leaves_the_old_answer() -> None:
    """A name system that is away takes nobody with it."""
    names = Names("10.0.0.1")
    resolver = Resolver(names.lookup, fresh_s=-1.0)
    await resolver.addresses("a", 80)
    names.addresses = []
    for _ in range(5):
        assert await resolver.addresses("a", 80) == ["10.0.0.1"]
        await asyncio.sleep(0)


async def test_a_name_that_is_not_there_is_asked_for_again() -> None:
    """It may come to be."""
    names = Names()
    resolver = Resolver(names.lookup)
    assert await resolver.addresses("a", 80) == []
    names.addresses = ["10.0.0.1"]
    assert await resolver.addresses("a", 80) == ["10.0.0.1"]


async def test_an_address_that_failed_comes_last() -> None:
    """The only one is looked up anew."""
    names = Names("10.0.0.1", "10.0.0.2")
    resolver = Resolver(names.lookup)
    await resolver.addresses("a", 80)
    resolver.failed("a", 80, "10.0.0.1")
    resolver.failed("b", 80, "10.0.0.1")
    assert await resolver.addresses("a", 80) == ["10.0.0.2", "10.0.0.1"]
    names.addresses = ["10.0.0.3"]
    await resolver.addresses("b", 80)
    resolver.failed("b", 80, "10.0.0.3")
    await resolver.addresses("b", 80)
    assert names.asked == ["a", "b", "b"]


async def test_so_many_names_are_kept_and_no_more() -> None:
    """The first known is the first forgotten."""
    names = Names("10.0.0.1")
    resolver = Resolver(names.lookup)
    for number in range(MAX_NAMES + 1):
        await resolver.addresses(f"n{number}", 80)
    await resolver.addresses(f"n{MAX_NAMES}", 80)
    assert len(names.asked) == MAX_NAMES + 1
    await resolver.addresses("n0", 80)
    assert len(names.asked) == MAX_NAMES + 2


async def test_closing_waits_for_no_lookup() -> None:
    """Though it hangs."""
    names = Names("10.0.0.1")
    names.open.clear()
    resolver = Resolver(names.lookup)
    task = asyncio.get_running_loop().create_task(resolver.addresses("a", 80))
    await asyncio.sleep(0)
    await resolver.close()
    assert await task == []


async def test_the_system_knows_this_machine() -> None:
    """By the name that every system has."""
    assert set(await Resolver().addresses("localhost", 80)) <= {"127.0.0.1", "::1"}


async def test_a_name_that_cannot_be_one_has_no_address() -> None:
    """A label of the name system has at most 63 characters."""
    assert await Resolver().addresses("a" * 64 + ".invalid", 80) == []
