"""A stream is a stream: the first chunk leaves before the provider has sent its last."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp

from tests.e2e.conftest import two_arms
from tests.neighbours.gateway_process import gateway_process
from tests.neighbours.scripted_provider import Script, ScriptedProvider

PIECES = ("Grüße", " aus ", "東京", " 🎉", "\n\n", "data: not an event", " end")


async def test_the_first_chunk_arrives_before_the_last_is_sent(tmp_path: Path, provider: ScriptedProvider) -> None:
    """With the provider held in mid-stream, headers and first text are already at the client; then text and usage."""
    provider.scripts["small"] = provider.scripts["large"] = Script(pieces=PIECES, hold_after=3)
    body = {
        "model": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "Hi"}],
    }
    async with (
        gateway_process(tmp_path, two_arms(provider)) as gateway,
        aiohttp.ClientSession() as session,
        session.post(gateway.url + "/v1/chat/completions", json=body) as response,
    ):
        assert "x-gateway-decision-id" in response.headers
        text, usage, finished_before_release = "", None, None
        async with asyncio.timeout(20):
            async for line in response.content:
                if not line.startswith(b"data: {"):
                    continue
                event = json.loads(line[6:])
                for choice in event["choices"]:
                    text += choice["delta"].get("content") or ""
                usage = event.get("usage") or usage
                if text and finished_before_release is None:
                    finished_before_release = provider.finished_streams
                    provider.release()
        assert finished_before_release == 0
        assert text == "".join(PIECES)
        assert usage is not None
        assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (11, 7, 18)


async def test_usage_is_not_sent_unasked(tmp_path: Path, provider: ScriptedProvider) -> None:
    """The gateway asks for usage itself; a client that did not never sees that chunk, but is charged right."""
    async with gateway_process(tmp_path, two_arms(provider)) as gateway:
        _, text, headers = await gateway.chat(stream=True)
        assert '"usage"' not in text.replace('"usage":null', "")
        _, record, _ = await gateway.send("GET", f"/admin/decisions/{headers['x-gateway-decision-id']}")
        assert (record["outcome"]["tokens_in"], record["outcome"]["tokens_out"]) == (11, 7)
        assert abs(record["outcome"]["cost_usd"] - (11 * 1e-6 + 7 * 2e-6)) < 1e-12
