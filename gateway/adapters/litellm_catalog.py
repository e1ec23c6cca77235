"""Prices, context lengths and capabilities from litellm's packaged table, read without importing litellm."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import orjson

from gateway.core.values import Price

_FILE: Final = "model_prices_and_context_window_backup.json"
_LONGEST_ROW: Final = 65_536

# Our word for a capability, and the table's flags of which any one grants it. litellm turns JSON mode into a forced
# tool call where a provider has no such mode of its own, so a model with tools can answer in JSON as well.
_CAPABILITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "tools": ("supports_function_calling",),
    "vision": ("supports_vision",),
    "json_schema": ("supports_response_schema", "supports_native_structured_output"),
    "json_object": ("supports_response_schema", "supports_native_structured_output", "supports_function_calling"),
    "audio": ("supports_audio_input", "supports_audio_output"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """What the table knows of one model; None where it does not say."""

    price: Price | None
    max_context_tokens: int | None
    supports: frozenset[str]
    mode: str
    """How the model is called: `chat`, or `responses` where litellm has to translate."""


@cache
def lookup(model: str) -> CatalogEntry | None:
    """The table's entry for litellm's `provider/model` or for a bare model name; None if it has none."""
    table = _table()
    provider = model.partition("/")[0] if "/" in model else None
    for name in _names(model):
        row = _row(table, name)
        if not isinstance(row, dict):
            continue
        # A name without its provider means that provider's model only: `azure/gpt-4o` is not priced as OpenAI's.
        if name == model or provider is None or _serves(row, provider):
            return _entry(row)
    return None


def _names(model: str) -> Iterator[str]:
    """The keys under which the table may list it, the most exact first: it drops routing words such as `responses/`."""
    yield model
    parts = model.split("/")
    for start in range(1, len(parts)):
        rest = "/".join(parts[start:])
        if start > 1:
            yield f"{parts[0]}/{rest}"
        yield rest


def _serves(row: Mapping[str, object], provider: str) -> bool:
    listed = str(row.get("litellm_provider", ""))
    # The table splits some providers by API: bedrock_converse, vertex_ai-anthropic_models, cohere_chat.
    return listed == provider or listed.startswith((f"{provider}_", f"{provider}-"))


def _entry(row: Mapping[str, object]) -> CatalogEntry:
    input_usd, output_usd = _number(row.get("input_cost_per_token")), _number(row.get("output_cost_per_token"))
    price = None
    if input_usd is not None and output_usd is not None:
        price = Price(input_usd=input_usd, output_usd=output_usd)
    context = _number(row.get("max_input_tokens")) or _number(row.get("max_tokens"))
    supports = (word for word, flags in _CAPABILITIES.items() if any(row.get(flag) is True for flag in flags))
    return CatalogEntry(
        price=price,
        max_context_tokens=int(context) if context else None,
        supports=frozenset(supports),
        mode=str(row.get("mode") or "chat"),
    )


def _number(value: object) -> float | None:
    """A finite number >= 0; the table holds prose in its sample row and null here and there."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < float("inf") else None


def _row(table: bytes, name: str) -> object:
    """The row of this name, None if there is none.

    Cut out of the text where it stands, one key a line: the whole of it, parsed, would take 30 MB for a few rows.
    """
    key = orjson.dumps(name) + b": "
    at = -1 if name == "sample_spec" else table.find(key + b"{")
    if at < 0:
        return None
    at += len(key)
    try:
        row, _ = json.JSONDecoder().raw_decode(table[at : at + _LONGEST_ROW].decode(errors="replace"))
    except json.JSONDecodeError:
        return None
    return row


def _table() -> bytes:
    """The packaged table as text, about 3 MB; empty where litellm is not installed or moved the file."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return b""
    try:
        return (Path(spec.origin).parent / _FILE).read_bytes()
    except OSError:
        return b""
