"""Prove, when litellm is loaded, that the transform lane sends and reads what `acompletion` does in this version."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from gateway.adapters.http_transport import Endpoint
from gateway.adapters.litellm_loading import quiet_call
from gateway.adapters.litellm_stream import provider_chunks, translated
from gateway.adapters.litellm_transform_call import Translation
from gateway.adapters.litellm_transform_client import exchange
from gateway.adapters.litellm_upstream import Route, call_arguments, plain_answer
from gateway.core.values import Arm, Json
from gateway.errors import UpstreamError
from gateway.flows.ports import Call, Limits

_NOWHERE: Final = "http://canned.invalid"
"""Where the probes go: nothing is to be sent, and what were sent in spite of it would arrive nowhere."""
_LIMITS: Final = Limits(connect_s=1.0, first_token_s=1.0, idle_s=1.0, total_s=1.0)
_SCHEMA: Final = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
_TOOL: Final = {"type": "function", "function": {"name": "a.b", "description": "x", "parameters": _SCHEMA}}
_CALL: Final = {"id": "call_1", "type": "function", "function": {"name": "a.b", "arguments": '{"x": "y"}'}}
_PIXEL: Final = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
_PROBES: Final[Sequence[Json]] = (
    {
        "messages": [
            {"role": "system", "content": "x"},
            {"role": "developer", "content": "y"},
            {"role": "user", "content": [{"type": "text", "text": "z"}]},
        ],
        "max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.5, "stop": ["a", "b", "c", "d", "e"], "user": "u",
        "seed": 1, "n": 1, "frequency_penalty": 0.5,
    },
    {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "y"},
        ],
        "tools": [_TOOL], "tool_choice": "required", "parallel_tool_calls": False, "n": 2,
    },
    {
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": _PIXEL}}]}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": _SCHEMA}},
        "reasoning_effort": "low", "max_tokens": 4000,
    },
)  # fmt: skip


_known: Final[dict[tuple[str, str], bool]] = {}


def proven(litellm: Any, route: Route, make: type[Translation]) -> bool:
    """Whether the probes mean the same both ways, for a model and what its configuration adds.

    It takes tens of milliseconds and belongs in the loading thread: it runs a loop of its own.
    """
    key = (route.model, repr(sorted(route.extra.items())))
    if key not in _known:
        _known[key] = _proven(litellm, replace(route, api_key="none", api_base=_NOWHERE), make)
    return _known[key]


def _proven(litellm: Any, route: Route, make: type[Translation]) -> bool:
    call = Call(arm=Arm(id="probe", model=route.model), body={}, limits=_LIMITS)
    try:
        with translated(call):
            return asyncio.run(_agree(litellm, make(litellm, route)))
    except UpstreamError:
        return False


async def _agree(litellm: Any, translation: Translation) -> bool:
    for body in _PROBES:
        for stream in (False, True) if body is _PROBES[0] else (False,):
            ours = await _seen(litellm, translation, body, stream=stream, whole=False)
            if ours[1] is None:
                return False
            if ours != await _seen(litellm, translation, body, stream=stream, whole=True):
                return False
    return True


async def _seen(
    litellm: Any, translation: Translation, body: Json, *, stream: bool, whole: bool
) -> tuple[object, object]:
    """What a request sends and what its answer is read as, by `acompletion` as a `whole` or by the translation."""
    canned = _Canned(_events(translation.sample_stream) if stream else orjson.dumps(translation.sample))
    call = Call(arm=Arm(id="probe", model=translation.model), body=body, limits=_LIMITS)
    until_s = asyncio.get_running_loop().time() + _LIMITS.total_s
    client = exchange(translation.client_class, canned, call, until_s=until_s, name="total_s")
    if whole:
        arguments = call_arguments(translation.route, translation.parameters(body), stream=stream)
        with quiet_call(_LIMITS.connect_s):
            answer = await litellm.acompletion(**arguments, client=client)
    else:
        answer = await translation.send(body, client, stream=stream)
    if not stream:
        return canned.sent, _timeless(plain_answer(answer, "probe"))
    if answer.completion_stream is None:
        answer.completion_stream = await answer.make_call(client=client)
    return canned.sent, [_timeless(dict(chunk)) async for chunk in provider_chunks(answer)] or None


def _timeless(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("id", "created")}


class _Canned:
    """A transport that sends nothing and answers everything with the same body."""

    def __init__(self, body: bytes) -> None:
        self.sent: list[tuple[Endpoint, object]] = []
        self._body = body

    async def send(self, endpoint: Endpoint, body: bytes, *, connect_s: float, until_s: float) -> _CannedResponse:
        """Keep what was to be sent."""
        del connect_s, until_s
        self.sent.append((endpoint, orjson.loads(body)))
        return _CannedResponse(self._body)

    async def close(self) -> None:
        """Nothing is open."""


class _CannedResponse:
    status: Final = 200

    def __init__(self, body: bytes) -> None:
        self._body = body

    def header(self, name: str) -> str | None:
        """No headers."""
        del name
        return None

    def limit(self, *, idle_s: float, until_s: float) -> None:
        """Nothing takes time here."""

    async def chunk(self) -> bytes:
        """The body at once, then its end."""
        body, self._body = self._body, b""
        return body

    async def read(self, limit: int) -> bytes:
        """The body."""
        del limit
        return self._body

    def release(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""


def _events(events: Sequence[Json]) -> bytes:
    return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events)
