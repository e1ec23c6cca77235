"""An exchange through an outlet that only listens: what is sent, and what is learned of how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import yaml

from gateway.api.exchange import Asked, exchange, tell, waiting
from gateway.api.outlet import ClientGoneError, Phase
from gateway.app import Gateway
from gateway.errors import GatewayError, OverloadedError, RequestError, UpstreamError, UpstreamRateLimitError
from gateway.settings.load import parse
from tests.fakes import FakeMeter, FakeUpstream
from tests.neighbours.raw_client import asked
from tests.serving import configuration

DECIDED = {
    *("x-request-id", "x-gateway-decision-id", "x-gateway-model", "x-gateway-policy"),
    *("x-gateway-mode", "x-gateway-attempts", "x-gateway-overhead-ms"),
}


class Listener:
    """Keeps what it is told; from its `deaf`th call on nobody is there."""

    def __init__(self, deaf: int = 1000) -> None:
        self.phase: Phase = "unbegun"
        self.status = 0
        self.headers: dict[str, str] = {}
        self.heard: list[bytes] = []
        self.deaf = deaf

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self._hear(body)
        self.phase, self.status, self.headers = "over", status, dict(headers)

    async def begin(self, headers: Mapping[str, str]) -> None:
        self.phase, self.status, self.headers = "streaming", 200, dict(headers)

    async def write(self, data: bytes) -> None:
        self._hear(data)

    async def end(self, data: bytes) -> None:
        self._hear(data)
        self.phase = "over"

    def _hear(self, data: bytes) -> None:
        if len(self.heard) >= self.deaf:
            raise ClientGoneError
        self.heard.append(data)


class Setting:
    """Everything behind an exchange."""

    def __init__(self, folder: Path) -> None:
        self.upstream = FakeUpstream()
        settings = parse("test.yaml", yaml.safe_dump(configuration(folder)), {})
        services = Gateway(settings, upstream=self.upstream, seed=1).services
        self._meter = FakeMeter()
        learn = replace(services.serve.learn, meter=self._meter)
        self._services = replace(services, serve=replace(services.serve, learn=learn))

    @property
    def settled(self) -> list[str]:
        """How each exchange ended."""
        return [outcome.status for outcome in self._meter.outcomes]

    async def exchange(self, body: bytes, outlet: Listener) -> None:
        """One request."""
        given = Asked(raw=body, headers={}, tenant="default", request_id="req_1", arrived_s=0.0)
        await exchange(self._services, given, outlet)


@pytest.fixture
async def setting(tmp_path: Path) -> Setting:
    """A gateway that listens nowhere."""
    return Setting(tmp_path)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_carries_its_decision_and_is_settled_once(setting: Setting, stream: bool) -> None:
    """After the last byte has left, which may be when the loop's callbacks are done."""
    outlet = Listener()
    await setting.exchange(asked(stream=stream), outlet)
    assert setting.settled == []
    await asyncio.sleep(0)
    assert (outlet.phase, outlet.status) == ("over", 200)
    assert outlet.headers.keys() >= DECIDED
    assert outlet.headers["x-request-id"] == "req_1"
    assert (outlet.heard[-1] == b"data: [DONE]\n\n") == stream
    assert setting.settled == ["answered"]


@pytest.mark.parametrize(("stream", "deaf"), [(False, 0), (True, 0), (True, 1), (True, 2)])
async def test_a_client_that_leaves_is_no_verdict(setting: Setting, stream: bool, deaf: int) -> None:
    """Wherever it leaves: aborted, once, and the upstream's stream is closed."""
    await setting.exchange(asked(stream=stream), Listener(deaf))
    assert setting.settled == ["aborted"]
    assert all(found.closed for found in setting.upstream.streams)


async def test_a_refusal_before_the_decision_is_raised(setting: Setting) -> None:
    """For whoever carries the request to tell; nothing is sent or settled."""
    outlet = Listener()
    with pytest.raises(RequestError):
        await setting.exchange(b"{", outlet)
    assert (outlet.phase, setting.settled, setting.upstream.calls) == ("unbegun", [], [])


async def test_a_failure_after_the_decision_is_an_answer_that_names_it(setting: Setting) -> None:
    """With the error's body; told not to try again where we have tried several models."""
    setting.upstream.script = lambda call: UpstreamRateLimitError("busy", arm_id=call.arm.id, retry_after_s=3.0)
    outlet = Listener()
    await setting.exchange(asked(model="auto"), outlet)
    assert outlet.status == 429
    assert outlet.headers.keys() == DECIDED | {"Retry-After", "x-should-retry"}
    assert orjson.loads(outlet.heard[0])["error"]["message"] == "busy"
    with pytest.raises(ClientGoneError):
        await setting.exchange(asked(model="auto"), Listener(deaf=0))


async def test_an_exchange_that_is_cancelled_is_aborted(setting: Setting) -> None:
    """While the upstream works."""
    setting.upstream.gate = asyncio.Event()
    task = asyncio.get_running_loop().create_task(setting.exchange(asked(), Listener()))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert setting.settled == ["aborted"]


@pytest.mark.parametrize("phase", ["unbegun", "streaming", "over"])
async def test_an_error_is_told_as_far_as_the_answer_allows(phase: Phase) -> None:
    """As the answer; as the stream's last frame; and not at all once the answer is whole."""
    outlet = Listener()
    outlet.phase = phase
    await tell(OverloadedError("later"), "req_1", outlet)
    body = orjson.dumps(OverloadedError("later").body())
    assert outlet.heard == {"unbegun": [body], "streaming": [b"data: " + body + b"\n\n"], "over": []}[phase]
    assert outlet.headers == ({"x-request-id": "req_1", "Retry-After": "1"} if phase == "unbegun" else {})
    assert outlet.status == (503 if phase == "unbegun" else 0)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OverloadedError("x", retry_after_s=0.0), {"Retry-After": "1"}),
        (OverloadedError("x", retry_after_s=7.2), {"Retry-After": "7"}),
        (UpstreamRateLimitError("x", arm_id="a", retry_after_s=None), None),
        (UpstreamError("x", arm_id="a"), {}),
        (GatewayError("x"), {}),
    ],
)
def test_waiting_is_advised_where_it_may_help(error: GatewayError, expected: dict[str, str] | None) -> None:
    """429 and 503 with a time to wait, in whole seconds, at least one."""
    assert waiting(error) == expected or expected is None
