"""The upstream's contract over our own connections, and what only this lane promises."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.adapters.asyncio_transport import AsyncioTransport
from gateway.adapters.direct_upstream import DirectRoute, DirectUpstream
from gateway.errors import UpstreamError, UpstreamInvalidError
from gateway.flows.ports import Upstream
from tests.contract.upstream_fixtures import CANARY, MESSAGES, Lane, request
from tests.contract.upstream_suite import UpstreamContract


class TestDirectUpstream(UpstreamContract):
    """Every promise of the port."""

    resends = 1

    async def build(self, api_base: str) -> Upstream:
        route = DirectRoute.of("openai/arm", api_key=CANARY, api_base=api_base)
        return DirectUpstream({"arm": route}, AsyncioTransport())

    async def test_the_body_passes_untouched(self, lane: Lane) -> None:
        """Roles, fields and orders that a translator would change arrive as they were written."""
        messages = [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}, *MESSAGES]
        fields: dict[str, Any] = {"verbosity": "low", "reasoning_effort": "high", "thinking": {"type": "enabled"}}
        await lane.complete(messages=messages, **fields)
        assert lane.sent == {"model": "arm", "messages": messages, **fields}

    async def test_one_malformed_event_costs_no_more_than_itself(self, lane: Lane) -> None:
        """The rest of the stream is delivered."""
        raw = _events(_piece("a"), "{broken", "7", "null", '"text"', _piece("b"), _LAST, "[DONE]")
        lane.script(raw=raw, content_type="text/event-stream")
        assert (await lane.stream()).text == "ab"

    async def test_what_came_before_a_failure_is_delivered(self, lane: Lane) -> None:
        """Though both arrived in one piece: text that is charged and learned from is text that was sent."""
        raw = _events(_piece("a"), '{"error":{"message":"busy","code":529}}')
        lane.script(raw=raw, content_type="text/event-stream")
        stream = await lane.upstream.open(request())
        blocks = [await anext(aiter(stream))]
        with pytest.raises(UpstreamError, match="busy"):
            await anext(aiter(stream))
        assert b'"a"' in b"".join(blocks)
        assert stream.completion().text == "a"

    async def test_a_whole_answer_instead_of_a_stream(self, lane: Lane) -> None:
        """A provider that ignores what it was asked has not answered."""
        lane.script(raw=b'{"choices":[{"message":{"content":"a"}}]}')
        with pytest.raises(UpstreamInvalidError, match="sent none"):
            await lane.stream()

    async def test_text_that_looks_like_fields(self, lane: Lane) -> None:
        """Only the field itself is renamed, never what a text says of it."""
        text = '"model":"arm-2026-01-01","usage":null'
        lane.script(pieces=(text[:10], text[10:], text))
        streamed = await lane.stream()
        assert streamed.text == text * 2
        assert {chunk["model"] for chunk in streamed.chunks} == {"arm"}

    async def test_connections_are_used_again(self, lane: Lane) -> None:
        """After an answer, a stream and an error alike."""
        for _ in range(3):
            await lane.complete()
            await lane.stream()
        assert lane.provider.open_connections == 1


@pytest.mark.parametrize(
    ("model", "api_base", "target", "name"),
    [
        ("openai/gpt-4o", None, ("https", "api.openai.com", 443, "/v1/chat/completions"), "gpt-4o"),
        ("ollama/llama3", "http://host:11434", ("http", "host", 11434, "/v1/chat/completions"), "llama3"),
        ("ollama/llama3", "http://host:11434/v1/", ("http", "host", 11434, "/v1/chat/completions"), "llama3"),
        ("openai/a/b", "http://[::1]:9/x?y=1", ("http", "::1", 9, "/x/chat/completions?y=1"), "a/b"),
        ("house/m", "https://h/v1/chat/completions", ("https", "h", 443, "/v1/chat/completions"), "house/m"),
        ("fireworks_ai/m", None, ("https", "api.fireworks.ai", 443, "/inference/v1/chat/completions"),
         "accounts/fireworks/models/m"),
    ],
)  # fmt: skip
def test_where_a_model_is(model: str, api_base: str | None, target: tuple[object, ...], name: str) -> None:
    """By its provider, or by the address that the configuration gives."""
    route = DirectRoute.of(model, api_key="k", api_base=api_base)
    end = route.endpoint
    assert ((end.scheme, end.host, end.port, end.target), route.model) == (target, name)
    assert ("authorization", "Bearer k") in end.headers
    assert "Bearer" not in repr(route)


def test_a_model_without_an_address() -> None:
    """It cannot be reached, and says what would help."""
    with pytest.raises(ValueError, match="api_base"):
        DirectRoute.of("hosted_vllm/m", api_key=None, api_base=None)


def _events(*payloads: str) -> bytes:
    return "".join(f"data: {payload}\n\n" for payload in payloads).encode()


def _piece(text: str) -> str:
    return f'{{"id":"c","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}'


_LAST = '{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
