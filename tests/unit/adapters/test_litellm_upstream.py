"""The litellm lane before it is used: nothing is loaded, and no secret shows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.adapters.litellm_upstream import LitellmUpstream, Route, _is_foreign
from gateway.core.values import Arm
from gateway.errors import UpstreamError
from gateway.flows.ports import Call, Limits

LOADED = """
import asyncio, sys
from gateway.adapters.litellm_upstream import LitellmUpstream, Route
upstream = LitellmUpstream({"arm": Route(model="openai/x")})
assert not upstream.ready
asyncio.run(upstream.close())
loaded = {"litellm", "openai", "httpx"} & sys.modules.keys()
assert not loaded, loaded
"""


def test_litellm_is_not_imported_before_it_is_needed() -> None:
    """Importing the lane, making it and closing it cost nothing: not litellm, and none of what it brings."""
    subprocess.run([sys.executable, "-c", LOADED], check=True)


def test_a_route_shows_no_secret() -> None:
    """Its repr may end up in a log."""
    route = Route(model="azure/x", api_key="sk-canary", extra={"azure_ad_token": "canary-token", "api_version": "1"})
    assert "canary" not in repr(route)
    assert set(route.secrets) == {"sk-canary", "canary-token"}


@pytest.mark.parametrize(
    ("base", "foreign"),
    [(None, False), ("https://api.openai.com/v1", False), ("https://eu.api.openai.com/v1", False),
     ("http://127.0.0.1:8000/v1", True), ("https://api.openai.com.evil.example/v1", True), ("no address", True),
     ("https://notopenai.com", True)],
)  # fmt: skip
def test_whose_host_it_is(base: str | None, foreign: bool) -> None:
    """Only OpenAI's own hosts are sent the environment's key."""
    assert _is_foreign(base) is foreign


async def test_an_arm_without_route() -> None:
    """Found without loading anything, and said as an upstream error that names the arm."""
    upstream = LitellmUpstream({})
    limits = Limits(connect_s=1, first_token_s=1, idle_s=1, total_s=1)
    call = Call(arm=Arm(id="lost", model="m"), body={}, limits=limits)
    for method in (upstream.complete, upstream.open):
        with pytest.raises(UpstreamError, match="lost") as caught:
            await method(call)
        assert (caught.value.arm_id, caught.value.code) == ("lost", "upstream_misconfigured")
    assert not upstream.ready
