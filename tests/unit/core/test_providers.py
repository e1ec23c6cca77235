"""Which providers are known, and that what is said of them can be."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from gateway.core.providers import PROVIDERS, dialect_of, provider_of


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_address_is_one(name: str) -> None:
    """Encrypted but for this machine's own, and without a slash at the end."""
    base = PROVIDERS[name].api_base
    if base is not None:
        parts = urlsplit(base)
        assert parts.scheme == "https" or parts.hostname == "127.0.0.1"
        assert not base.endswith("/")


@pytest.mark.parametrize(
    ("model", "known"),
    [("openai/gpt-4o", True), ("groq/openai/gpt-oss-20b", True), ("anthropic/claude", False), ("gpt-4o", False)],
)
def test_the_provider_is_the_first_part(model: str, known: bool) -> None:
    """A bare model name says nothing of its provider."""
    assert (provider_of(model) is not None) == known


@pytest.mark.parametrize(
    ("model", "thinks"),
    [("openai/o1", True), ("openai/o3-mini", True), ("openai/gpt-5-mini", True), ("openai/gpt-5-chat-latest", False),
     ("openai/gpt-4o", False), ("groq/openai/gpt-oss-20b", False), ("openrouter/openai/o3", False)],
)  # fmt: skip
def test_models_that_think(model: str, thinks: bool) -> None:
    """Only at OpenAI itself: others translate for themselves."""
    assert ("temperature" in dialect_of(model).dropped) == thinks


def test_an_unknown_provider_speaks_openais_own() -> None:
    """A server of one's own is taken at its word."""
    assert dialect_of("house/model").plain
