"""A stream of the transform lane: litellm's reader of the provider's events over our own connection."""

from __future__ import annotations

import contextlib
from typing import Any

from gateway.adapters.litellm_stream import LitellmStream, provider_chunks, translated
from gateway.adapters.litellm_transform_client import Exchange
from gateway.core.values import Price
from gateway.flows.ports import Call


class TransformStream(LitellmStream):
    """Implements ports.ReplyStream. Its limits are kept by the connection, without a timer for each event."""

    def __init__(
        self,
        call: Call,
        wrapper: Any,
        source: Exchange,
        *,
        started_s: float,
        deadline_s: float,
        price: Price | None = None,
    ) -> None:
        super().__init__(call, wrapper, started_s=started_s, deadline_s=deadline_s, price=price, secrets=source.secrets)
        self._chunks = provider_chunks(wrapper, source.aside.chunks)
        self._source = source
        self._idle_s: float | None = None

    async def aclose(self) -> None:
        """Close the upstream connection; safe to call at any time and twice."""
        self._ended_s = self._ended_s if self._ended_s is not None else self._now()
        self._source.close()  # ends a reader that may still be waiting in another task
        with contextlib.suppress(RuntimeError):  # that reader is still inside the generator, which ends with it
            await self._chunks.aclose()

    def _limit(self, seconds: float) -> contextlib.AbstractAsyncContextManager[None]:
        if seconds != self._idle_s:
            self._idle_s = seconds
            self._source.flow(seconds, self._deadline_s)
        return contextlib.nullcontext()

    def _door(self) -> contextlib.AbstractContextManager[None]:
        return translated(self._call, self._secrets, self._source.explained)
