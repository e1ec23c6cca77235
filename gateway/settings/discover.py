"""Without a file: models from whatever provider keys the environment holds."""

from __future__ import annotations

from collections.abc import Mapping

_PROVIDERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "OPENAI_API_KEY": (("gpt-4o-mini", "openai/gpt-4o-mini"), ("gpt-4o", "openai/gpt-4o")),
    "ANTHROPIC_API_KEY": (
        ("claude-haiku", "anthropic/claude-haiku-4-5"),
        ("claude-sonnet", "anthropic/claude-sonnet-5"),
    ),
    "GEMINI_API_KEY": (("gemini-flash", "gemini/gemini-2.5-flash"), ("gemini-pro", "gemini/gemini-2.5-pro")),
    "MISTRAL_API_KEY": (
        ("mistral-small", "mistral/mistral-small-latest"),
        ("mistral-large", "mistral/mistral-large-latest"),
    ),
    "DEEPSEEK_API_KEY": (
        ("deepseek-flash", "deepseek/deepseek-v4-flash"),
        ("deepseek-pro", "deepseek/deepseek-v4-pro"),
    ),
    "GROQ_API_KEY": (("gpt-oss-20b", "groq/openai/gpt-oss-20b"), ("gpt-oss-120b", "groq/openai/gpt-oss-120b")),
}
"""Per key: ids and names that litellm knows the price of, the cheap model first; none that is about to be retired."""


def discover(environment: Mapping[str, str]) -> dict[str, object]:
    """A configuration of one policy over every model whose key is set; empty if there is none."""
    models: list[object] = []
    ids: list[str] = []
    for variable, offered in _PROVIDERS.items():
        if environment.get(variable):
            ids += [id for id, _ in offered]
            models += [{"id": id, "model": model, "api_key": f"${{{variable}}}"} for id, model in offered]
    if not models:
        return {}
    return {"models": models, "policies": {"default": {"models": ids, "baseline": ids[0]}}}


def no_keys() -> str:
    """What to do when there is nothing to discover."""
    wanted = ", ".join(_PROVIDERS)
    return f"no configuration file was given and no provider key is set; give --config FILE, or set one of {wanted}"
