"""Provider keys that the configuration leaves to the environment, under the names that everybody uses."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from gateway.core.providers import provider_of
from gateway.settings.schema import ModelSettings, Settings

_TRANSLATED: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
"""Of providers whose wire litellm translates to: with the key at hand it does so over our own connections."""


def with_keys(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings with the usual variable's key for each model that names neither a key nor an address of its own.

    A model with an `api_base` gets none: a key is never sent to a host that it was not made for.
    """
    models = tuple(_keyed(model, environment) for model in settings.models)
    return settings if models == settings.models else settings.model_copy(update={"models": models})


def missing_key(model: ModelSettings) -> str | None:
    """The variable that would hold the model's key, if it needs one and has none; for a hint."""
    provider = provider_of(model.model)
    if provider is None or not provider.keys or provider.api_base is None or model.api_base or model.api_key:
        return None
    return provider.keys[0] if provider.api_base.startswith("https") else None


def _keyed(model: ModelSettings, environment: Mapping[str, str]) -> ModelSettings:
    if model.api_key is not None or model.api_base is not None:
        return model
    provider = provider_of(model.model)
    known = provider is not None and provider.api_base is not None
    names = provider.keys if provider is not None and known else _TRANSLATED.get(model.model.partition("/")[0], ())
    found = next((environment[name].strip() for name in names if environment.get(name, "").strip()), None)
    return model if found is None else model.model_copy(update={"api_key": SecretStr(found)})
