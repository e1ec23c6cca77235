"""A scripted provider and a gateway process in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.neighbours.scripted_provider import Script, ScriptedProvider


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    """Two models, `small` and `large`, that answer at once."""
    async with ScriptedProvider({"small": Script(), "large": Script(pieces=("Greetings", "."))}) as running:
        yield running


def two_arms(provider: ScriptedProvider, **policy: Any) -> dict[str, Any]:
    """A configuration of both models; fields of the default policy may be replaced."""
    price = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
    models = [
        {"id": id, "model": f"openai/{id}", "api_key": "k", "api_base": provider.url, "price": price}
        for id in ("small", "large")
    ]
    default = {"models": ["small", "large"], "baseline": "large", "rollout": {"stage": "full"}} | policy
    return {"models": models, "policies": {"default": default}}
