"""The transform lane means what `acompletion` means: the same request goes up, the same answer comes back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from tests.contract.transform_cases import ANSWERS, CLAUDE, ERRORS, GEMINI, MODELS, REQUESTS, STREAMS, TOOLS, family
from tests.contract.transform_lanes import Lanes, Replayed
from tests.contract.upstream_fixtures import CANARY

# pydantic says so once for each of litellm's own types, whenever it happens to be built.
pytestmark = pytest.mark.filterwarnings("ignore:.* on TypedDict class .* using the `ReadOnly` qualifier:UserWarning")


@pytest.fixture
async def server() -> AsyncIterator[Replayed]:
    server = Replayed()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield server
    await runner.cleanup()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("special", REQUESTS)
async def test_the_same_request_goes_up(server: Replayed, special: str, model: str, stream: bool) -> None:
    """Path, headers and body; and where litellm refuses a request itself, both lanes refuse it in the same words."""
    if stream:
        server.stream(STREAMS[family(model)][0][1])
    else:
        server.content = ANSWERS[family(model)][0][1]
    lanes = Lanes(model, server)
    fast, slow = await lanes.both(stream=stream, **REQUESTS[special])
    await lanes.close()
    assert (fast.path, fast.body) == (slow.path, slow.body)
    assert fast.headers == slow.headers
    if not slow.path:
        # Neither got as far as the provider; where litellm has no word for it, it calls the mistake a status 500.
        for said in (fast, slow):
            said.read["message"] = said.read["message"].replace("(Exception)", "(500)")
    assert fast.read == slow.read
    assert fast.answer == slow.answer


async def test_marks_for_the_cache_go_up(server: Replayed) -> None:
    """Anthropic's are a part of the request, wherever they stand."""
    mark = {"cache_control": {"type": "ephemeral"}}
    server.content = ANSWERS["anthropic"][0][1]
    lanes = Lanes(CLAUDE, server)
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Be brief.", **mark}]},
        {"role": "user", "content": "x", **mark},
    ]
    fast, slow = await lanes.both(stream=False, messages=messages, tools=[{**TOOLS[0], **mark}])
    await lanes.close()
    assert str(fast.body).count("cache_control") == 3
    assert fast == slow


async def test_an_operators_headers_go_up(server: Replayed) -> None:
    """Those of the route, a beta's name say, beside the provider's own."""
    server.content = ANSWERS["anthropic"][0][1]
    lanes = Lanes(CLAUDE, server, extra_headers={"anthropic-beta": "context-1m-2025-08-07", "x-tenant": "t"})
    fast, slow = await lanes.both(stream=False)
    await lanes.close()
    assert fast.headers["x-tenant"] == "t"
    assert fast == slow


@pytest.mark.parametrize("fields", [{}, REQUESTS["a schema"], REQUESTS["tools"]], ids=["plain", "schema", "tools"])
@pytest.mark.parametrize(("model", "kind"), [(m, k) for m in MODELS for k, _ in ANSWERS[family(m)]])
async def test_the_same_answer_comes_back(server: Replayed, model: str, kind: str, fields: dict[str, Any]) -> None:
    """The body for the client, and what is read of it: text, tool calls, finish reason, usage and cost."""
    server.content = dict(ANSWERS[family(model)])[kind]
    lanes = Lanes(model, server)
    fast, slow = await lanes.both(stream=False, **fields)
    await lanes.close()
    assert fast == slow


@pytest.mark.parametrize("fields", [{}, REQUESTS["a schema"], {"stream_options": {"include_usage": True}}],
                         ids=["plain", "schema", "usage"])  # fmt: skip
@pytest.mark.parametrize(("model", "kind"), [(m, k) for m in MODELS for k, _ in STREAMS[family(m)]])
async def test_the_same_stream_comes_back(server: Replayed, model: str, kind: str, fields: dict[str, Any]) -> None:
    """Every event of it, its end or its error."""
    server.stream(dict(STREAMS[family(model)])[kind])
    lanes = Lanes(model, server)
    fast, slow = await lanes.both(stream=True, **fields)
    await lanes.close()
    assert fast == slow


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [CLAUDE, GEMINI])
@pytest.mark.parametrize("kind", ERRORS)
async def test_the_same_error_comes_back(server: Replayed, model: str, kind: str, stream: bool) -> None:
    """One kind, one status and one text for each, whichever lane it was met in."""
    status, headers, body = ERRORS[kind]
    server.status, server.headers, server.content = status, headers, json.dumps(body).encode()
    lanes = Lanes(model, server)
    fast, slow = await lanes.both(stream=stream)
    await lanes.close()
    assert fast.read == slow.read
    assert CANARY not in str(fast.read)
