"""Reading OpenAI's streams: texts, tools, ends; and writing events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.adapters.openai_wire import Reading, event
from gateway.core.values import Json
from gateway.errors import UpstreamInvalidError

BODY: Json = {"messages": [{"role": "user", "content": "12345678"}]}


def reading(**body: object) -> Reading:
    return Reading(body={**BODY, **body}, arm_id="arm", started_s=100.0)


def chunk(delta: dict[str, object] | None = None, finish: object = None, index: int = 0, **more: object) -> Json:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return {"id": "c", "created": 7, "choices": [choice], **more}


@pytest.mark.parametrize("junk", [None, "x", 3, [], [3, None], [{"delta": None}], [{"delta": "x", "index": "y"}]])
def test_a_malformed_chunk_does_no_harm(junk: object) -> None:
    """It adds nothing, and the rest is read."""
    read = reading()
    read.take({"choices": junk}, 101.0)
    read.take(chunk({"content": "a"}), 102.0)
    read.take(chunk({}, "stop"), 103.0)
    assert read.completion(103.0).text == "a"


def test_times() -> None:
    """The first token is the first content, not the role; the latency runs to the moment that is asked for."""
    read = reading()
    read.take(chunk({"role": "assistant", "content": ""}), 101.0)
    assert read.completion(101.5).first_token_s == 1.5
    read.take(chunk({"content": "a"}), 102.0)
    read.take(chunk({"content": "b"}), 103.0)
    done = read.completion(104.0)
    assert (done.first_token_s, done.latency_s) == (2.0, 4.0)


def test_one_head_for_all_chunks() -> None:
    """Ids and times that change on the way do not; the model is the arm; usage is taken out."""
    read = reading()
    first = read.take({**chunk({"content": "a"}), "model": "provider-model", "usage": None}, 101.0)
    second = read.take({**chunk({"content": "b"}), "id": "other", "created": 9}, 101.0)
    for sent in (first, second):
        assert sent is not None
        assert (sent["id"], sent["created"], sent["model"]) == ("c", 7, "arm")
        assert "usage" not in sent
    assert read.take({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}, 101.0) is None


def test_several_choices_end_one_by_one() -> None:
    """The answer is whole once all of them are; until then usage alone is not awaited."""
    read = reading(n=2)
    read.take(chunk({"content": "a"}, index=0), 101.0)
    read.take(chunk({}, "stop", index=0), 101.0)
    assert (read.complete, read.awaits_only_usage) == (True, False)
    read.take(chunk({"content": "b"}, index=1), 101.0)
    assert not read.complete
    read.take(chunk({}, "stop", index=1), 101.0)
    assert (read.complete, read.awaits_only_usage) == (True, True)


def test_a_premature_finish_is_taken_back() -> None:
    """More content after a finish reason: the answer goes on, and a break now would be a cut."""
    read = reading()
    sent = read.take(chunk({"content": "a"}, "stop"), 101.0)
    assert sent is not None
    assert sent["choices"] == [{"index": 0, "delta": {"content": "a", "role": "assistant"}, "finish_reason": None}]
    assert (read.complete, read.awaits_only_usage) == (True, False)
    read.take(chunk({"content": "b"}), 101.0)
    assert not read.complete
    read.take(chunk({"content": "c"}, "length"), 101.0)
    (owed,) = read.ending(usage=False)
    assert owed["choices"] == [{"index": 0, "delta": {}, "finish_reason": "length"}]
    assert read.completion(101.0).finish_reason == "length"


def test_what_is_owed_at_the_end() -> None:
    """Nothing more after a plain finish, but the usage where it was asked for."""
    read = reading()
    read.take(chunk({"content": "1234"}), 101.0)
    read.take(chunk({}, "stop"), 101.0)
    assert read.ending(usage=False) == []
    (owed,) = read.ending(usage=True)
    assert (owed["choices"], owed["usage"]) == (
        [],
        {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
    )


def test_usage_in_two_halves() -> None:
    """Anthropic's way: the prompt's at the start, the answer's at the end."""
    read = reading()
    read.take(chunk({"content": "a"}, usage={"prompt_tokens": 25, "completion_tokens": 1}), 101.0)
    read.take(chunk({}, "stop", usage={"prompt_tokens": 0, "completion_tokens": 15, "cost": 0.5}), 101.0)
    done = read.completion(101.0)
    assert (done.tokens_in, done.tokens_out, done.cost_usd, done.usage_estimated) == (25, 15, 0.5, False)


def test_an_event_is_one_line() -> None:
    """Line breaks inside a text are escaped: a block is `data: `, one line, and an empty one."""
    sent = event({"text": "a\nb\r\n\u2028ü"})
    assert sent.count(b"\n") == 2
    assert json.loads(sent.removeprefix(b"data: ")) == {"text": "a\nb\r\n\u2028ü"}


def test_halves_of_a_character() -> None:
    """A surrogate pair that a provider split over two chunks arrives, and is whole in the text that is judged."""
    halves = ["\ud83d", "\ude00"]
    read = reading()
    sent = [read.take(chunk({"content": half}), 101.0) for half in halves]
    received: Any = [json.loads(event(found or {}).removeprefix(b"data: ")) for found in sent]
    assert [found["choices"][0]["delta"]["content"] for found in received] == halves
    assert read.completion(101.0).text == "😀"
    lone = reading()
    lone.take(chunk({"content": "a\ud83d"}), 101.0)
    assert lone.completion(101.0).text == "a\ufffd"


def test_an_error_as_finish_reason() -> None:
    """A provider that breaks off says so in this way."""
    with pytest.raises(UpstreamInvalidError):
        reading().take(chunk({"content": "a"}, "error"), 101.0)
