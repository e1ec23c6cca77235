"""What litellm's provider code needs of a request, as `acompletion` would have prepared it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from gateway.adapters.litellm_body import parameters
from gateway.adapters.litellm_transform_client import Silent
from gateway.adapters.litellm_transform_text import Piece
from gateway.adapters.litellm_upstream import Route
from gateway.core.values import Json

_NEVER_S: Final = 86_400.0
_UNVALIDATED: Final = frozenset({"user", "stream", "stream_options"})
"""Fields that reach a provider's mapping even where the provider is not listed as knowing them."""


class Translation:
    """One arm's way through litellm's provider code, below `acompletion`: prepared once, used for every request.

    It starts where `acompletion` has found the provider and read the request's fields, and ends with what the
    provider's handler returns. What `acompletion` does besides (callbacks, costs, records, threads) does not happen.
    """

    sample: ClassVar[Json]
    """An answer of the family, to try the way back on."""
    sample_stream: ClassVar[Sequence[Json]]
    """The events of a streamed one."""
    caches: ClassVar[bool] = False
    """Whether marking a part for the provider's cache changes nothing but the request."""

    def __init__(self, litellm: Any, route: Route) -> None:
        self.provider, _, self.model = route.model.partition("/")
        self.route = route
        self._litellm = litellm
        self._utils = litellm.utils
        provider = litellm.LlmProviders(self.provider)
        self.config = self._utils.ProviderConfigManager.get_provider_chat_config(model=self.model, provider=provider)
        if self.config is None:
            raise ValueError(f"litellm has no configuration class for '{route.model}'")
        self._supported = frozenset(self.config.get_supported_openai_params(self.model)) | _UNVALIDATED
        roles = self.config.translate_developer_role_to_system_role
        told = {
            "model": self.model,
            "custom_llm_provider": self.provider,
            "api_base": route.api_base,
            "model_info": None,
        }
        known = inspect.signature(roles).parameters  # newer versions ask which model it is
        self._roles = partial(roles, **{name: value for name, value in told.items() if name in known})
        self._openai_wire = self.provider in litellm.openai_compatible_providers
        self._denied = frozenset(litellm.types.utils.all_litellm_params)
        # Some versions take fields out of tools that only Claude knows.
        self._tools = getattr(litellm.main, "_drop_anthropic_only_tool_keys", None)
        self._params = self._litellm.main.get_litellm_params(
            acompletion=True,
            api_key=route.api_key,
            api_base=route.api_base,
            custom_llm_provider=self.provider,
            drop_params=True,
            max_retries=0,
            timeout=_NEVER_S,
        )
        headers = route.extra.get("extra_headers")
        self._headers = {str(k): str(v) for k, v in headers.items()} if isinstance(headers, Mapping) else {}

    @property
    def piece(self) -> Piece | None:
        """Reads pieces of plain text without litellm, where its reader returns from an empty line."""
        return None

    @property
    def client_class(self) -> type:
        """litellm's HTTP client."""
        kind: type = self._litellm.llms.custom_httpx.http_handler.AsyncHTTPHandler
        return kind

    def parameters(self, body: Json) -> dict[str, object]:
        """The fields of a request that litellm is given."""
        return parameters(body, openai_wire=self._openai_wire, denied=self._denied)

    async def send(self, body: Json, client: Any, *, stream: bool) -> Any:
        """litellm's answer, or its stream wrapper, to a client's request posted by this client."""
        fields = self._fields(body)
        extra = fields.pop("extra_body", None)
        messages = self._roles(messages=self._utils.validate_and_fix_openai_messages(messages=fields.pop("messages")))
        if stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        told = {name: value for name, value in fields.items() if name in self._supported or (name, value) == ("n", 1)}
        silent = Silent(dict(told))
        optional = self.config.map_openai_params(
            non_default_params=told, optional_params={}, model=self.model, drop_params=True
        )
        if extra is not None:
            optional["extra_body"] = extra
        response = self._litellm.ModelResponse()
        response.usage = self._litellm.Usage()
        arguments = {
            "model": self.model,
            "messages": messages,
            "custom_llm_provider": self.provider,
            "model_response": response,
            "encoding": None,
            "logging_obj": silent,
            "optional_params": optional,
            "timeout": _NEVER_S,
            "litellm_params": dict(self._params),
            "acompletion": True,
            "client": client,
        }
        return await self._enter(arguments, stream=stream)

    def _enter(self, arguments: dict[str, Any], *, stream: bool) -> Any:
        """Call the provider's handler; returns what is to be awaited."""
        raise NotImplementedError

    def _fields(self, body: Json) -> dict[str, Any]:
        """The request's fields, each put right as `acompletion` does it."""
        fields: dict[str, Any] = self.parameters(body)
        fields.setdefault("messages", [])
        utils = self._utils
        if "tool_choice" in fields:
            fields["tool_choice"] = utils.validate_chat_completion_tool_choice(tool_choice=fields["tool_choice"])
        if "stop" in fields:
            fields["stop"] = utils.validate_openai_optional_params(stop=fields["stop"])
        if "thinking" in fields:
            fields["thinking"] = utils.validate_and_fix_thinking_param(thinking=fields["thinking"])
        if isinstance(fields.get("tools"), list):
            tools = [tool for tool in fields["tools"] if isinstance(tool, dict)]
            fields["tools"] = self._tools(tools) if self._tools is not None else tools
        if isinstance(fields.get("response_format"), dict):
            shape = self.config.get_json_schema_from_pydantic_object(response_format=fields["response_format"])
            fields["response_format"] = shape
        return {name: value for name, value in fields.items() if value is not None}

    def _setting(self, *names: str) -> str | None:
        """The first of these environment variables that is set, as litellm reads them."""
        found = (self._litellm.main.get_secret(name) for name in names)
        return next((str(value) for value in found if value), None)
