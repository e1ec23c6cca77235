"""The bodies that the load sends and the provider's replies."""

from __future__ import annotations

import orjson

from tests.benchmarks.prompts import bodies
from tests.benchmarks.replies import ENDING, frames, whole_replies


def test_bodies_are_different_and_of_one_size() -> None:
    """A few hundred requests that no cache knows, in every language's letters, each a valid chat of about 2 KB."""
    made = bodies(model="auto", stream=True)
    assert len(set(made)) == len(made) == 320
    assert all(1600 < len(body) <= 2048 for body in made)
    assert all(orjson.loads(body)["messages"][-1]["role"] == "user" for body in made)
    assert any("ü" in body.decode() for body in made)


def test_a_body_can_be_long() -> None:
    """Features of 200 KB are measured with the same material."""
    assert all(190_000 < len(body) <= 200_000 for body in bodies(size=200_000, count=10))


def test_replies_are_whole_completions() -> None:
    """About 4 KB and 600 words, ending in the words by which a cut one is told."""
    for template in whole_replies():
        reply = template % 7
        text = orjson.loads(reply)["choices"][0]["message"]["content"]
        assert 3900 < len(reply) <= 4096
        assert text.endswith(ENDING)
        assert 500 < len(text.split()) < 800


def test_frames_have_text_each_and_then_an_end() -> None:
    """As many frames with text as asked for, the finish reason after them, the usage where it is wanted."""
    *texts, finish, usage = [orjson.loads((part % 7).removeprefix(b"data: ")) for part in frames(50, usage=True)]
    assert len(texts) == 50
    assert all(frame["choices"][0]["delta"]["content"].strip() for frame in texts)
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert usage["usage"]["total_tokens"] > 0
