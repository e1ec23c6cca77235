"""A good configuration to make mistakes in, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import ConfigurationError
from gateway.settings.load import parse
from gateway.settings.schema import Settings

GOOD = """\
models:
  - {id: small, model: openai/gpt-4o-mini}
  - {id: large, model: openai/gpt-4o}
policies:
  default:
    models: [small, large]
    baseline: large
"""
"""Seven lines; what a test adds to the policy, or at the top, stands on line 8."""


def policy(line: str) -> str:
    """GOOD with a line more in its policy."""
    return f"{GOOD}    {line}\n"


def top(line: str) -> str:
    """GOOD with a line more at the top level."""
    return f"{GOOD}{line}\n"


def large(more: str) -> str:
    """GOOD with more keys for the model `large`, on line 3."""
    return GOOD.replace("openai/gpt-4o}", f"openai/gpt-4o, {more}}}")


def settings(text: str, environment: Mapping[str, str] | None = None) -> Settings:
    """What a good text says."""
    return parse("gw.yaml", text, environment or {})


def problems(
    text: str, environment: Mapping[str, str] | None = None, options: Mapping[str, str] | None = None
) -> list[str]:
    """What is said of a text; none if it is good."""
    try:
        parse("gw.yaml", text, environment or {}, options)
    except ConfigurationError as error:
        return list(error.problems)
    return []
