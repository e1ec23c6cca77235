"""Fakes of the ports: small, honest implementations that a test can script and look into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from gateway.core.values import Completion, Decision, Outcome, Reward
from gateway.errors import UpstreamError
from gateway.flows.ports import Call, Reply, ReplyStream
from tests.builders import make_completion


class FakeMeter:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.outcomes: list[Outcome] = []
        self.rewards: list[Reward | None] = []
        self.failures: list[tuple[str, str]] = []
        self.losses: list[tuple[str, int]] = []

    def decided(self, decision: Decision) -> None:
        self.decisions.append(decision)

    def settled(self, decision: Decision, outcome: Outcome, reward: Reward | None) -> None:
        self.outcomes.append(outcome)
        self.rewards.append(reward)

    def attempt_failed(self, arm_id: str, kind: str) -> None:
        self.failures.append((arm_id, kind))

    def overhead(self, seconds: float) -> None:
        assert seconds >= 0

    def lost(self, what: str, count: int) -> None:
        self.losses.append((what, count))


class FakeAccessLog:
    """Remembers who was settled."""

    def __init__(self) -> None:
        self.settled_ids: list[str] = []

    def settled(self, decision: Decision, outcome: Outcome, reward: Reward | None) -> None:
        self.settled_ids.append(decision.id)

    def flush(self) -> None:
        pass


class FakeStream:
    """A stream of given pieces; an exception among them is raised in its place."""

    def __init__(self, pieces: Sequence[bytes | UpstreamError], completion: Completion) -> None:
        self._pieces = pieces
        self._completion = completion
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await asyncio.sleep(0)
            if isinstance(piece, UpstreamError):
                raise piece
            yield piece

    def completion(self) -> Completion:
        return self._completion

    async def aclose(self) -> None:
        self.closed = True


Script = Callable[[Call], Completion | UpstreamError]


class FakeUpstream:
    """Answers each call by a script from arm to completion or error."""

    def __init__(self, script: Script | None = None) -> None:
        self.script: Script = script or (lambda call: make_completion(id=f"chatcmpl-{call.arm.id}"))
        self.calls: list[Call] = []
        self.streams: list[FakeStream] = []
        self.gate: asyncio.Event | None = None
        """When set, every call waits for it: for cancelling in the middle."""

    async def complete(self, call: Call) -> Reply:
        completion = await self._run(call)
        message = {"role": "assistant", "content": completion.text}
        body = {"id": completion.id, "model": call.arm.id, "choices": [{"index": 0, "message": message}]}
        return Reply(body=body, completion=completion)

    async def open(self, call: Call) -> ReplyStream:
        completion = await self._run(call)
        stream = FakeStream([b"data: one\n\n", b"data: two\n\n"], completion)
        self.streams.append(stream)
        return stream

    async def close(self) -> None:
        pass

    async def _run(self, call: Call) -> Completion:
        self.calls.append(call)
        if self.gate is not None:
            await self.gate.wait()
        found = self.script(call)
        if isinstance(found, UpstreamError):
            raise found
        return found
