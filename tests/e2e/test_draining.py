"""SIGTERM to a real gateway: streams finish or are told, nothing goes wrong on the way out, and the status is 0."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.conftest import two_arms
from tests.neighbours.gateway_process import gateway_process
from tests.neighbours.raw_client import asked, connected, request
from tests.neighbours.scripted_provider import Script, ScriptedProvider


@pytest.mark.parametrize("late", [False, True])
async def test_a_stream_at_the_end_of_the_process(tmp_path: Path, provider: ScriptedProvider, late: bool) -> None:
    """It finishes in its time, or ends with an error frame; idle connections close; no error is logged."""
    provider.scripts["small"] = Script(pieces=("one", "two", "three"), hold_after=2)
    server = {"server": {"drain_s": 0.5 if late else 30.0}}
    async with gateway_process(tmp_path, two_arms(provider) | server) as gateway:
        async with connected(gateway.url) as idle, connected(gateway.url) as raw:
            await raw.send(request(asked(stream=True)))
            await raw.reader.readuntil(b"one")
            stopping = asyncio.get_running_loop().create_task(gateway.stop())
            assert await idle.end() == b""
            if not late:
                provider.release()
            rest = await raw.end()
        assert await stopping == 0
        assert rest.endswith(b"\r\n0\r\n\r\n")
        assert (b"[DONE]" in rest, b"shutting down" in rest) == (not late, late)
        assert "Traceback" not in gateway.log
        assert "never retrieved" not in gateway.log
