"""The load: a closed loop of keep-alive connections on a raw asyncio protocol, which checks every answer.

`python -m tests.benchmarks.load http://127.0.0.1:8080/v1/chat/completions -c 64 -s 5` prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import orjson
import psutil
import uvloop

from tests.benchmarks import processes, prompts
from tests.benchmarks.answers import Answer, StreamAnswer, WholeAnswer
from tests.benchmarks.arithmetic import spread
from tests.benchmarks.http_bytes import request
from tests.benchmarks.plan import Plan, Report

_OPENING = 100
"""Connections that are opened at once: a listening queue is not what is measured."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came back in the window; the kinds of failure over the whole run."""

    done: int = 0
    chunks: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    example: str = ""
    reconnects: int = 0
    latency_s: array[float] = field(default_factory=lambda: array("d"))
    first_s: array[float] = field(default_factory=lambda: array("d"))
    transit_s: array[float] = field(default_factory=lambda: array("d"))
    """From the provider's sending of a frame to its arrival."""
    stretch_s: array[float] = field(default_factory=lambda: array("d"))
    """By how much the gap between two frames grew on the way."""


class Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tally = Tally()
        self.measuring = False
        self.ending = False
        self.sent = 0
        address = urlsplit(plan.url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        bodies = prompts.bodies(model=plan.model, size=plan.size, stream=plan.stream)
        self._requests = [
            request(address.path, body, host=address.netloc, key=plan.key, more=plan.headers) for body in bodies
        ]
        self._idle = asyncio.Event()
        self._busy = 0

    def next_request(self) -> bytes | None:
        """The bytes to send next; None when the connection is to rest."""
        if self.ending or (self.plan.requests and self.sent >= self.plan.requests):
            self._busy -= 1
            if self._busy == 0:
                self._idle.set()
            return None
        self.sent += 1
        return self._requests[self.sent % len(self._requests)]

    def new_answer(self) -> Answer:
        """What will check the answer to the request just sent."""
        return StreamAnswer(self.plan.chunks) if self.plan.stream else WholeAnswer(deeply=self.sent % 64 == 0)

    def finish(self, answer: Answer, latency_s: float) -> None:
        """Count an answer, a good one only inside the window."""
        tally = self.tally
        if answer.fault:
            self.fail(answer.fault, answer.excerpt())
        elif self.measuring:
            tally.done += 1
            tally.latency_s.append(latency_s)
            if isinstance(answer, StreamAnswer):
                tally.first_s.append(answer.first_s)
                tally.transit_s.extend(answer.transit_s)
                tally.stretch_s.extend(answer.stretch_s)

    def fail(self, fault: str, example: str = "") -> None:
        """Count a failure by its kind, and keep the first as an example."""
        self.tally.failures[fault] += 1
        self.tally.example = self.tally.example or example

    async def run(self) -> Report:
        """Open the connections, warm up, measure, let what is under way end."""
        plan = self.plan
        self._busy = plan.connections
        gate = asyncio.Semaphore(_OPENING)
        async with asyncio.TaskGroup() as group:
            pause_s = plan.spread_s / plan.connections
            kept = [group.create_task(self._keep_connected(gate, n * pause_s)) for n in range(plan.connections)]
            await asyncio.sleep(plan.spread_s + plan.warm_up_s)
            # Found before the window: to look for processes takes longer than to read their clocks.
            gateway, provider = (_found(session) for session in (plan.cpu_of, plan.upstream))
            before = _clocks(gateway, provider)
            self.measuring = True
            await self._window()
            self.measuring = False
            clocks = [after - earlier for after, earlier in zip(_clocks(gateway, provider), before, strict=True)]
            self.ending = True
            if not await _within(plan.drain_s, self._idle):
                self.tally.failures["unanswered"] += self._busy
            for task in kept:
                task.cancel()
        return self._report(*clocks)

    async def _window(self) -> None:
        if self.plan.requests:
            await self._idle.wait()
        else:
            await asyncio.sleep(self.plan.seconds)

    async def _keep_connected(self, gate: asyncio.Semaphore, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(wait_s)
        while not self.ending:
            closed = loop.create_future()
            try:
                async with gate:
                    await loop.create_connection(partial(Connection, self, closed), self._host, self._port)
            except OSError as error:
                self.fail(f"connect: {type(error).__name__}")
                await asyncio.sleep(0.1)
                continue
            await closed
            self.tally.reconnects += not self.ending

    def _report(self, seconds: float, cpu_s: float, load_cpu_s: float) -> Report:
        tally = self.tally
        return Report(
            connections=self.plan.connections,
            seconds=seconds,
            requests=tally.done,
            per_second=tally.done / seconds,
            failed=sum(tally.failures.values()),
            failures=dict(tally.failures),
            example=tally.example,
            reconnects=tally.reconnects,
            cpu_s=cpu_s,
            load_cpu_s=load_cpu_s,
            latency_us=spread(tally.latency_s),
            first_us=spread(tally.first_s),
            transit_us=spread(tally.transit_s),
            stretch_us=spread(tally.stretch_s),
            chunks=tally.chunks,
        )


class Connection(asyncio.Protocol):
    """One keep-alive connection: a request, its answer, the next request."""

    def __init__(self, load: Load, closed: asyncio.Future[None]) -> None:
        self._load = load
        self._closed = closed
        self._answer: Answer | None = None
        self._sent_s = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take in a part of the answer, and go on once it is whole."""
        answer = self._answer
        if answer is None:
            self._load.fail("bytes nobody asked for", repr(data[:200]))
            self._transport.abort()
            return
        whole = answer.feed(data, self._sent_s)
        if self._load.measuring:
            self._load.tally.chunks += answer.fresh
        if whole:
            self._answer = None
            self._load.finish(answer, time.perf_counter() - self._sent_s)
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer under way is lost, unless the end of the connection is its end."""
        answer, self._answer = self._answer, None
        if answer is not None and not self._load.ending:
            answer.end()
            self._load.finish(answer, time.perf_counter() - self._sent_s)
        if not self._closed.done():
            self._closed.set_result(None)

    def _send(self) -> None:
        given = self._load.next_request()
        if given is not None:
            self._answer = self._load.new_answer()
            self._sent_s = time.perf_counter()
            self._transport.write(given)


def _found(session: int | None) -> list[psutil.Process]:
    return [] if session is None else list(processes.members(session))


def _clocks(gateway: Sequence[psutil.Process], provider: Sequence[psutil.Process]) -> tuple[float, float, float]:
    """Time, the gateway's CPU, the load's and the provider's."""
    return time.perf_counter(), processes.cpu_s(gateway), time.process_time() + processes.cpu_s(provider)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def main() -> None:
    """Run a plan from the command line."""
    parser = argparse.ArgumentParser(description="Closed-loop load of chat completions; prints one JSON object.")
    parser.add_argument("url")
    parser.add_argument("-c", "--connections", type=int, default=64)
    parser.add_argument("-s", "--seconds", type=float, default=5.0)
    parser.add_argument("-n", "--requests", type=int, default=0, help="stop after so many instead")
    parser.add_argument("--warm-up-s", type=float, default=1.0)
    parser.add_argument("--drain-s", type=float, default=10.0)
    parser.add_argument("--spread-s", type=float, default=0.0, help="seconds over which connections are opened")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--chunks", type=int, default=50, help="frames with text that a stream must have")
    parser.add_argument("--size", type=int, default=2048, help="bytes of a request's body")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--key", default="benchmark-key")
    parser.add_argument("--header", dest="headers", action="append", default=[], metavar="'NAME: VALUE'")
    parser.add_argument("--cpu-of", type=int, default=None, help="the gateway's session id, to tell its CPU")
    parser.add_argument("--upstream", type=int, default=None, help="the provider's session id")
    parser.add_argument("--core", type=int, default=None, help="the processor core to stay on")
    given = vars(parser.parse_args())
    processes.pin(given.pop("core"))
    plan = Plan(**{**given, "headers": tuple(given["headers"])})
    report = uvloop.run(Load(plan).run())
    sys.stdout.write(orjson.dumps(dataclasses.asdict(report), option=orjson.OPT_INDENT_2).decode() + "\n")


if __name__ == "__main__":
    main()
