"""Turns host names into addresses in a thread, and keeps the answers for a while."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

FRESH_S: Final = 30.0
"""Providers move their names between addresses within minutes; the system's resolver honours the records' own times."""
MAX_NAMES: Final = 1024

Lookup = Callable[[str, int], Awaitable[list[str]]]


@dataclass(slots=True)
class _Answer:
    addresses: list[str]
    expires_s: float


class Resolver:
    """The addresses of names. An answer past its time is still given while one new lookup runs in the background."""

    def __init__(self, lookup: Lookup | None = None, *, fresh_s: float = FRESH_S) -> None:
        self._lookup = lookup or _system_lookup
        self._fresh_s = fresh_s
        self._answers: dict[tuple[str, int], _Answer] = {}
        self._running: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to try, best first; none if there is no such name. A literal address is its own."""
        if _is_literal(host):
            return [host]
        key = (host, port)
        answer = self._answers.get(key)
        loop = asyncio.get_running_loop()
        if answer is not None:
            if answer.expires_s < loop.time():
                self._refresh(key, loop)
            return list(answer.addresses)
        lookup = self._refresh(key, loop)
        await asyncio.wait({lookup})  # many share it: one that leaves does not end it
        return [] if lookup.cancelled() else list(lookup.result())

    def failed(self, host: str, port: int, address: str) -> None:
        """No connection came about with this address: it comes last from now on. The only one is forgotten."""
        answer = self._answers.get((host, port))
        if answer is None or address not in answer.addresses:
            return
        if len(answer.addresses) == 1:
            del self._answers[host, port]
            return
        answer.addresses.remove(address)
        answer.addresses.append(address)

    async def close(self) -> None:
        """Wait for no lookup any longer."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _refresh(self, key: tuple[str, int], loop: asyncio.AbstractEventLoop) -> asyncio.Task[list[str]]:
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = loop.create_task(self._ask(key), name="resolve")
            task.add_done_callback(lambda _: self._running.pop(key))
        return task

    async def _ask(self, key: tuple[str, int]) -> list[str]:
        try:
            found = await self._lookup(*key)
        except (OSError, UnicodeError):  # UnicodeError: a name that cannot be written in DNS
            found = []
        if found:
            if key not in self._answers and len(self._answers) >= MAX_NAMES:
                self._answers.pop(next(iter(self._answers)))
            self._answers[key] = _Answer(found, asyncio.get_running_loop().time() + self._fresh_s)
        return found


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _system_lookup(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))
