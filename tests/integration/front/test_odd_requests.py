"""Odd, hostile and pipelined requests: the front does with them what aiohttp's server alone would have done."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.neighbours.raw_client import Heard, asked, connected, request
from tests.neighbours.serving_front import beside, front_of, quiet, until
from tests.serving import Client, serving

BODY = asked()
SMUGGLED = request(asked("smuggled"))
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LINE = b"POST /v1/chat/completions HTTP/1.1\r\n"
ODD: dict[str, bytes] = {
    "connection close": request(BODY, [("Connection", "close")]),
    "http 1.0": request(BODY, line="POST /v1/chat/completions HTTP/1.0"),
    "http 1.0 keep-alive": request(BODY, [("Connection", "keep-alive")], line="POST /v1/chat/completions HTTP/1.0"),
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "get": request(b"", line="GET /v1/chat/completions HTTP/1.1"),
    "options": request(b"", line="OPTIONS /v1/chat/completions HTTP/1.1"),
    "put": request(BODY, line="PUT /v1/chat/completions HTTP/1.1"),
    "lower-case method": request(BODY, line="post /v1/chat/completions HTTP/1.1"),
    "absolute uri": request(BODY, line="POST http://x/v1/chat/completions HTTP/1.1"),
    "other path": request(BODY, line="POST /v1/chat/completionsx HTTP/1.1"),
    "dots in the path": request(BODY, line="POST /v1/./chat/completions HTTP/1.1"),
    "fragment": request(BODY, line="POST /v1/chat/completions#x HTTP/1.1"),
    "empty line first": b"\r\n" + request(BODY),
    "no host": LINE + b"Content-Length: 2\r\n\r\n{}",
    "two hosts": request(BODY, [("Host", "y")]),
    "no length": LINE + b"Host: x\r\n\r\n",
    "negative length": LINE + b"Host: x\r\nContent-Length: -1\r\n\r\n" + SMUGGLED,
    "signed length": LINE + b"Host: x\r\nContent-Length: +2\r\n\r\n{}" + SMUGGLED,
    "hexadecimal length": LINE + b"Host: x\r\nContent-Length: 0x2\r\n\r\n{}" + SMUGGLED,
    "huge length": LINE + b"Host: x\r\nContent-Length: 99999999999999999999\r\n\r\n" + SMUGGLED,
    "length twice": LINE + b"Host: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "two lengths": LINE + b"Host: x\r\nContent-Length: 2\r\nContent-Length: 200\r\n\r\n{}" + SMUGGLED,
    "list of lengths": LINE + b"Host: x\r\nContent-Length: 2, 2\r\n\r\n{}" + SMUGGLED,
    "empty length": LINE + b"Host: x\r\nContent-Length:\r\n\r\n{}" + SMUGGLED,
    "chunked and length": LINE
    + b"Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "chunked after tab": LINE
    + b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "blank before colon": LINE + b"Host: x\r\nContent-Length : 2\r\n\r\n{}" + SMUGGLED,
    "chunked, blank before colon": LINE
    + b"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "folded": LINE + b"Host: x\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "folded length": LINE + b"Host: x\r\nContent-Length: 2\r\n 00\r\n\r\n{}" + SMUGGLED,
    "nul": LINE + b"Host: x\r\nA: \0\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "bare return": LINE + b"Host: x\r\nA: b\rContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "bare feeds": LINE.replace(b"\r\n", b"\n") + b"Host: x\nContent-Length: 2\n\n{}" + SMUGGLED,
    "bare feed in the head": LINE + b"Host: x\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "bare feed at its end": LINE + b"Host: x\r\nContent-Length: 2\r\n\n{}" + SMUGGLED,
    "name without colon": LINE + b"Host: x\r\nname\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "empty name": LINE + b"Host: x\r\n: b\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "latin-1 value": LINE + b"Host: x\r\nA: \xe9\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "long line": LINE + b"Host: x\r\nA: " + b"a" * 9000 + b"\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED,
    "20 KB of headers": LINE
    + b"Host: x\r\n"
    + b"".join(b"A%d: %s\r\n" % (i, b"a" * 1000) for i in range(20))
    + b"\r\n",
    "200 headers": LINE
    + b"Host: x\r\n"
    + b"".join(b"A%d: a\r\n" % i for i in range(200))
    + b"Content-Length: 0\r\n\r\n",
    "110 headers": LINE
    + b"Host: x\r\n"
    + b"".join(b"A%d: a\r\n" % i for i in range(110))
    + b"Content-Length: 0\r\n\r\n",
    "upgrade": request(BODY, [("Connection", "upgrade"), ("Upgrade", "websocket")]),
    "garbage after": request(BODY) + b"garbage\r\n\r\n",
    "empty line after": request(BODY) + b"\r\n" + request(BODY),
    "longer than it says": LINE + b"Host: x\r\nContent-Length: 2\r\n\r\n{}{}" + SMUGGLED,
    "usual, odd, usual": request(BODY) + request(BODY, chunked=True) + request(BODY),
    "usual, then get": request(BODY) + request(b"", line="GET /v1/models HTTP/1.1") + request(BODY),
    "usual, then bad": request(BODY) + LINE + b"Host: x\r\nContent-Length: -1\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "nothing": b"",
}
BAD_AT_ONCE = {"http 2", "lower-case method", "tls"}
BAD_AFTER_GOOD = {"garbage after", "longer than it says", "usual, then bad"}
CHANCE = {"date", "x-gateway-decision-id", "x-gateway-overhead-ms", "x-request-id"}


def _seen(heard: list[Heard]) -> list[object]:
    """What must be the same: all but chance, and what aiohttp quotes of the piece that it could not read."""
    seen: list[object] = []
    for one in heard:
        headers = {name: "*" if name in CHANCE else value for name, value in one.headers.items()}
        if headers["content-type"].startswith("text/plain"):
            headers["content-length"] = "*"
            seen.append((one.status, one.whole, one.body.partition(b"\n")[0], headers))
        else:
            seen.append((one.status, one.whole, one.body, headers))
    return seen


@pytest.mark.parametrize("pieces", [False, True])
async def test_an_odd_request_ends_as_with_aiohttp_alone(tmp_path: Path, pieces: bool) -> None:
    """The same answers in the same order and the same calls upstream, whether it comes at once or in pieces.

    Only where a good request and a bad one come at once, aiohttp forgets the good one and the front does not.
    """
    wrong: dict[str, object] = {}
    async with quiet(), serving(tmp_path) as client, beside(client) as alone:
        for name, odd in ODD.items():
            data = odd + LAST
            # The last piece is the bad one: who goes on sending to a closed door may never hear why it was closed.
            sent = [data[:9], data[9:30], data[30:]] if pieces and name not in BAD_AT_ONCE else [data]
            expected, calls_expected = await _ended(client, alone, sent)
            found, calls = await _ended(client, client.url, sent)
            if name in BAD_AFTER_GOOD:
                right = len(found) == 2 and (found[1:] == expected[-1:] or name == "longer than it says")
            else:
                right = bool(found) and found == expected and calls == calls_expected
            if not right:
                wrong[name] = (found, expected, calls, calls_expected)
    assert not wrong


async def _ended(client: Client, url: str, pieces: list[bytes]) -> tuple[list[object], list[object]]:
    """All answers, and the messages that went upstream."""
    async with connected(url) as raw:
        for piece in pieces:
            await raw.send(piece)
            await asyncio.sleep(0.002)
        heard = _seen(await raw.hear_all())
    calls: list[object] = [call.body["messages"] for call in client.upstream.calls]
    client.upstream.calls.clear()
    return heard, calls


async def test_a_request_may_be_cut_anywhere(tmp_path: Path) -> None:
    """Two pieces that arrive one after the other are the same request; also where the second brings a next one."""
    data = request(BODY) + request(BODY)
    async with serving(tmp_path) as client, connected(client.url) as raw:
        for where in range(1, len(data), 7):
            await raw.send(data[:where])
            await asyncio.sleep(0.001)
            await raw.send(data[where:])
            assert [(await raw.hear()).status, (await raw.hear()).status] == [200, 200]
        assert len(front_of(client).connections) == 1


@pytest.mark.parametrize("count", [2, 20])
async def test_pipelined_requests_are_answered_in_order(tmp_path: Path, count: int) -> None:
    """Usual ones and others, each once, and the client's ids come back in its order."""
    async with serving(tmp_path) as client, connected(client.url) as raw:
        ways = [False] * (count - 1) + [True]
        await raw.send(
            b"".join(request(asked(str(i)), [("x-request-id", f"r{i}")], chunked=way) for i, way in enumerate(ways))
        )
        ids = [(await raw.hear()).headers["x-request-id"] for _ in range(count)]
        assert ids == [f"r{i}" for i in range(count)]
        texts = [call.body["messages"][0]["content"] for call in client.upstream.calls]  # type: ignore[index]
        assert texts == [str(i) for i in range(count)]


async def test_what_is_sent_far_ahead_is_not_read(tmp_path: Path) -> None:
    """While a request is in flight a client cannot pile up bytes here; afterwards each request is answered once."""
    async with serving(tmp_path) as client, connected(client.url) as raw:
        client.upstream.gate = asyncio.Event()
        each, count = request(asked("x" * 100_000)), 200
        sending = asyncio.get_running_loop().create_task(raw.send(each * count))
        await until(lambda: client.upstream.calls)
        for _ in range(50):
            await asyncio.sleep(0.001)
        (connection,) = front_of(client).connections
        assert len(connection._held) < 1_000_000
        client.upstream.gate.set()
        for _ in range(count):
            assert (await raw.hear()).status == 200
        await sending
        assert len(client.upstream.calls) == count


async def test_a_connection_serves_many_requests(tmp_path: Path) -> None:
    """Whole, streamed and refused by turns; nothing is left over between them."""
    async with serving(tmp_path) as client, connected(client.url) as raw:
        for i in range(60):
            await raw.send(request([asked(), asked(stream=True), b"{"][i % 3]))
            heard = await raw.hear()
            assert (heard.status, heard.whole) == ([200, 200, 400][i % 3], True)
            assert "connection" not in heard.headers
        assert len(front_of(client).connections) == 1


async def test_head_is_refused_without_a_body(tmp_path: Path) -> None:
    """405, and the connection is still in step."""
    async with serving(tmp_path) as client, connected(client.url) as raw:
        await raw.send(b"HEAD /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = await raw.hear(method="HEAD")
        assert (heard.status, heard.body) == (405, b"")
        await raw.send(request(BODY))
        assert (await raw.hear()).status == 200
