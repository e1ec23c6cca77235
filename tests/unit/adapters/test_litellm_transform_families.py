"""Which arms and which requests fit the transform lane."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.adapters.litellm_transform_families import FAMILIES, fits, translatable
from gateway.adapters.litellm_upstream import Route

DATA = "data:image/png;base64,AA=="
MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("model", "key", "extra", "expected"),
    [
        ("anthropic/claude-sonnet-4-5", "k", {}, True),
        ("gemini/gemini-2.5-flash", "k", {"extra_headers": {"x": "y"}}, True),
        ("anthropic/claude-sonnet-4-5", None, {}, False),  # litellm would look for a key, or a token, by itself
        ("anthropic/claude-sonnet-4-5", "k", {"aws_region_name": "x"}, False),
        ("claude-sonnet-4-5", "k", {}, False),
        ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", "k", {}, False),
        ("vertex_ai/gemini-2.5-flash", "k", {}, False),
        ("openai/gpt-4o", "k", {}, False),
    ],
)
def test_arms_that_fit(model: str, key: str | None, extra: dict[str, object], expected: bool) -> None:
    """Those of a listed provider, with a key and nothing unusual in their configuration."""
    assert fits(Route(model=model, api_key=key, extra=extra)) is expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text", True), (None, True), ([], True), ([{"type": "text", "text": "x"}], True),
        ([{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": DATA}}], True),
        ([{"type": "image_url", "image_url": DATA}], True),
        ([{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}], False),
        ([{"type": "image_url", "image_url": {"url": "gs://bucket/a.png"}}], False),
        ([{"type": "image_url", "image_url": {}}], False), ([{"type": "image_url"}], False),
        ([{"type": "file", "file": {"file_id": "x"}}], False), ([{"type": "input_audio", "input_audio": {}}], False),
        (["x"], False), ([{}], False),
    ],
)  # fmt: skip
def test_requests_that_fit(content: Any, expected: bool) -> None:
    """litellm would download what a part only points at, upload a file, or ask where one is."""
    body = {"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": content}]}
    assert translatable(body, caches=True) is expected


@pytest.mark.parametrize(
    "message",
    [{"role": "user", "content": "x", **MARK}, {"role": "user", "content": [{"type": "text", "text": "x", **MARK}]}],
)
def test_marks_for_the_cache(message: dict[str, Any]) -> None:
    """For Gemini litellm would store something first; for Anthropic they are a part of the request."""
    assert translatable({"messages": [message]}, caches=True)
    assert not translatable({"messages": [message]}, caches=False)
    assert (FAMILIES["anthropic"].caches, FAMILIES["gemini"].caches) == (True, False)


@pytest.mark.parametrize("messages", [None, "x", [], ["x"], [None]])
def test_messages_of_any_shape(messages: Any) -> None:
    """Whatever a client sends is an answer here, not an exception."""
    assert isinstance(translatable({"messages": messages}, caches=False), bool)
