"""Choose which fields of a client's body reach litellm: an allow-list, and harmless extras for OpenAI's own wire."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from gateway.core.values import Json

FIELDS: Final = frozenset(
    {
        "messages", "temperature", "top_p", "n", "stop", "max_tokens", "max_completion_tokens", "presence_penalty",
        "frequency_penalty", "logit_bias", "user", "response_format", "seed", "tools", "tool_choice",
        "parallel_tool_calls", "functions", "function_call", "logprobs", "top_logprobs", "reasoning_effort",
        "modalities", "audio", "prediction", "service_tier", "store", "prompt_cache_key", "verbosity",
        "safety_identifier", "web_search_options", "thinking",
    }
)  # fmt: skip
"""Fields that litellm translates for every provider. All are named parameters of `acompletion`, none steers a call."""

OURS: Final = frozenset({"model", "stream", "stream_options", "metadata"})
"""Fields with a meaning here: the arm decides the model, the flow the streaming, and metadata carries our hints."""

_STEERING: Final = frozenset(
    {
        "api_base", "base_url", "api_key", "api_type", "api_version", "organization", "project", "deployment_id",
        "custom_llm_provider", "provider", "providers", "models", "route", "model_list", "fallbacks", "plugins",
        "extra_headers", "extra_body", "extra_query", "headers", "default_headers", "timeout", "request_timeout",
        "max_retries", "num_retries", "client", "http_client", "proxy", "proxies", "ssl_verify", "callbacks",
        "success_callback", "failure_callback", "cache", "caching", "mock_response", "user_config", "region_name",
        "no_log", "force_timeout", "stream_timeout", "shared_session", "use_litellm_proxy", "proxy_server_request",
        "secret_fields", "model_info", "client_secret", "client_id", "tenant_id",
    }
)  # fmt: skip
"""Names that choose a host, a key, a header, a model or a retry, here or in another gateway behind the arm."""

_STEERING_PREFIXES: Final = ("_", "api_", "aws_", "azure", "litellm", "mock_", "vertex_")


def parameters(body: Json, *, openai_wire: bool, denied: Collection[str] = ()) -> dict[str, object]:
    """`acompletion`'s keyword arguments for a body, which is copied, never changed and never shared with litellm.

    `openai_wire`: the provider speaks OpenAI's wire, so fields that nobody here knows are passed on in `extra_body`.
    `denied`: further names never to pass on, those that litellm itself reads.
    """
    chosen = {name: copied(body[name]) for name in FIELDS if body.get(name) is not None}
    if not openai_wire:
        return chosen
    extra = {
        name: copied(value)
        for name, value in body.items()
        if name not in FIELDS and name not in OURS and not steers(name) and name not in denied
    }
    # litellm drops `user` for models that it does not know, though it is part of the wire.
    if isinstance(body.get("user"), str):
        extra["user"] = body["user"]
    if extra:
        chosen["extra_body"] = extra
    return chosen


def steers(name: str) -> bool:
    """Whether a field of this name could change where a call goes, with which key, or how often."""
    lowered = name.lower().replace("-", "_")
    return lowered in _STEERING or lowered.startswith(_STEERING_PREFIXES)


def copied(value: object) -> object:
    """A copy of JSON data that shares nothing but its strings and numbers."""
    if isinstance(value, dict):
        return {name: copied(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [copied(inner) for inner in value]
    return value
