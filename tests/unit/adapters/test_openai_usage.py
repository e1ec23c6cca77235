"""What a call used, however the provider says it."""

from __future__ import annotations

import pytest

from gateway.adapters.openai_usage import (
    MAX_TOKENS,
    Usage,
    count,
    estimate_usage,
    priced,
    read_usage,
    usage_body,
    wants_usage,
)
from gateway.core.values import Price
from tests.builders import make_completion


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, Usage(tokens_in=3, tokens_out=2)),
        ({"prompt_tokens": 3, "completion_tokens": 0}, Usage(tokens_in=3, tokens_out=0)),
        ({"prompt_tokens": 3, "cost": 0.5}, Usage(tokens_in=3, tokens_out=0, cost_usd=0.5)),
        ({"prompt_tokens": 3, "cost": {"total_cost": 0.5}}, Usage(tokens_in=3, tokens_out=0, cost_usd=0.5)),
        ({"prompt_tokens": 3, "cost": -1}, Usage(tokens_in=3, tokens_out=0)),
        ({"prompt_tokens": 3, "cost": float("nan")}, Usage(tokens_in=3, tokens_out=0)),
        ({"prompt_tokens": 3, "cost": True}, Usage(tokens_in=3, tokens_out=0)),
        ({"prompt_tokens": -3, "completion_tokens": "2"}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({}, None),
        (None, None),
        ([1], None),
    ],
)
def test_usage(raw: object, expected: Usage | None) -> None:
    """Counts that are counts, a cost that is one, and nothing made of nothing."""
    assert read_usage(raw) == expected


def test_an_estimate_counts_texts_only() -> None:
    """A quarter of a token a character, over all texts of the request; a picture's bytes are no text."""
    parts = [{"type": "text", "text": "1234"}, {"type": "image_url", "image_url": {"url": "data:" + "x" * 999}}]
    body = {"messages": [{"content": "12345"}, {"content": parts}, {"content": None}, "junk"]}
    assert estimate_usage(body, "123") == Usage(tokens_in=3, tokens_out=1, estimated=True)


def test_the_providers_details_of_usage_are_kept() -> None:
    """The three counts are ours, the rest is passed on."""
    details = {"reasoning_tokens": 1}
    used = usage_body({"prompt_tokens": 0, "completion_tokens_details": details}, Usage(tokens_in=3, tokens_out=2))
    assert used == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "completion_tokens_details": details,
    }


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({"include_usage": True}, True), ({"include_usage": False}, False), ({}, False), (None, False), ("yes", False)],
)
def test_who_wants_usage(options: object, wanted: bool) -> None:
    """Only who says so in OpenAI's words."""
    assert wants_usage({"stream_options": options}) is wanted


def test_a_price() -> None:
    """Applied where the provider named no cost of its own."""
    done = make_completion(tokens_in=2, tokens_out=3)
    assert priced(done, None).cost_usd is None
    assert priced(done, Price(input_usd=1, output_usd=10)).cost_usd == 32
    said = make_completion(tokens_in=2, tokens_out=3, cost_usd=7.0)
    assert priced(said, Price(input_usd=1, output_usd=10)).cost_usd == 7


def test_a_number_that_no_call_uses_is_a_mistake() -> None:
    """It would not fit into a store, and a cost made of it would drown all others."""
    assert count(MAX_TOKENS) == MAX_TOKENS
    assert count(MAX_TOKENS + 1) == count(2**70) == 0
    assert read_usage({"prompt_tokens": 2**70, "completion_tokens": 3}) == Usage(tokens_in=0, tokens_out=3)
