"""What a client sees is the same whether the front answers it or aiohttp's server does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import UpstreamError, UpstreamRateLimitError, UpstreamRejectedError
from gateway.flows.ports import Call, ReplyStream
from tests.builders import make_completion
from tests.fakes import FakeStream
from tests.neighbours.raw_client import Heard, asked, connected, request
from tests.neighbours.serving_front import front_of, quiet
from tests.serving import Client, serving

ID = [("x-request-id", "mine.1")]
KEYED: dict[str, Any] = {"keys": [{"tenant": "a", "key": "a-key"}], "admin_key": "root-key"}
CHANCE = {"date", "x-gateway-decision-id", "x-gateway-overhead-ms"}
"""Headers whose values differ from answer to answer; that they are there does not."""
WAYS: dict[str, dict[str, Any]] = {
    "front": {},
    "chunked": {"chunked": True},
    "twice": {"headers": [*ID, ("Accept", "a"), ("Accept", "b")]},
    "query": {"line": "POST /v1/chat/completions?a=b HTTP/1.1"},
}
Twist = Callable[[Client], None]


def _plain(_: Client) -> None:
    pass


def _down(client: Client) -> None:
    client.upstream.script = lambda call: UpstreamError("down", arm_id=call.arm.id)


def _busy(client: Client) -> None:
    client.upstream.script = lambda call: UpstreamRateLimitError("slow down", arm_id=call.arm.id, retry_after_s=7.2)


def _refusing(client: Client) -> None:
    client.upstream.script = lambda call: UpstreamRejectedError("flagged", arm_id=call.arm.id, status=451, code="x")


def _unforeseen(client: Client) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    client.gateway.policies["default"].describer.describe = broken  # type: ignore[method-assign,assignment]


def _reset(client: Client) -> None:
    def broken(call: Call) -> Any:
        raise ConnectionResetError("the upstream's, not the client's")

    client.upstream.script = broken


class BrokenStream(FakeStream):
    """Says one thing, then raises what nobody foresaw."""

    error: Exception = ZeroDivisionError("secret detail")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        raise self.error


class ResetStream(BrokenStream):
    """Lets its own connection's error out."""

    error = ConnectionResetError("the upstream's, not the client's")


def _streaming(stream: Callable[[], FakeStream]) -> Twist:
    def twist(client: Client) -> None:
        async def opened(call: Call) -> ReplyStream:
            return stream()

        client.upstream.open = opened  # type: ignore[method-assign]

    return twist


CASES: dict[str, tuple[bytes, Twist, int]] = {
    "whole": (asked(), _plain, 200),
    "stream": (asked(stream=True), _plain, 200),
    "not json": (b"{", _plain, 400),
    "empty body": (b"", _plain, 400),
    "bad parameter": (asked(temperature=9), _plain, 400),
    "unknown model": (asked(model="gpt-99"), _plain, 404),
    "upstream down": (asked(), _down, 502),
    "upstream down for a stream": (asked(stream=True), _down, 502),
    "rate limited": (asked(), _busy, 429),
    "refused by the provider": (asked(), _refusing, 451),
    "unforeseen": (asked(model="auto"), _unforeseen, 500),
    "upstream reset": (asked(), _reset, 500),
    "broken stream": (
        asked(stream=True),
        _streaming(lambda: FakeStream([b"data: a\n\n", UpstreamError("cut", arm_id="small")], make_completion())),
        200,
    ),
    "stream broken unforeseen": (asked(stream=True), _streaming(lambda: BrokenStream([], make_completion())), 200),
    "stream reset": (asked(stream=True), _streaming(lambda: ResetStream([], make_completion())), 200),
    "empty blocks": (
        asked(stream=True),
        _streaming(lambda: FakeStream([b"", b"data: a\n\n", b"", b"data: b\n\n", b""], make_completion())),
        200,
    ),
    "nothing but the end": (asked(stream=True), _streaming(lambda: FakeStream([], make_completion())), 200),
    "too large": (asked("x" * 3000), _plain, 413),
    "just small enough": (asked() + b" " * (2000 - len(asked())), _plain, 200),
}


def _seen(heard: Heard) -> tuple[int, bool, bytes, dict[str, str]]:
    headers = {name: "*" if name in CHANCE else value for name, value in heard.headers.items()}
    return heard.status, heard.whole, heard.body, headers


@pytest.mark.parametrize("case", CASES)
async def test_an_answer_is_the_same_both_ways(tmp_path: Path, case: str) -> None:
    """Status, body and every header; and the connection goes on serving after it."""
    body, twist, status = CASES[case]
    async with quiet(), serving(tmp_path, server={"port": 0, "max_body_bytes": 2000}) as client:
        twist(client)
        front = front_of(client)
        seen = {}
        for way, options in WAYS.items():
            async with connected(client.url) as raw:
                await raw.send(request(body, **{"headers": ID, **options}))
                heard = await raw.hear()
                seen[way] = _seen(heard)
                assert len(front.connections) == (way == "front" and status != 413)
                if status != 413:
                    await raw.send(request(b"{", ID))
                    assert (await raw.hear()).status == 400
        assert seen["front"][:2] == (status, True)
        assert seen["front"][3]["x-request-id"] == "mine.1"
        assert b"secret" not in seen["front"][2]
        assert list(seen.values()) == [seen["front"]] * len(WAYS)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "Bearer wrong")],
        [("Authorization", "Basic a-key")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer a-key"), ("x-api-key", "other")],
        [("Authorization", "Bearer root-key")],
        [("Authorization", "Bearer a-key")],
        [("authorization", "bearer  a-key ")],
        [("X-API-KEY", "a-key")],
        [("api-key", "a-key")],
    ],
)
async def test_a_key_opens_both_doors_or_neither(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    """401 without an echo of what was sent, or an answer."""
    async with serving(tmp_path, **KEYED) as client:
        seen = []
        for way in ([], [("Accept", "a"), ("Accept", "b")]):
            async with connected(client.url) as raw:
                await raw.send(request(asked(), [*ID, *headers, *way]))
                seen.append(_seen(await raw.hear()))
        assert seen[0] == seen[1]
        assert (seen[0][0] == 200) == any(value.strip().lower().endswith("a-key") for _, value in headers[:1]) * (
            len(headers) == 1 and "Basic" not in headers[0][1]
        )
        assert len(client.upstream.calls) == 2 * (seen[0][0] == 200)


async def test_hints_and_ids_are_read_alike(tmp_path: Path) -> None:
    """Names of headers in any case, blanks around values, an id that could break a log line."""
    async with serving(tmp_path) as client:
        for way in ([], [("Accept", "a"), ("Accept", "b")]):
            async with connected(client.url) as raw:
                await raw.send(
                    request(asked(), [("X-Gateway-TASK-type", " \tcode_generation "), ("X-REQUEST-ID", "a b"), *way])
                )
                heard = await raw.hear()
                assert heard.headers["x-request-id"].startswith("req_")
                await client.gateway.sync.flush()
                _, record, _ = await client.send("GET", f"/admin/decisions/{heard.headers['x-gateway-decision-id']}")
                assert "code" in record["task_type"]


@pytest.mark.parametrize("hint", [("x-gateway-timeout-s", "soon"), ("x-gateway-priority", "-1")])
async def test_a_bad_hint_is_refused_alike(tmp_path: Path, hint: tuple[str, str]) -> None:
    """400 that names the header as the client spelled its meaning, not its case."""
    async with serving(tmp_path) as client:
        seen = []
        for way in ([], [("Accept", "a"), ("Accept", "b")]):
            async with connected(client.url) as raw:
                await raw.send(request(asked(), [*ID, (hint[0].title(), hint[1]), *way]))
                seen.append(_seen(await raw.hear()))
        assert seen[0][0] == 400
        assert seen[0] == seen[1]
