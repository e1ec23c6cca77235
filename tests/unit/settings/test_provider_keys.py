"""A key that everybody keeps in the environment need not be written down, and goes to its own provider only."""

from __future__ import annotations

import pytest

from gateway.settings.load import parse
from gateway.settings.provider_keys import missing_key
from gateway.settings.schema import Settings

ENVIRONMENT = {"OPENAI_API_KEY": "sk-openai-0123456789", "TOGETHERAI_API_KEY": "sk-together-0123456789"}
ENVIRONMENT |= {"ANTHROPIC_API_KEY": "sk-anthropic-0123456789"}


def settings(model: str, environment: dict[str, str] | None = None) -> Settings:
    text = f"models: [{{id: a, {model}}}]\npolicies: {{default: {{models: [a], baseline: a}}}}\n"
    return parse("test.yaml", text, ENVIRONMENT if environment is None else environment)


def key(model: str) -> str | None:
    found = settings(model).models[0].api_key
    return None if found is None else found.get_secret_value()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("model: openai/gpt-4o", "sk-openai-0123456789"),
        ("model: together_ai/x", "sk-together-0123456789"),
        ("model: openai/gpt-4o, api_key: mine", "mine"),
        ("model: openai/gpt-4o, api_base: 'http://127.0.0.1:1/v1'", None),
        ("model: groq/x", None),
        ("model: anthropic/x", "sk-anthropic-0123456789"),
        ("model: bedrock/x", None),
    ],
)
def test_whose_key_is_taken(model: str, expected: str | None) -> None:
    """The configured one, else the usual variable's; never for an address of one's own."""
    assert key(model) == expected


def test_it_is_a_secret_like_any_other() -> None:
    """The log blanks it out."""
    assert "sk-openai-0123456789" in settings("model: openai/gpt-4o").secrets()


@pytest.mark.parametrize(
    ("model", "variable"),
    [("model: groq/x", "GROQ_API_KEY"), ("model: ollama/x", None), ("model: groq/x, api_key: k", None),
     ("model: 'house/x', api_base: 'http://127.0.0.1:1'", None)],
)  # fmt: skip
def test_what_is_missing(model: str, variable: str | None) -> None:
    """Only a provider out in the world needs a key, and says which."""
    assert missing_key(settings(model, {}).models[0]) == variable
