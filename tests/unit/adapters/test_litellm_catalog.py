"""The table of prices and capabilities: found, read and never imported."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from gateway.adapters.litellm_catalog import _row, _table, lookup

CHECK = """
import sys, time
from gateway.adapters.litellm_catalog import lookup
before = time.process_time()
assert lookup("openai/gpt-4o-mini") is not None
spent = time.process_time() - before
assert "litellm" not in sys.modules, "imported"
assert spent < 0.3, spent
"""


def test_a_lookup_does_not_import_litellm() -> None:
    """`check` and start-up read prices without paying for the library; the CPU of the first look-up is bounded."""
    subprocess.run([sys.executable, "-c", CHECK], check=True)


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "gpt-4o-mini", "openai/responses/gpt-4o-mini"])
def test_a_known_model(model: str) -> None:
    """OpenAI's published price, 0.15 and 0.60 USD per million, context and capabilities; with or without provider."""
    entry = lookup(model)
    assert entry is not None
    assert entry.price is not None
    assert entry.price.cost_usd(1_000_000, 0) == pytest.approx(0.15)
    assert entry.price.cost_usd(0, 1_000_000) == pytest.approx(0.60)
    assert entry.max_context_tokens == 128_000
    assert entry.supports == {"tools", "vision", "json_schema", "json_object"}


@pytest.mark.parametrize("model", ["no-such-model", "openai/no-such-model", "", "/", "openai/", "sample_spec"])
def test_an_unknown_model(model: str) -> None:
    """Nothing is invented."""
    assert lookup(model) is None


def test_a_name_belongs_to_its_provider() -> None:
    """Another provider's model of the same name has another price: a bare key is not borrowed across providers."""
    assert lookup("anthropic/gpt-4o-mini") is None
    assert lookup("hosted_vllm/gpt-4o-mini") is None


def test_azure_has_its_own_rows() -> None:
    """Found under its own name."""
    assert lookup("azure/gpt-4o") is not None


def test_every_row_can_be_read() -> None:
    """Cut out of the text as a JSON parser reads it; numbers are numbers >= 0 and words are ours."""
    words = {"tools", "vision", "json_schema", "json_object", "audio"}
    seen: set[str] = set()
    table = _table()
    whole = json.loads(table)
    del whole["sample_spec"]
    for model, row in list(whole.items())[::5]:
        assert _row(table, model) == row
    for model in list(whole)[::7]:
        entry = lookup(model)
        assert entry is not None
        assert entry.price is None or min(entry.price.input_usd, entry.price.output_usd) >= 0
        assert entry.max_context_tokens is None or entry.max_context_tokens > 0
        seen |= entry.supports
    assert seen == words
