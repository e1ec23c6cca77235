"""The lane through litellm: any provider it knows, with its own retries, callbacks and second thoughts switched off."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.adapters.litellm_body import parameters
from gateway.adapters.litellm_catalog import lookup
from gateway.adapters.litellm_loading import close_http_clients, load_litellm, own_http_client, quiet_call
from gateway.adapters.litellm_stream import LitellmStream, limited, translated
from gateway.adapters.openai_reply import read_reply
from gateway.adapters.openai_usage import priced, usage_body
from gateway.core.values import Price
from gateway.errors import UpstreamError, UpstreamInvalidError
from gateway.flows.ports import Call, Reply, ReplyStream

_NEVER_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How to reach one arm: litellm's `provider/model`, and what that provider needs."""

    model: str
    api_key: str | None = field(default=None, repr=False)
    api_base: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Further arguments of `acompletion` from the operator's configuration: api_version, aws_region_name, ..."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no message may contain."""
        secret = ("key", "secret", "token", "password", "credentials")
        extra = (v for k, v in self.extra.items() if isinstance(v, str) and any(word in k.lower() for word in secret))
        return tuple(value for value in (self.api_key, *extra) if value)


class LitellmUpstream:
    """Implements ports.Upstream. litellm is imported by the first call, or before it by `warm`."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = dict(routes)
        self._litellm: Any = None
        self._loading = asyncio.Lock()
        self._providers: dict[str, str] = {}
        self._openai_wire: frozenset[str] = frozenset()
        self._denied: frozenset[str] = frozenset()

    @property
    def ready(self) -> bool:
        """Whether litellm is in memory, so that a call would not wait for it."""
        return self._litellm is not None

    async def warm(self) -> None:
        """Import litellm in a thread, unless that is done already."""
        async with self._loading:
            if self._litellm is None:
                litellm = await asyncio.to_thread(load_litellm)
                self._openai_wire = frozenset({"openai", "azure", *litellm.openai_compatible_providers})
                self._denied = frozenset(litellm.types.utils.all_litellm_params)
                self._litellm = litellm

    async def complete(self, call: Call) -> Reply:
        """One whole answer within the limits."""
        loop = asyncio.get_running_loop()
        route = self._route(call)
        async with limited(call, "total_s", call.limits.total_s, loop.time() + call.limits.total_s):
            with translated(call, route.secrets):
                await self.warm()
                started_s = loop.time()
                with quiet_call(call.limits.connect_s):
                    response = await self._send(call, route, stream=False)
        latency_s = loop.time() - started_s
        with translated(call, route.secrets):
            answer = plain_answer(response, call.arm.id)
        completion = read_reply(answer, call.body, arm_id=call.arm.id, latency_s=latency_s)
        return Reply(
            body={**answer, "usage": usage_body(answer.get("usage"), completion)},
            completion=priced(completion, self._price(call, route)),
        )

    async def open(self, call: Call) -> ReplyStream:
        """Start a stream; returns once its first event has arrived."""
        loop = asyncio.get_running_loop()
        route = self._route(call)
        deadline_s = loop.time() + call.limits.total_s
        async with limited(call, "total_s", call.limits.total_s, deadline_s):
            with translated(call, route.secrets):
                await self.warm()
        started_s = loop.time()
        async with limited(call, "first_token_s", call.limits.first_token_s, deadline_s):
            with quiet_call(call.limits.connect_s):
                with translated(call, route.secrets):
                    wrapper = await self._send(call, route, stream=True)
                price = self._price(call, route)
                stream = LitellmStream(
                    call, wrapper, started_s=started_s, deadline_s=deadline_s, price=price, secrets=route.secrets
                )
                # Still inside `quiet_call`: some of litellm's providers send their request with the first read only.
                await stream.start()
        return stream

    async def close(self) -> None:
        """Close the connections. litellm keeps them for the whole process, so have one upstream of this kind in it."""
        if self._litellm is not None:
            await close_http_clients(self._litellm)

    def _route(self, call: Call) -> Route:
        route = self._routes.get(call.arm.id)
        if route is None:
            text = f"Arm '{call.arm.id}' has no route to a provider."
            raise UpstreamError(text, arm_id=call.arm.id, code="upstream_misconfigured")
        return route

    def _price(self, call: Call, route: Route) -> Price | None:
        """The table's price where the configuration gives none."""
        entry = lookup(route.model) if call.arm.price is None else None
        return entry.price if entry is not None else None

    async def _send(self, call: Call, route: Route, *, stream: bool) -> Any:
        own_http_client(self._litellm)
        provider = self._provider(call, route)
        fields = parameters(call.body, openai_wire=provider in self._openai_wire, denied=self._denied)
        arguments = call_arguments(route, fields, stream=stream)
        if provider == "openai" and route.api_key is None and _is_foreign(route.api_base):
            # Else litellm would send OPENAI_API_KEY from the environment to a host that is not OpenAI's.
            arguments["api_key"] = "none"
        return await self._litellm.acompletion(**arguments)

    def _provider(self, call: Call, route: Route) -> str:
        """litellm's name of the provider, found once for each arm."""
        known = self._providers.get(call.arm.id)
        if known is not None:
            return known
        try:
            _, provider, _, _ = self._litellm.get_llm_provider(model=route.model, api_base=route.api_base)
        except self._litellm.exceptions.BadRequestError as error:
            text = f"Arm '{call.arm.id}': litellm knows no provider for the model '{route.model}'."
            raise UpstreamError(text, arm_id=call.arm.id, code="upstream_misconfigured") from error
        self._providers[call.arm.id] = str(provider)
        return str(provider)


def call_arguments(route: Route, fields: Mapping[str, object], *, stream: bool) -> dict[str, object]:
    """Arguments of `acompletion` for a request's fields, with all that litellm would do besides switched off."""
    arguments: dict[str, object] = {
        **route.extra,
        **fields,
        "model": route.model,
        "api_key": route.api_key,
        "api_base": route.api_base,
        # All limits are kept by `limited` and `quiet_call`. litellm keeps a client for each value of this one.
        "timeout": _NEVER_S,
        "max_retries": 0,
        "num_retries": 0,
        "drop_params": True,
        # Else any tool needs the mcp package, and one of the type "mcp" makes litellm look for servers.
        "_skip_mcp_handler": True,
    }
    if stream:
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
    return arguments


def _is_foreign(api_base: str | None) -> bool:
    host = urlsplit(api_base).hostname or "" if api_base else "api.openai.com"
    return host != "api.openai.com" and not host.endswith(".openai.com")


def plain_answer(response: Any, arm_id: str) -> dict[str, Any]:
    """litellm's answer as OpenAI writes it: its own additions removed, and the refusal put back where it belongs."""
    if not hasattr(response, "model_dump"):
        raise UpstreamInvalidError(f"Arm '{arm_id}' answered with something that is no answer.", arm_id=arm_id)
    answer = _without_none(response.model_dump(warnings=False))
    answer |= {"model": arm_id, "object": "chat.completion"}
    for choice in answer.get("choices") or ():
        message = _without_none(choice.get("message") or {})
        for holder in (choice, message):
            additions = _without_none(holder.pop("provider_specific_fields", None) or {})
            refusal = additions.pop("refusal", None)
            if refusal is not None:
                message["refusal"] = refusal
            if additions:
                holder["provider_specific_fields"] = additions
        choice["message"] = {"role": "assistant", "content": None, "refusal": None, **message}
    return answer


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
