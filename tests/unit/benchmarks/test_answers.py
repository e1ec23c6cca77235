"""What the load takes for a good answer: whole, right, and complete however it is cut up on the way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.answers import Answer, StreamAnswer, WholeAnswer
from tests.benchmarks.http_bytes import chunk
from tests.benchmarks.replies import DONE, frames, whole_replies

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = whole_replies()[0] % 1


def whole(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def stream(count: int = 3, *, leave_out: int | None = None, done: bytes = DONE) -> bytes:
    parts = [part % 1 for n, part in enumerate(frames(count, usage=True)) if n != leave_out]
    return HEAD + b"".join(map(chunk, [*parts, *([done] if done else []), b""]))


def fed(answer: Answer, raw: bytes, cuts: list[int]) -> bool:
    """Feed it in pieces; whether it was whole after the last and not before."""
    bounds = [0, *sorted({cut for cut in cuts if 0 < cut < len(raw)}), len(raw)]
    wholes = [answer.feed(raw[a:b], 0.0) for a, b in pairwise(bounds)]
    return wholes[-1] and not any(wholes[:-1])


@given(st.lists(st.integers(1, 5000), max_size=8))
def test_a_good_reply_is_good_however_it_is_cut(cuts: list[int]) -> None:
    """TCP keeps no boundaries; the end is known by Content-Length."""
    answer = WholeAnswer(deeply=True)
    assert fed(answer, whole(BODY), cuts)
    assert answer.fault == ""


@given(st.lists(st.integers(1, 1500), max_size=8))
def test_a_good_stream_is_good_however_it_is_cut(cuts: list[int]) -> None:
    """Its frames are counted once each, and its end is the empty chunk."""
    answer = StreamAnswer(3)
    assert fed(answer, stream(), cuts)
    assert answer.fault == ""


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (whole(BODY[:500]), "short"),
        (whole(BODY.replace(b'"usage"', b'"other"')), "short"),
        (whole(BODY[:-1]), "malformed"),
        (whole(b"{}", b"503 Service Unavailable"), "status 503"),
    ],
)
def test_a_bad_reply_is_told_by_what_is_wrong(raw: bytes, fault: str) -> None:
    """A fast answer that is not the provider's answer counts as a failure."""
    answer = WholeAnswer(deeply=True)
    assert answer.feed(raw, 0.0)
    assert answer.fault == fault


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (stream(leave_out=1), "2 frames"),
        (stream(leave_out=3), "no finish reason"),
        (stream(done=b""), "no [DONE] at the end"),
        (stream(done=DONE + b"data: {}\n\n"), "no [DONE] at the end"),
        (HEAD + b"zz\r\n0\r\n\r\n", "not chunked encoding"),
    ],
)
def test_a_bad_stream_is_told_by_what_is_wrong(raw: bytes, fault: str) -> None:
    """Every frame, the finish reason and then [DONE], and nothing after it."""
    answer = StreamAnswer(3)
    assert answer.feed(raw, 0.0)
    assert answer.fault == fault


def test_an_answer_without_length_ends_with_its_connection() -> None:
    """As HTTP/1.0 has it; one that has a length and ends before it was cut off."""
    open_ended = WholeAnswer()
    assert not open_ended.feed(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY, 0.0)
    open_ended.end()
    assert open_ended.fault == ""
    cut = WholeAnswer()
    assert not cut.feed(whole(BODY)[:-10], 0.0)
    cut.end()
    assert cut.fault == "cut off"


def test_stamps_tell_how_long_a_frame_was_under_way() -> None:
    """One transit a frame and one stretch a gap, each frame once, though the bytes come in two parts."""
    parts = [part % (1, 0) for part in frames(3, usage=False, stamped=True)[:3]]
    raw = HEAD + b"".join(map(chunk, parts))
    answer = StreamAnswer(3)
    fresh = []
    for piece in (raw[:-400], raw[-400:]):
        assert not answer.feed(piece, 0.0)
        fresh.append(answer.fresh)
    assert sum(fresh) == len(answer.transit_s) == 3
    assert len(answer.stretch_s) == 2
