"""The families of providers whose translation is proven to be `acompletion`'s, and what of theirs fits this lane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from gateway.adapters.litellm_transform_call import Translation
from gateway.adapters.litellm_transform_text import Piece, anthropic_piece, gemini_piece
from gateway.adapters.litellm_upstream import Route
from gateway.core.values import Json

_CLAUDE: Final[Json] = {
    "id": "x", "type": "message", "role": "assistant", "model": "x", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "x"}], "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip


class Anthropic(Translation):
    """Anthropic's Messages API."""

    sample = _CLAUDE
    sample_stream = (
        {"type": "message_start", "message": {**_CLAUDE, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )

    caches = True

    def __init__(self, litellm: Any, route: Route) -> None:
        super().__init__(litellm, route)
        self._tools = None
        base = route.api_base or litellm.api_base or self._setting("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL")
        base = base or "https://api.anthropic.com/v1/messages"
        exact = litellm.main.get_secret_bool("LITELLM_ANTHROPIC_DISABLE_URL_SUFFIX")
        self._base = base if exact or base.endswith("/v1/messages") else f"{base}/v1/messages"

    @property
    def piece(self) -> Piece | None:
        """Text deltas."""
        return anthropic_piece

    def _enter(self, arguments: dict[str, Any], *, stream: bool) -> Any:
        del stream  # it is among the parameters
        return self._litellm.main.anthropic_chat_completions.completion(
            **arguments,
            api_base=self._base,
            api_key=self.route.api_key,
            custom_prompt_dict=self._litellm.custom_prompt_dict,
            print_verbose=_quiet,
            headers=dict(self._headers),
        )


class Gemini(Translation):
    """Google AI Studio's generateContent."""

    sample: ClassVar[Json] = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    }
    sample_stream = (sample,)

    def __init__(self, litellm: Any, route: Route) -> None:
        super().__init__(litellm, route)
        self._base = route.api_base or litellm.api_base or self._setting("GEMINI_API_BASE")

    @property
    def piece(self) -> Piece | None:
        """Single parts of text."""
        return gemini_piece

    def _enter(self, arguments: dict[str, Any], *, stream: bool) -> Any:
        del stream  # it is among the parameters
        return self._litellm.main.vertex_chat_completion.completion(
            **arguments,
            api_base=self._base,
            gemini_api_key=self.route.api_key,
            vertex_project=None,
            vertex_location=None,
            vertex_credentials=None,
            print_verbose=_quiet,
            extra_headers=dict(self._headers),
        )


class Vllm(Translation):
    """OpenAI's own wire, as litellm writes it for vLLM: it is better reached directly, and tries all of this lane."""

    sample: ClassVar[Json] = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
    }  # fmt: skip
    sample_stream = (
        {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "x",
         "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]},
    )  # fmt: skip

    def __init__(self, litellm: Any, route: Route) -> None:
        super().__init__(litellm, route)
        self._base = route.api_base or litellm.api_base or self._setting("HOSTED_VLLM_API_BASE")

    def _enter(self, arguments: dict[str, Any], *, stream: bool) -> Any:
        return self._litellm.main.base_llm_http_handler.completion(
            **arguments,
            api_base=self._base,
            api_key=self.route.api_key,
            provider_config=self.config,
            headers=dict(self._headers),
            stream=stream or None,
        )


FAMILIES: Final[Mapping[str, type[Translation]]] = {
    "anthropic": Anthropic,
    "gemini": Gemini,
    "hosted_vllm": Vllm,
}
"""By litellm's prefix of a model: the providers whose translation is proven here to be `acompletion`'s."""

_EXTRA: Final = frozenset({"extra_headers"})
_PARTS: Final = frozenset({"text", "image_url"})


def fits(route: Route) -> bool:
    """Whether an arm's requests can go this way: told from its configuration alone, without litellm."""
    provider = route.model.partition("/")[0]
    return provider in FAMILIES and route.api_key is not None and route.extra.keys() <= _EXTRA


def translatable(body: Json, *, caches: bool) -> bool:
    """Whether a request can go this way: not if litellm would have to fetch, upload or store something first.

    `caches`: a part that is marked for the provider's cache needs nothing of the kind.
    """
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, Mapping):
            return False
        content = message.get("content")
        parts = content if isinstance(content, list) else ()
        if not all(map(_carried, parts)):
            return False
        if not caches and any("cache_control" in holder for holder in (message, *parts)):
            return False
    return True


def _carried(part: object) -> bool:
    """Whether a part of a message carries all that it means: text, or an image within its address."""
    if not isinstance(part, Mapping) or part.get("type") not in _PARTS:
        return False
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    return part["type"] == "text" or (isinstance(url, str) and url.startswith("data:"))


def _quiet(*_: object, **__: object) -> None:
    """Print nothing."""
