"""Events out of bytes: the same whatever the cuts, the line ends and the comments between them."""

from __future__ import annotations

import pytest

from gateway.adapters.sse_parser import EventParser, EventTooLargeError

TEXTS = ['{"a":1}', '{"b":"Grüße, 世界 🌍"}', "[DONE]"]
CAP = 10_000


def read(data: bytes, size: int, cap: int = CAP) -> list[bytes]:
    """All events of the bytes, fed in pieces of this size."""
    parser = EventParser(cap)
    events = [event for at in range(0, len(data), size) for event in parser.feed(data[at : at + size])]
    return events + parser.finish()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("space", ["", " "])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_any_cut_and_any_line_end(end: str, space: str, size: int) -> None:
    """Cuts fall into the midst of letters and of line ends: the events are the same."""
    stream = "".join(f"data:{space}{text}{end}{end}" for text in TEXTS).encode()
    assert read(stream, size) == [text.encode() for text in TEXTS]


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_what_says_nothing(size: int) -> None:
    """Comments, names, ids, empty events and a byte order mark are no data."""
    stream = b"\xef\xbb\xbf: hello\n\nevent: ping\n\nid: 7\nevent: x\ndata: 1\nretry: 9\n\n\n\n:\n\ndata: 2\n\n"
    assert read(stream, size) == [b"1", b"2"]


def test_several_lines_of_data() -> None:
    """They are one event, joined by line feeds."""
    assert read(b'data: {"a":\ndata: 1}\n\n', 4) == [b'{"a":\n1}']


def test_an_end_without_an_empty_line() -> None:
    """Some servers close right after the last event: it counts."""
    assert read(b"data: 1\n\ndata: 2", 3) == [b"1", b"2"]
    assert read(b"data: 1\n\ndata: 2\n", 3) == [b"1", b"2"]
    assert read(b"no event at all", 3) == []


def test_an_event_is_given_as_soon_as_it_is_whole() -> None:
    """What comes later is not waited for."""
    parser = EventParser(CAP)
    assert parser.feed(b"data: 1\n\ndata: ") == [b"1"]
    assert parser.feed(b"2\n") == []
    assert parser.feed(b"\n") == [b"2"]


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 200, b"data: " + b"x" * 200 + b"\n\n", b"data: x\n" * 40])
@pytest.mark.parametrize("size", [1, 50, 1000])
def test_an_event_has_a_cap(stream: bytes, size: int) -> None:
    """A line or an event without end does not fill the memory."""
    with pytest.raises(EventTooLargeError):
        read(stream, size, cap=100)
    assert len(read(b"data: 12345678\n\n" * 100, size, cap=100)) == 100
