"""The official OpenAI client against the gateway as a process: tests/clients/openai_suite.py, one test for each check.

The client's current release cannot live in the gateway's environment, so the checks run in a process of their own. One
run makes all of them, in about three seconds; setting the stage takes longer.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.clients.environment import ROOT, client_environment
from tests.clients.scripted import CALLS, PERSON, PIECES, RATED_ID, REFUSAL, RETRY_AFTER_S, WORDS
from tests.neighbours.dead_addresses import refusing
from tests.neighbours.gateway_process import GatewayProcess, gateway_process
from tests.neighbours.scripted_provider import Script, ScriptedProvider, ScriptedTool, error_body, whole

KEY, ADMIN_KEY = "client-key", "admin-key"
LIMIT_S = 120.0
SUITE = sorted((ROOT / "tests" / "clients").glob("*_checks.py"))
_CHECK = re.compile(r"^(?:async )?def check_(\w+)\(", re.MULTILINE)
NAMES = [name for file in SUITE for name in _CHECK.findall(file.read_text(encoding="utf-8"))]
"""Read and not imported: the checks need a newer client than there is in this environment."""

Results = Mapping[str, Mapping[str, Any]]


def _logprobs(index: int) -> dict[str, object]:
    said = [{"token": word, "logprob": logprob, "bytes": list(word.encode())} for word, logprob in WORDS]
    return {"content": [{**said[index], "top_logprobs": said}], "refusal": None}


def _many() -> dict[str, Script]:
    """Two choices with log-probabilities; streamed, their chunks alternate."""
    answer = whole(Script(), {"model": "many"})
    choices = [
        {"index": i, "message": {"role": "assistant", "content": word}, "finish_reason": "stop"} for i, word in _words()
    ]
    answer["choices"] = [{**choice, "logprobs": _logprobs(i)} for i, choice in enumerate(choices)]
    head = {"id": "chatcmpl-many", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "many"}
    rounds: list[list[dict[str, object]]] = [
        [{"delta": {"role": "assistant", "content": ""}} for _ in WORDS],
        [{"delta": {"content": word}, "logprobs": _logprobs(i)} for i, word in _words()],
        [{"delta": {}, "finish_reason": "stop"} for _ in WORDS],
    ]
    events = [{**head, "choices": [{"index": i, **part}]} for parts in rounds for i, part in enumerate(parts)]
    return {"many": Script(raw=json.dumps(answer).encode()), "many-streamed": Script(events=events)}


def _words() -> list[tuple[int, str]]:
    return [(i, word) for i, (word, _) in enumerate(WORDS)]


def _failures() -> dict[str, Script]:
    wait = {"retry-after": str(RETRY_AFTER_S)}
    limited = Script(status=429, headers=wait, raw=error_body("Slow down."))
    failing = Script(status=500, raw=error_body("Oops."))
    refusal = error_body(REFUSAL, kind="invalid_request_error", param="messages[0].content", code="string_too_long")
    return {
        "limited": limited,
        "limited-too": limited,
        "failing": failing,
        "failing-too": failing,
        "broken": failing,
        "down": Script(status=503, raw=error_body("Maintenance.")),
        "busy": Script(status=503, headers=wait, raw=error_body("Overloaded.")),
        "refusing": Script(status=400, raw=refusal),
        "unprocessable": Script(status=422, raw=error_body("Well-formed, but wrong.", kind="invalid_request_error")),
        "locked": Script(status=401, raw=error_body("Incorrect API key provided: provider-key.")),
        "missing": Script(status=404, raw=error_body("No such model.", code="model_not_found")),
        "garbled": Script(raw=b'{"choices": [{"mess'),
        "mute": Script(hang=True),
        "cut": Script(pieces=PIECES, cut_after=3),
    }


def _scripts() -> dict[str, Script]:
    plain = Script(pieces=PIECES)
    calls = [ScriptedTool(id=id, name=name, fragments=fragments) for id, name, fragments in CALLS]
    tools = Script(pieces=(), tools=calls, finish_reason="tool_calls")
    return {
        "plain": plain,
        "org/other": plain,
        "tools": tools,
        "tools-in-turns": replace(tools, interleaved=True),
        "json": Script(pieces=PERSON),
        "long": Script(pieces=PERSON[:-1], finish_reason="length"),
        "held": Script(pieces=PIECES, hold_after=4),
        "held-headers": Script(pieces=PIECES, hold_after=1),
        "to-be-rated": Script(raw=json.dumps({**whole(plain, {}), "id": RATED_ID}).encode()),
        **_many(),
        **_failures(),
    }


def _configuration(provider: ScriptedProvider, admin_key: str | None) -> dict[str, Any]:
    models = [
        {"id": id, "model": f"openai/{id}", "api_key": "provider-key", "api_base": provider.url}
        for id in provider.scripts
    ]
    models.append({"id": "unreachable", "model": "openai/x", "api_key": "provider-key", "api_base": refusing()})
    two = ["plain", "org/other"]
    half = {"algorithm": {"kind": "fixed", "arm": "org/other"}, "rollout": {"stage": "canary", "percentage": 50}}
    alone = [id for id in provider.scripts if not id.startswith(("limited", "failing"))]
    return {
        "server": {"max_body_bytes": 200_000},
        "keys": [{"tenant": "team", "key": KEY}],
        "admin_key": admin_key,
        "models": models,
        "policies": {
            "default": {"models": two, "baseline": "plain", "rollout": {"stage": "full"}},
            "half": {"models": two, "baseline": "plain", **half},
            "limited": {"models": ["limited", "limited-too"], "baseline": "limited"},
            "failing": {"models": ["failing", "failing-too"], "baseline": "failing"},
            "single": {"models": [*alone, "unreachable"], "baseline": "plain"},
        },
    }


@asynccontextmanager
async def _desk(provider: ScriptedProvider) -> AsyncIterator[str]:
    """Where the checks, in their own process, ask what the provider has received and whether it is at work."""

    async def received(request: web.Request) -> web.Response:
        model = request.match_info["model"]
        found = [entry for entry in provider.requests if entry.model == model]
        return web.json_response([{"headers": dict(entry.headers), "body": entry.body} for entry in found])

    async def busy(_: web.Request) -> web.Response:
        return web.json_response(provider.busy_connections)

    app = web.Application()
    app.router.add_get("/received/{model:.+}", received)
    app.router.add_get("/busy", busy)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def _run(folder: Path, python: Path) -> str:
    """The suite's output, from one run of all checks against fresh processes."""
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(ScriptedProvider(_scripts()))
        desk = await stack.enter_async_context(_desk(provider))

        async def started(name: str, admin_key: str | None) -> GatewayProcess:
            (folder / name).mkdir()
            settings = _configuration(provider, admin_key)
            return await stack.enter_async_context(gateway_process(folder / name, settings))

        gateway, closed = await asyncio.gather(started("gateway", ADMIN_KEY), started("closed", None))
        command = [str(python), "-m", "tests.clients.openai_suite", gateway.url, "--closed-url", closed.url]
        command += ["--desk-url", desk, "--key", KEY, "--admin-key", ADMIN_KEY]
        # An empty environment: neither a proxy nor an OPENAI_BASE_URL of this machine steers the client.
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env={}, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert done.returncode == 0, f"{done.stderr}\n{gateway.log[-4000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Every check's line, by its name."""
    output = asyncio.run(_run(tmp_path_factory.mktemp("openai-client"), client_environment()))
    return {line["name"]: line for line in map(json.loads, output.splitlines())}


@pytest.mark.parametrize("name", NAMES)
def test_the_official_client(results: Results, name: str) -> None:
    """What the check of this name in tests/clients/*_checks.py says holds."""
    assert results[name]["ok"], results[name]["detail"]


def test_every_check_was_made(results: Results) -> None:
    """The suite ran what its files hold, no less and no more, and no name stands for two checks."""
    assert sorted(results) == sorted(NAMES)
