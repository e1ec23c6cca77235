"""The transform lane: litellm's provider code translates, our own connections carry, and nothing else of it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from gateway.adapters.http_transport import Transport
from gateway.adapters.litellm_catalog import lookup
from gateway.adapters.litellm_loading import load_litellm
from gateway.adapters.litellm_stream import limited, translated
from gateway.adapters.litellm_transform_call import Translation
from gateway.adapters.litellm_transform_client import exchange
from gateway.adapters.litellm_transform_families import FAMILIES, fits, translatable
from gateway.adapters.litellm_transform_proof import proven
from gateway.adapters.litellm_transform_stream import TransformStream
from gateway.adapters.litellm_upstream import LitellmUpstream, Route, plain_answer
from gateway.adapters.openai_reply import read_reply
from gateway.adapters.openai_usage import priced, usage_body
from gateway.adapters.upstream_limits import LimitName
from gateway.core.values import Price
from gateway.flows.ports import Call, Reply, ReplyStream

_log = structlog.get_logger()


class TransformUpstream:
    """Implements ports.Upstream. Arms and requests that do not fit go to `rest`, which knows the same routes.

    litellm is imported by the first call, or before it by `warm`.
    """

    def __init__(self, routes: Mapping[str, Route], transport: Transport, rest: LitellmUpstream) -> None:
        """Transport and `rest` are closed with this lane."""
        self._routes = {arm_id: route for arm_id, route in routes.items() if fits(route)}
        self._transport = transport
        self._rest = rest
        self._translations: dict[str, Translation] | None = None
        self._loading = asyncio.Lock()

    @property
    def unproven(self) -> tuple[str, ...]:
        """Arms that go the long way, because this version of litellm does not translate for them as it would there."""
        return tuple(
            arm_id for arm_id in self._routes if self._translations is not None and arm_id not in self._translations
        )

    @property
    def ready(self) -> bool:
        """Whether litellm is in memory, so that a call would not wait for it."""
        return self._translations is not None

    async def warm(self) -> None:
        """Import litellm in a thread and prepare every arm, unless that is done already."""
        async with self._loading:
            if self._translations is None:
                self._translations = await asyncio.to_thread(_prepare, self._routes)
                if self.unproven:
                    _log.warning("arms_translated_the_long_way", arms=self.unproven)
        await self._rest.warm()

    async def complete(self, call: Call) -> Reply:
        """One whole answer within the limits."""
        started_s = asyncio.get_running_loop().time()
        deadline_s = started_s + call.limits.total_s
        translation = await self._translation(call, deadline_s)
        if translation is None:
            return await self._rest.complete(call)
        route = translation.route
        client = exchange(
            translation.client_class,
            self._transport,
            call,
            until_s=deadline_s,
            name="total_s",
            secrets=route.secrets,
        )
        with translated(call, route.secrets, client.explained):
            response = await translation.send(call.body, client, stream=False)
            latency_s = asyncio.get_running_loop().time() - started_s
            answer = plain_answer(response, call.arm.id)
        completion = read_reply(answer, call.body, arm_id=call.arm.id, latency_s=latency_s)
        return Reply(
            body={**answer, "usage": usage_body(answer.get("usage"), completion)},
            completion=priced(completion, _price(call, route)),
        )

    async def open(self, call: Call) -> ReplyStream:
        """Start a stream; returns once its first event has arrived."""
        now = asyncio.get_running_loop().time
        deadline_s = now() + call.limits.total_s
        translation = await self._translation(call, deadline_s)
        if translation is None:
            return await self._rest.open(call)
        started_s = now()
        first_s = started_s + call.limits.first_token_s
        name: LimitName = "first_token_s" if first_s < deadline_s else "total_s"
        route = translation.route
        client = exchange(
            translation.client_class,
            self._transport,
            call,
            until_s=min(first_s, deadline_s),
            name=name,
            secrets=route.secrets,
            piece=translation.piece,
        )
        try:
            with translated(call, route.secrets, client.explained):
                wrapper = await translation.send(call.body, client, stream=True)
                if wrapper.completion_stream is None:
                    wrapper.completion_stream = await wrapper.make_call(client=client)
            stream = TransformStream(
                call,
                wrapper,
                client,
                started_s=started_s,
                deadline_s=deadline_s,
                price=_price(call, route),
            )
            await stream.start()
        except BaseException:
            client.close()
            raise
        return stream

    async def close(self) -> None:
        """Release the connections of this lane and of the one behind it."""
        await self._transport.close()
        await self._rest.close()

    async def _translation(self, call: Call, deadline_s: float) -> Translation | None:
        """How this call is translated; None where it has to go the long way."""
        route = self._routes.get(call.arm.id)
        if route is None or not translatable(call.body, caches=_family(route).caches):
            return None
        if self._translations is None:
            async with limited(call, "total_s", call.limits.total_s, deadline_s):
                with translated(call, route.secrets):
                    await self.warm()
        return (self._translations or {}).get(call.arm.id)


def _prepare(routes: Mapping[str, Route]) -> dict[str, Translation]:
    litellm: Any = load_litellm()
    return {
        arm_id: _family(route)(litellm, route)
        for arm_id, route in routes.items()
        if proven(litellm, route, _family(route))
    }


def _family(route: Route) -> type[Translation]:
    return FAMILIES[route.model.partition("/")[0]]


def _price(call: Call, route: Route) -> Price | None:
    """The table's price where the configuration gives none."""
    entry = lookup(route.model) if call.arm.price is None else None
    return entry.price if entry is not None else None
