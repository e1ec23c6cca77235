"""OpenAI's JSON to a ChatRequest: a bad request is refused here or never."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

import orjson

from gateway.api.hints import hints, needed_header_float
from gateway.core.eligibility import needs_of
from gateway.core.values import ChatRequest, Json
from gateway.errors import RequestError

_SESSIONS = (
    "x-gateway-session-id",
    "x-session-id",
    "session-id",
    "x-session-affinity",
    "x-claude-code-session-id",
    "x-openwebui-chat-id",
)
"""Headers that name the session, the strongest first."""
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
_COUNTS: Mapping[str, tuple[int, int]] = {
    "max_tokens": (1, 10_000_000),
    "max_completion_tokens": (1, 10_000_000),
    "n": (1, 128),
    "top_logprobs": (0, 20),
}
_FLAGS = ("stream", "logprobs", "parallel_tool_calls", "store")
_SHAPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "tools": (list, "a list of tools"),
    "functions": (list, "a list of functions"),
    "stream_options": (dict, "an object"),
    "response_format": (dict, "an object"),
    "stop": ((str, list), "a string or a list of strings"),
    "user": (str, "a string"),
    "logit_bias": (dict, "an object"),
    "tool_choice": ((str, dict), "a string or an object"),
}
_ROLES = ("assistant", "developer", "function", "system", "tool", "user")
_MOST_MESSAGES = 20_000


def parse_object(raw: bytes) -> dict[str, object]:
    """The JSON object in `raw`; RequestError for anything else (orjson refuses NaN, bad UTF-8 and deep nesting)."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise RequestError(f"The body must be a JSON object, not {_kind(body)}.", code="invalid_json")
    return body


def chat_request(raw: bytes, headers: Mapping[str, str], *, tenant: str, request_id: str) -> ChatRequest:
    """Translate and validate; RequestError names the parameter, what was given and what would be right."""
    body = parse_object(raw)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError(
            f"'model' must be a string such as 'auto', not {_kind(model)}.", param="model", code="invalid_type"
        )
    messages = _messages(body.get("messages"))
    for name, value in body.items():
        check = _CHECKS.get(name)
        if check is not None and value is not None:
            check(name, value)
    options = body.get("stream_options")
    told = hints(body, headers)
    limit = body["max_completion_tokens"] if body.get("max_completion_tokens") is not None else body.get("max_tokens")
    return ChatRequest(
        body=body,
        messages=messages,
        model=model,
        stream=body.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        tenant=tenant,
        unit=_unit(body, headers, tenant, told.user_id, request_id),
        hints=told,
        max_tokens=cast("int | None", limit),
        timeout_s=needed_header_float(headers, "x-gateway-timeout-s"),
        shadowed=headers.get("x-gateway-shadow", "").lower() != "off",
        needs=needs_of(body),
    )


def _messages(value: object) -> list[Json]:
    if not isinstance(value, list) or not value:
        raise RequestError(
            f"'messages' must be a list with at least one message, not {_kind(value)}.", param="messages"
        )
    if len(value) > _MOST_MESSAGES:
        raise RequestError(f"'messages' may hold {_MOST_MESSAGES} messages, not {len(value)}.", param="messages")
    for i, message in enumerate(value):
        if not isinstance(message, dict):
            raise RequestError(f"A message must be an object, not {_kind(message)}.", param=f"messages[{i}]")
        if message.get("role") not in _ROLES:
            raise RequestError(
                f"'role' must be one of {', '.join(_ROLES)}, not {message.get('role')!r:.60}.",
                param=f"messages[{i}].role",
            )
        if not isinstance(message.get("content"), str | list | None):
            raise RequestError(
                f"'content' must be a string, a list of parts or null, not {_kind(message['content'])}.",
                param=f"messages[{i}].content",
            )
        if not isinstance(message.get("content"), str) or "tool_calls" in message:
            _check_parts(message, f"messages[{i}]")
    return value


def _check_parts(message: Mapping[str, object], where: str) -> None:
    content, calls = message.get("content"), message.get("tool_calls")
    for i, part in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise RequestError(
                "A part of 'content' must be an object with a 'type' such as 'text'.", param=f"{where}.content[{i}]"
            )
    if calls is not None and not (isinstance(calls, list) and all(isinstance(call, dict) for call in calls)):
        raise RequestError("'tool_calls' must be a list of objects.", param=f"{where}.tool_calls")


def _check_number(name: str, value: object) -> None:
    low, high = _RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RequestError(f"'{name}' must be a number, not {_kind(value)}.", param=name, code="invalid_type")
    if not low <= value <= high:
        raise RequestError(f"'{name}' must be between {low} and {high}, not {value}.", param=name)


def _check_count(name: str, value: object) -> None:
    least, most = _COUNTS[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise RequestError(f"'{name}' must be an integer, not {_kind(value)}.", param=name, code="invalid_type")
    if not least <= value <= most:
        raise RequestError(f"'{name}' must be between {least} and {most}, not {value}.", param=name)


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise RequestError(f"'{name}' must be true or false, not {_kind(value)}.", param=name)


def _check_shape(name: str, value: object) -> None:
    types, wanted = _SHAPES[name]
    if not isinstance(value, types):
        raise RequestError(f"'{name}' must be {wanted}, not {_kind(value)}.", param=name, code="invalid_type")


_CHECKS: Mapping[str, Callable[[str, object], None]] = {
    **dict.fromkeys(_RANGES, _check_number),
    **dict.fromkeys(_COUNTS, _check_count),
    **dict.fromkeys(_FLAGS, _check_flag),
    **dict.fromkeys(_SHAPES, _check_shape),
}


def _unit(
    body: Mapping[str, object], headers: Mapping[str, str], tenant: str, user_id: str | None, request_id: str
) -> str:
    """The sticky key: session, else user, else this request; within the tenant, so that tenants never collide."""
    for name in _SESSIONS:
        if headers.get(name):
            return f"{tenant}/session/{headers[name]}"
    cache_key = body.get("prompt_cache_key")
    if isinstance(cache_key, str) and cache_key:
        return f"{tenant}/session/{cache_key}"
    return f"{tenant}/user/{user_id}" if user_id else f"{tenant}/request/{request_id}"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "missing or null" if value is None else names.get(type(value), type(value).__name__)
