"""A stream over OpenAI's wire, from a response that a test writes: cut up anyhow, it says the same."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.direct_stream import DirectStream
from gateway.adapters.http_transport import TransportError, TransportTimeoutError
from gateway.core.values import Arm, Completion
from gateway.errors import UpstreamCutError, UpstreamError, UpstreamInvalidError, UpstreamTimeoutError
from gateway.flows.ports import Call, Limits

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m-2026"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


class WrittenResponse:
    """A response whose body comes in these pieces; an exception among them is raised in its place."""

    status = 200

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = list(pieces)
        self.ended: list[str] = []
        self.limits: list[tuple[float, float]] = []

    def header(self, name: str) -> str | None:
        return None

    def limit(self, *, idle_s: float, until_s: float) -> None:
        self.limits.append((idle_s, until_s))

    async def chunk(self) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def read(self, limit: int) -> bytes:
        raise NotImplementedError

    def release(self) -> None:
        self.ended.append("released")

    def close(self) -> None:
        self.ended.append("closed")


def delta(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": finish}
    return event({**HEAD, "choices": [choice], **more})


def event(data: object) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


ANSWER = [
    event({**HEAD, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}),
    delta("Grüße, "),
    b": still here\n\n",
    delta("世界 🌍", usage=None),
    delta('"model":"m-2026"'),
    delta(finish="stop"),
    event({**HEAD, "choices": [], "usage": USAGE}),
    b"data: [DONE]\n\n",
]


async def read(response: WrittenResponse, **body: Any) -> tuple[list[Any], Completion]:
    """The events as a client gets them, and what was read of them."""
    limits = Limits(connect_s=1, first_token_s=1, idle_s=1, total_s=9)
    call = Call(arm=Arm(id="arm", model="openai/m"), body={"messages": [], **body}, limits=limits)
    stream = DirectStream(call, response, started_s=0.0, deadline_s=9.0)
    await stream.start(until_s=1.0, name="first_token_s")
    blocks = b"".join([block async for block in stream])
    return [json.loads(block[6:]) for block in blocks.split(b"\n\n")[:-1]], stream.completion()


@given(cuts=st.lists(st.integers(0, sum(map(len, ANSWER))), max_size=40))
async def test_cut_up_anyhow_it_says_the_same(cuts: list[int]) -> None:
    """Between and within events, lines and characters."""
    whole = b"".join(ANSWER)
    places = [0, *sorted(set(cuts) - {0, len(whole)}), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(places)]
    asked = {"stream_options": {"include_usage": True}}
    expected, completion = await read(WrittenResponse(*ANSWER), **asked)
    chunks, read_so = await read(WrittenResponse(*pieces), **asked)
    assert chunks == expected
    assert (read_so.text, read_so.tokens_out) == (completion.text, completion.tokens_out)
    assert completion.text == 'Grüße, 世界 🌍"model":"m-2026"'


async def test_bytes_pass_under_the_arms_name() -> None:
    """Model and nothing else is replaced; a usage that says nothing is left out."""
    chunks, _ = await read(WrittenResponse(*ANSWER))
    assert {chunk["model"] for chunk in chunks} == {"arm"}
    assert not any("usage" in chunk for chunk in chunks)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks).endswith('"model":"m-2026"')


@pytest.mark.parametrize("odd", [
    {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}], "id": "other", "model": "m-2026"},
    {"choices": [{"index": 0, "delta": {"content": "x"}}], "id": "c1", "model": "m-2026"},
    {"choices": [{"index": 0, "delta": {"content": "x", "extra": 1}, "finish_reason": None}], "id": "c1"},
    {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None, "logprobs": None}], "id": "c1",
     "model": "n-2026"},
])  # fmt: skip
async def test_a_chunk_that_is_unlike_the_others(odd: dict[str, Any]) -> None:
    """It is written anew: the client sees one id and one model throughout."""
    chunks, completion = await read(WrittenResponse(*ANSWER[:2], event(odd), *ANSWER[5:]))
    assert {(chunk["id"], chunk["model"]) for chunk in chunks} == {("c1", "arm")}
    assert completion.text == "Grüße, x"


async def test_a_whole_answer_gives_its_connection_back() -> None:
    """Though the response's own end is still to come; a broken one does not."""
    whole = WrittenResponse(*ANSWER)
    await read(whole)
    assert set(whole.ended) == {"released"}
    broken = WrittenResponse(*ANSWER[:3])
    with pytest.raises(UpstreamCutError):
        await read(broken)
    assert "released" not in broken.ended


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (TransportError("cut", "x", begun=True), UpstreamCutError),
        (TransportError("malformed", "x", begun=True), UpstreamInvalidError),
        (TransportTimeoutError("idle"), UpstreamTimeoutError),
        (TransportTimeoutError("until"), UpstreamTimeoutError),
    ],
)
async def test_faults_midway(fault: Exception, expected: type[UpstreamError]) -> None:
    """Each is an error of its kind; once the answer is whole, none of them is."""
    with pytest.raises(expected):
        await read(WrittenResponse(*ANSWER[:3], fault))
    _, completion = await read(WrittenResponse(*ANSWER[:6], fault))
    assert (completion.finish_reason, completion.usage_estimated) == ("stop", True)


async def test_an_event_without_end() -> None:
    """The memory is not filled with it."""
    with pytest.raises(UpstreamInvalidError, match="larger"):
        await read(WrittenResponse(*ANSWER[:2], *[b"x" * 2**20] * 20))
