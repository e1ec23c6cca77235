"""What litellm's provider code posts, and what comes back of it, without litellm."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gateway.adapters.http_transport import Endpoint, TransportError, TransportTimeoutError
from gateway.adapters.litellm_transform_client import Answer, Exchange, exchange
from gateway.adapters.litellm_transform_text import anthropic_piece
from gateway.core.values import Arm
from gateway.errors import (
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
)
from gateway.flows.ports import Call, Limits

LIMITS = Limits(connect_s=1.0, first_token_s=2.0, idle_s=3.0, total_s=4.0)
CALL = Call(arm=Arm(id="arm", model="m"), body={}, limits=LIMITS)
Failure = TransportError | TransportTimeoutError


class Fake:
    """A transport and, by `response`, its only response: parts of a body, then an end or a failure."""

    def __init__(
        self, parts: Sequence[bytes | Failure] = (), status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.parts = list(parts)
        self.status = status
        self.headers = headers or {}
        self.sent: list[tuple[Endpoint, bytes]] = []
        self.limits: list[tuple[float, float]] = []
        self.closed = False
        self.refuses: Failure | None = None

    async def send(self, endpoint: Endpoint, body: bytes, *, connect_s: float, until_s: float) -> FakeResponse:
        self.sent.append((endpoint, body))
        assert connect_s == LIMITS.connect_s
        if self.refuses is not None:
            raise self.refuses
        return FakeResponse(self)

    async def close(self) -> None:
        pass

    def client(self, **fields: Any) -> Exchange:
        made: Exchange = exchange(Base, self, CALL, **{"until_s": 9.0, "name": "total_s", **fields})
        return made


class FakeResponse:
    def __init__(self, fake: Fake) -> None:
        self._fake = fake

    @property
    def status(self) -> int:
        return self._fake.status

    def header(self, name: str) -> str | None:
        return self._fake.headers.get(name)

    def limit(self, *, idle_s: float, until_s: float) -> None:
        self._fake.limits.append((idle_s, until_s))

    async def chunk(self) -> bytes:
        part = self._fake.parts.pop(0) if self._fake.parts else b""
        if isinstance(part, Exception):
            raise part
        return part

    async def read(self, limit: int) -> bytes:
        body = b""
        while part := await self.chunk():
            body += part
        return body

    def close(self) -> None:
        self._fake.closed = True

    release = close


class Base:
    """Stands for litellm's client class."""

    def __del__(self) -> None:
        raise AssertionError("litellm's own would close a connection that is not there")


async def lines(client: Exchange) -> list[str]:
    answer: Any = await client.post("http://h/x", json={}, stream=True)
    return [line async for line in answer.aiter_lines()]


async def test_it_is_one_of_litellms_clients() -> None:
    """litellm ignores a client that is none of its own, and never sees that this one does what it likes."""
    client = Fake().client()
    assert isinstance(client, Base)
    assert isinstance(client, Exchange)


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ({"json": {"a": "ü"}}, '{"a":"ü"}'.encode()), ({"data": '{"a": 1}'}, b'{"a": 1}'),
        ({"data": b"signed"}, b"signed"), ({"data": {"a": 1}}, b'{"a":1}'),
        ({"json": {"a": "\ud83d"}}, b'{"a": "\\ud83d"}'), ({"json": {"a": 2**70}}, b'{"a": %d}' % 2**70),
    ],
)  # fmt: skip
async def test_bodies(arguments: dict[str, Any], body: bytes) -> None:
    """Text and bytes as they are; JSON compactly, and whatever JSON can say."""
    fake = Fake([b"{}"])
    await fake.client().post("http://h/x", headers={}, timeout=5, logging_obj=None, **arguments)
    assert [sent for _, sent in fake.sent] == [body]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example/v1/messages", ("https", "api.example", 443, "/v1/messages")),
        ("http://127.0.0.1:8000", ("http", "127.0.0.1", 8000, "/")),
        ("http://[::1]:1/a b?alt=sse", ("http", "::1", 1, "/a%20b?alt=sse")),
        ("https://h/models/x:generateContent?a=1&b=%20", ("https", "h", 443, "/models/x:generateContent?a=1&b=%20")),
        ("https://h/modèle", ("https", "h", 443, "/mod%C3%A8le")),
    ],
)
async def test_addresses(url: str, expected: tuple[str, str, int, str]) -> None:
    """Taken apart, with only what may stand in a request line."""
    fake = Fake([b"{}"])
    await fake.client().post(url, json={})
    ((to, _),) = fake.sent
    assert (to.scheme, to.host, to.port, to.target) == expected


async def test_headers() -> None:
    """Those that were asked for but the connection's own, and a content type where there was none."""
    fake = Fake([b"{}"])
    await fake.client().post("http://h/", json={}, headers={"X-Api-Key": "k", "Host": "evil", "content-length": 1})
    ((to, _),) = fake.sent
    headers = dict(to.headers)
    assert headers.pop("user-agent")
    assert headers == {"X-Api-Key": "k", "content-type": "application/json"}
    assert "k" not in repr(to).replace("http", "")


async def test_a_whole_answer() -> None:
    """As much of an httpx.Response as provider code reads; the connection is let go."""
    fake = Fake([b'{"a": ', b'"\xc3\xbc"}'], headers={"content-type": "application/json", "set-cookie": "x"})
    answer: Any = await fake.client().post("http://h/", json={})
    assert (answer.status_code, answer.json(), answer.text) == (200, {"a": "ü"}, '{"a": "ü"}')
    assert answer.headers == {"content-type": "application/json"}
    assert answer.raise_for_status() is answer
    assert fake.closed


def test_json_that_only_python_reads() -> None:
    """Half of a surrogate pair is no reason to lose an answer; what is no JSON is a ValueError."""
    assert Answer(b'{"a": "\\ud83d"}', {}).json() == {"a": "\ud83d"}
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        Answer(b"<html>", {}).json()


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind"),
    [
        (400, {"error": {"message": "too big"}}, {}, UpstreamRejectedError),
        (429, {}, {"retry-after": "7"}, UpstreamRateLimitError),
        (500, {}, {}, UpstreamError),
        (307, {}, {"location": "http://elsewhere"}, UpstreamError),
    ],
)
async def test_refusals(status: int, body: Any, headers: dict[str, str], kind: type[UpstreamError]) -> None:
    """A status decides by the one table, and is what the call fails with, whatever litellm makes of it."""
    fake = Fake([json.dumps(body).encode()], status, headers)
    client = fake.client()
    with pytest.raises(UpstreamError) as caught:
        await client.post("http://h/", json={})
    assert type(caught.value) is kind
    assert client.explained(RuntimeError("litellm's guess")) is caught.value
    assert fake.closed
    if headers.get("retry-after"):
        assert caught.value.retry_after_s == 7.0


async def test_a_refusal_whose_body_does_not_come() -> None:
    """Its status counts."""
    fake = Fake([TransportError("cut", "x")], 429)
    with pytest.raises(UpstreamRateLimitError):
        await fake.client().post("http://h/", json={})


@pytest.mark.parametrize(
    ("failure", "name", "kind", "said"),
    [
        (TransportTimeoutError("connect"), "total_s", UpstreamTimeoutError, "1 s (connect_s)"),
        (TransportTimeoutError("until"), "total_s", UpstreamTimeoutError, "4 s (total_s)"),
        (TransportTimeoutError("until"), "first_token_s", UpstreamTimeoutError, "2 s (first_token_s)"),
        (TransportError("unreachable", "refused"), "total_s", UpstreamError, "could not be reached"),
        (TransportError("malformed", "x"), "total_s", UpstreamInvalidError, "could not be read"),
    ],
)
async def test_failures_on_the_way(failure: Failure, name: Any, kind: type[UpstreamError], said: str) -> None:
    """Each is said in our words, with the limit's own name."""
    fake = Fake()
    fake.refuses = failure
    client = fake.client(name=name)
    with pytest.raises(UpstreamError) as caught:
        await client.post("http://h/", json={})
    assert type(caught.value) is kind
    assert said in caught.value.message
    assert client.explained(ValueError("x")) is caught.value


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>secret</html>", UpstreamInvalidError), (b"null", UpstreamInvalidError), (b"{}", UpstreamInvalidError),
        (b'{"error": {"message": "busy", "code": 429}}', UpstreamRateLimitError),
    ],
)  # fmt: skip
async def test_what_is_no_answer(body: bytes, kind: type[UpstreamError]) -> None:
    """When litellm cannot read a 200, it is the error that is in it, else the model's own failure."""
    client = Fake([body]).client()
    await client.post("http://h/", json={})
    error = client.explained(KeyError("stop_reason"))
    assert type(error) is kind
    assert "secret" not in error.message


async def test_what_litellm_refuses_itself() -> None:
    """Before anything was sent, its own error is all there is to tell."""

    class BadRequestError(Exception):
        status_code = 400

    error = Fake().client(secrets=("hush",)).explained(BadRequestError("no such effort, hush"))
    assert isinstance(error, UpstreamRejectedError)
    assert error.message.endswith("no such effort, ***")


async def test_a_stream_is_lines_of_data() -> None:
    """However it is cut up: one line for each event, without names, comments and empty lines; the same as text."""
    body = b'event: a\ndata: {"x": "1"}\n\n: ping\n\ndata: {"x": "\xe2\x80\xa8"}\r\n\r\ndata: last'
    for size in (1, 7, len(body)):
        fake = Fake([body[start : start + size] for start in range(0, len(body), size)])
        assert await lines(fake.client()) == ['data: {"x": "1"}', 'data: {"x": "\u2028"}', "data: last"]
        assert fake.limits == [(math.inf, 9.0)]
    answer: Any = await Fake([body]).client().post("http://h/", json={}, stream=True)
    assert [text async for text in answer.aiter_text()][-1] == "data: last\n"


async def test_plain_text_is_read_aside() -> None:
    """litellm is given an empty line for it, so that it returns; the chunk waits in order."""
    said = b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"%b"}}\n\n'
    fake = Fake([b'data: {"type":"message_start"}\n\n', said % b"a", said % b"b", b'data: {"type":"message_stop"}\n\n'])
    client = fake.client(piece=anthropic_piece)
    assert await lines(client) == ['data: {"type":"message_start"}', "", "", 'data: {"type":"message_stop"}']
    chunks: list[Any] = list(client.aside.chunks)
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["a", "b"]


async def test_a_stream_that_breaks() -> None:
    """What has come is delivered; then the break is ours to explain."""
    client = Fake([b"data: 1\n\n", TransportError("cut", "x", begun=True)]).client()
    answer: Any = await client.post("http://h/", json={}, stream=True)
    iterator = answer.aiter_lines()
    assert await anext(iterator) == "data: 1"
    with pytest.raises(UpstreamError) as caught:
        await anext(iterator)
    assert client.explained(RuntimeError("x")) is caught.value


async def test_an_idle_stream() -> None:
    """Once it flows, its limits are those of a flowing stream."""
    fake = Fake([TransportTimeoutError("idle")])
    client = fake.client(name="first_token_s")
    answer: Any = await client.post("http://h/", json={}, stream=True)
    client.flow(3.0, 12.0)
    with pytest.raises(UpstreamTimeoutError, match="idle_s"):
        await anext(answer.aiter_lines())
    assert fake.limits[-1] == (3.0, 12.0)


async def test_an_event_without_end() -> None:
    """Memory has a bound: a provider that never ends a line is cut off."""
    client = Fake([b"data: " + b"x" * 2**20] * 20).client()
    with pytest.raises(UpstreamInvalidError, match="too large"):
        await lines(client)
