"""Providers that speak OpenAI's wire: where they are, whose key they take, and which fields they know otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_COMPLETION_LIMIT = {"max_completion_tokens": "max_tokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a model wants OpenAI's fields: some under another name, some not at all."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    words: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Values under another name, by field and OpenAI's own value."""
    usage_on_request: bool = True
    """Whether a stream reports its usage only if `stream_options` ask for it; else the field is refused."""

    @property
    def plain(self) -> bool:
        """Whether OpenAI's fields pass as they are."""
        return not (self.renamed or self.dropped or self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider."""

    api_base: str | None
    """Where it is reached; None where everybody has one of his own."""
    keys: tuple[str, ...] = ()
    """Environment variables that hold its key, the usual one first."""
    dialect: Dialect = Dialect()
    suffix: str = ""
    """What an address from the configuration ends with and may leave out."""
    prefix: str = ""
    """What a model's name begins with there, unless it is written out."""


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(api_base="https://api.openai.com/v1", keys=("OPENAI_API_KEY",)),
    "deepseek": Provider(
        api_base="https://api.deepseek.com/beta",
        keys=("DEEPSEEK_API_KEY",),
        dialect=Dialect(renamed=_COMPLETION_LIMIT),
    ),
    "groq": Provider(
        api_base="https://api.groq.com/openai/v1", keys=("GROQ_API_KEY",), dialect=Dialect(renamed=_COMPLETION_LIMIT)
    ),
    "together_ai": Provider(
        api_base="https://api.together.ai/v1",
        keys=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY"),
        dialect=Dialect(renamed=_COMPLETION_LIMIT),
    ),
    "fireworks_ai": Provider(
        api_base="https://api.fireworks.ai/inference/v1",
        keys=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
        dialect=Dialect(renamed=_COMPLETION_LIMIT),
        prefix="accounts/fireworks/models/",
    ),
    "mistral": Provider(
        api_base="https://api.mistral.ai/v1",
        keys=("MISTRAL_API_KEY",),
        # It refuses a request for every field that it does not know.
        dialect=Dialect(
            renamed={**_COMPLETION_LIMIT, "seed": "random_seed"},
            dropped=frozenset({"logit_bias", "user", "logprobs", "top_logprobs", "service_tier", "store"}),
            words={("tool_choice", "required"): "any"},
            usage_on_request=False,
        ),
    ),
    "openrouter": Provider(
        api_base="https://openrouter.ai/api/v1",
        keys=("OPENROUTER_API_KEY",),
        dialect=Dialect(renamed=_COMPLETION_LIMIT),
    ),
    "xai": Provider(api_base="https://api.x.ai/v1", keys=("XAI_API_KEY",), dialect=Dialect(renamed=_COMPLETION_LIMIT)),
    "cerebras": Provider(api_base="https://api.cerebras.ai/v1", keys=("CEREBRAS_API_KEY",)),
    "deepinfra": Provider(
        api_base="https://api.deepinfra.com/v1/openai",
        keys=("DEEPINFRA_API_KEY",),
        dialect=Dialect(renamed=_COMPLETION_LIMIT),
    ),
    "nvidia_nim": Provider(
        api_base="https://integrate.api.nvidia.com/v1",
        keys=("NVIDIA_NIM_API_KEY",),
        dialect=Dialect(renamed=_COMPLETION_LIMIT),
    ),
    "moonshot": Provider(
        api_base="https://api.moonshot.ai/v1", keys=("MOONSHOT_API_KEY",), dialect=Dialect(renamed=_COMPLETION_LIMIT)
    ),
    "nebius": Provider(
        api_base="https://api.studio.nebius.ai/v1", keys=("NEBIUS_API_KEY",), dialect=Dialect(renamed=_COMPLETION_LIMIT)
    ),
    "hosted_vllm": Provider(api_base=None, keys=("HOSTED_VLLM_API_KEY",)),
    "llamafile": Provider(api_base="http://127.0.0.1:8080/v1"),
    "lm_studio": Provider(api_base="http://127.0.0.1:1234/v1", keys=("LM_STUDIO_API_KEY",)),
    "ollama": Provider(api_base="http://127.0.0.1:11434/v1", dialect=Dialect(renamed=_COMPLETION_LIMIT), suffix="/v1"),
    "ollama_chat": Provider(
        api_base="http://127.0.0.1:11434/v1", dialect=Dialect(renamed=_COMPLETION_LIMIT), suffix="/v1"
    ),
    "litellm_proxy": Provider(api_base=None, keys=("LITELLM_PROXY_API_KEY",)),
}
"""By litellm's name of the provider, which is the first part of a configured model."""

# OpenAI's models that think before they answer refuse what steers sampling, and know the limit by one name only.
_THINKING = re.compile(r"(?:o[1-9]|gpt-5(?!-chat))")
_THOUGHTFUL = Dialect(
    renamed={"max_tokens": "max_completion_tokens"},
    dropped=frozenset(
        {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"}
    ),
)


def provider_of(model: str) -> Provider | None:
    """The provider of a configured `provider/model`; None where litellm has to translate."""
    name, slash, _ = model.partition("/")
    return PROVIDERS.get(name) if slash else None


def dialect_of(model: str) -> Dialect:
    """The dialect of a configured `provider/model`; OpenAI's own where nothing else is known."""
    name, _, rest = model.partition("/")
    if name == "openai" and _THINKING.match(rest):
        return _THOUGHTFUL
    provider = PROVIDERS.get(name)
    return provider.dialect if provider is not None else Dialect()
