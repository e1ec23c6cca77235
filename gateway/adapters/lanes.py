"""Every arm by the lane that serves it best: straight over OpenAI's wire, else through litellm."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from gateway.errors import UpstreamError
from gateway.flows.ports import Call, Reply, ReplyStream, Upstream


class Loading(Protocol):
    """A lane that has to be loaded before it can serve."""

    @property
    def ready(self) -> bool:
        """Whether a call would not wait."""
        ...

    async def warm(self) -> None:
        """Load it."""
        ...


class Lanes:
    """Implements ports.Upstream. `loading`: those among the lanes that take time to be there."""

    def __init__(self, lanes: Mapping[str, Upstream], loading: tuple[Loading, ...] = ()) -> None:
        """`lanes`: by arm id; several arms may share one."""
        self._lanes = dict(lanes)
        self._loading = loading

    @property
    def ready(self) -> bool:
        """Whether every lane could serve at once."""
        return all(lane.ready for lane in self._loading)

    async def warm(self) -> None:
        """Load what takes time to load."""
        await asyncio.gather(*(lane.warm() for lane in self._loading))

    def complete(self, call: Call) -> Coroutine[Any, Any, Reply]:
        """One whole answer, by the arm's lane."""
        return self._lane(call).complete(call)

    def open(self, call: Call) -> Coroutine[Any, Any, ReplyStream]:
        """Start a stream, by the arm's lane."""
        return self._lane(call).open(call)

    async def close(self) -> None:
        """Release the connections of every lane."""
        for lane in {id(lane): lane for lane in self._lanes.values()}.values():
            await lane.close()

    def _lane(self, call: Call) -> Upstream:
        lane = self._lanes.get(call.arm.id)
        if lane is None:
            text = f"Arm '{call.arm.id}' has no lane to a provider."
            raise UpstreamError(text, arm_id=call.arm.id, code="upstream_misconfigured")
        return lane
