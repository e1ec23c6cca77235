"""The translation at the door: what is wrong is named, what is unknown is kept."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.api.wire import chat_request, parse_object
from gateway.core.values import ChatRequest
from gateway.errors import RequestError

GOOD: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


def _parse(body: Any, **headers: str) -> ChatRequest:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return chat_request(raw, named, tenant="acme", request_id="req_1")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe{\x00",
        b"\xef\xbb\xbf{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b"[" * 100_000,
        b"{} trailing",
        b"[]",
        b'"text"',
        b"null",
        b'{"a": "\\ud800"}',
        "{}".encode("utf-16"),
    ],
)
def test_what_is_not_a_json_object_is_refused(raw: bytes) -> None:
    """Whatever the bytes, one well-formed error and nothing else."""
    with pytest.raises(RequestError) as caught:
        parse_object(raw)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    """Fuzz: a mapping or a RequestError."""
    with contextlib.suppress(RequestError):
        assert isinstance(parse_object(raw), dict)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [1]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, None]}]}, "messages[0].content[1]"),
        ({"messages": [{"role": "user", "content": [{"type": 5}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [5]}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "user", "content": "x"}] * 20_001}, "messages"),
        ({"temperature": 99}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"n": 1000}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"tools": {}}, "tools"),
        ({"response_format": "json"}, "response_format"),
        ({"metadata": "x"}, "metadata"),
        ({"metadata": {"priority": "11"}}, "metadata.priority"),
        ({"metadata": {"priority": "high"}}, "metadata.priority"),
        ({"metadata": {"output_length": "huge"}}, "metadata.output_length"),
        ({"metadata": {"nested": {}}}, "metadata.nested"),
    ],
)
def test_the_wrong_parameter_is_named(change: dict[str, Any], param: str) -> None:
    """400 with `param`, so that a client finds its mistake."""
    with pytest.raises(RequestError) as caught:
        _parse(GOOD | change)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_unknown_fields_are_kept() -> None:
    """An OpenAI-compatible gateway passes on what it does not know."""
    body = GOOD | {"store": True, "verbosity": "low", "brand_new": {"a": [1]}}
    assert _parse(body).body == body


@pytest.mark.parametrize(
    ("headers", "body", "unit"),
    [
        ({"x_gateway_session_id": "s1", "session_id": "s2"}, {"user": "u"}, "acme/session/s1"),
        ({"x_session_id": "s1", "session_id": "s2"}, {}, "acme/session/s1"),
        ({"session_id": "s2", "x_session_affinity": "s3"}, {}, "acme/session/s2"),
        ({"x_session_affinity": "s3", "x_claude_code_session_id": "s4"}, {}, "acme/session/s3"),
        ({"x_claude_code_session_id": "s4", "x_openwebui_chat_id": "s5"}, {}, "acme/session/s4"),
        ({"x_openwebui_chat_id": "s5"}, {"prompt_cache_key": "s6"}, "acme/session/s5"),
        ({}, {"prompt_cache_key": "s6", "user": "u"}, "acme/session/s6"),
        ({}, {"user": "u"}, "acme/user/u"),
        ({}, {"user": "u", "metadata": {"user_id": "m"}}, "acme/user/m"),
        ({"x_gateway_user_id": "h"}, {"metadata": {"user_id": "m"}}, "acme/user/h"),
        ({}, {}, "acme/request/req_1"),
    ],
)
def test_the_sticky_unit_follows_the_order_of_strength(
    headers: dict[str, str], body: dict[str, Any], unit: str
) -> None:
    """Session, then user, then this request; always within the tenant."""
    assert _parse(GOOD | body, **headers).unit == unit


def test_hints_come_from_metadata_and_headers_win() -> None:
    """Every documented hint is read; other keys are kept for custom features."""
    metadata = {
        "task_type": "extraction",
        "priority": "8",
        "output_length": "long",
        "language": "fr",
        "region": "eu",
        "tier": "gold",
    }
    hints = _parse(GOOD | {"metadata": metadata}, x_gateway_task_type="code_generation").hints
    assert (hints.task_type, hints.priority, hints.output_length) == ("code_generation", 8, "long")
    assert (hints.language, hints.region, hints.custom["tier"]) == ("fr", "eu", "gold")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon", ""])
def test_a_deadline_must_be_a_positive_number(value: str) -> None:
    """x-gateway-timeout-s is a number of seconds or a 400."""
    with pytest.raises(RequestError) as caught:
        _parse(GOOD, x_gateway_timeout_s=value)
    assert caught.value.param == "x-gateway-timeout-s"


def test_options_are_read() -> None:
    """Streaming, usage, deadline, token limit and shadowing reach the request."""
    body = GOOD | {"stream": True, "stream_options": {"include_usage": True}, "max_completion_tokens": 7}
    request = _parse(body, x_gateway_timeout_s="2.5", x_gateway_shadow="off")
    assert (request.stream, request.include_usage, request.max_tokens) == (True, True, 7)
    assert (request.timeout_s, request.shadowed) == (2.5, False)
