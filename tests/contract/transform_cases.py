"""Requests, answers, streams and errors of providers with a wire of their own, to be sent through two lanes."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.upstream_fixtures import CANARY

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
CLAUDE, GEMINI = "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash"
MODELS = (CLAUDE, "anthropic/claude-opus-4-6", GEMINI, "gemini/gemini-3-pro-preview")
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Tells it.", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}},
]


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Zürich"}'}}
CONVERSATION = [
    user("How is the weather?"),
    {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None},
    {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
    {"role": "assistant", "content": "It rains."},
    user("And now?"),
]
REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "system": {"messages": [{"role": "system", "content": "Be brief."}, user("Hello 🌍\u2028\x85")]},
    "developer": {"messages": [{"role": "developer", "content": "Be brief."}, user("Hello")]},
    "several systems": {
        "messages": [{"role": "system", "content": "One."}, {"role": "system", "content": "Two."}, user("Hello")]
    },
    "only a system": {"messages": [{"role": "system", "content": "One."}]},
    "late system": {"messages": [user("Hello"), {"role": "system", "content": "Two."}, user("Go on.")]},
    "sampling": {
        "temperature": 0.25, "top_p": 0.5, "max_tokens": 17, "presence_penalty": 0.5, "frequency_penalty": 0.25,
        "seed": 3, "user": "u-1", "logit_bias": {"1": 2}, "n": 1, "unknown_field": 1, "logprobs": True,
        "top_logprobs": 2, "service_tier": "auto", "store": True, "safety_identifier": "s",
    },
    "max_completion_tokens": {"max_completion_tokens": 33},
    "stop": {"stop": "END"},
    "many stops": {"stop": ["a", "b", "c", "d", "e"]},
    "several choices": {"n": 2},
    "tools": {"tools": TOOLS, "tool_choice": "auto", "parallel_tool_calls": False},
    "a required tool": {"tools": TOOLS, "tool_choice": "required"},
    "no tool": {"tools": TOOLS, "tool_choice": "none"},
    "this tool": {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "weather"}}},
    "tool names": {"tools": [{"type": "function", "function": {"name": "a.b/c", "parameters": SCHEMA}}]},
    "strict tools": {"tools": [{"type": "function", "function": {"name": "x", "strict": True, "parameters": SCHEMA}}]},
    "tool results": {"messages": CONVERSATION, "tools": TOOLS},
    "tool results without tools": {"messages": CONVERSATION},
    "functions": {"functions": [TOOLS[0]["function"]], "function_call": "auto"},
    "an image": {
        "messages": [
            user([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]),
        ]
    },
    "parts": {"messages": [user([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]},
    "json": {"response_format": {"type": "json_object"}},
    "a schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}}
    },
    "a schema and tools": {
        "tools": TOOLS,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
    },
    "text format": {"response_format": {"type": "text"}},
    "effort": {"reasoning_effort": "low", "max_tokens": 4000},
    "thinking": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4000},
    "no messages": {"messages": []},
    "an empty text": {"messages": [user("")]},
    "a prefill": {"messages": [user("Hello"), {"role": "assistant", "content": "Well,"}]},
    "two in a row": {"messages": [user("a"), user("b"), {"role": "assistant", "content": "c"}, user("d")]},
    "an unknown role": {"messages": [{"role": "nobody", "content": "x"}]},
    "a bad tool choice": {"tools": TOOLS, "tool_choice": {"type": "weather"}},
    "a bad effort": {"reasoning_effort": "enormous"},
}  # fmt: skip
"""Each request by what is special about it."""


def claude(*content: dict[str, Any], stop: str = "end_turn") -> bytes:
    usage = {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 1}
    return json.dumps(
        {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": stop,
         "stop_sequence": None, "content": content, "usage": usage}
    ).encode()  # fmt: skip


def gemini(*parts: dict[str, Any], finish: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    usage = {"promptTokenCount": 8, "candidatesTokenCount": 3, "totalTokenCount": 13, "thoughtsTokenCount": 2}
    finished = {"finishReason": finish} if finish else {}
    return {"candidates": [candidate | finished], "usageMetadata": usage, "modelVersion": "gemini-x",
            "responseId": "r1", **fields}  # fmt: skip


TEXT = 'Grüße, 世界 "quoted"\n\u2028[DONE] end'
ANSWERS: dict[str, list[tuple[str, bytes]]] = {
    "anthropic": [
        ("text", claude({"type": "text", "text": TEXT})),
        ("cut", claude({"type": "text", "text": TEXT}, stop="max_tokens")),
        ("refusal", claude({"type": "text", "text": ""}, stop="refusal")),
        ("nothing", claude()),
        ("tools", claude({"type": "text", "text": "Let me look."},
                         {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}},
                         {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}}, stop="tool_use")),
        ("json tool", claude({"type": "tool_use", "id": "toolu_1", "name": "json_tool_call",
                              "input": {"city": "Bern"}}, stop="tool_use")),
        ("thinking", claude({"type": "thinking", "thinking": "Hm.", "signature": "abc="},
                            {"type": "redacted_thinking", "data": "xyz"}, {"type": "text", "text": "4"})),
    ],
    "gemini": [
        ("text", json.dumps(gemini({"text": TEXT})).encode()),
        ("cut", json.dumps(gemini({"text": TEXT}, finish="MAX_TOKENS")).encode()),
        ("refusal", json.dumps(gemini(finish="SAFETY")).encode()),
        ("blocked", json.dumps({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}}).encode()),
        ("nothing", json.dumps({"candidates": [], "usageMetadata": {}}).encode()),
        ("tools", json.dumps(gemini({"functionCall": {"name": "weather", "args": {"city": "Zürich"}}},
                                    {"functionCall": {"name": "time", "args": {}}})).encode()),
        ("thinking", json.dumps(gemini({"text": "Hm.", "thought": True}, {"text": "4"})).encode()),
    ],
}  # fmt: skip


def start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def claude_stream(*inner: dict[str, Any], stop: str = "end_turn") -> list[dict[str, Any]]:
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [],
               "stop_reason": None, "usage": {"input_tokens": 25, "output_tokens": 1}}  # fmt: skip
    return [
        {"type": "message_start", "message": message},
        {"type": "ping"},
        *inner,
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]


def block(index: int, opened: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [start(index, **opened), *deltas, {"type": "content_block_stop", "index": index}]


SPOKEN = block(0, {"type": "text", "text": ""}, *(delta(0, "text_delta", text=t) for t in ("Let ", "me ", TEXT)))
STREAMS: dict[str, list[tuple[str, list[dict[str, Any]]]]] = {
    "anthropic": [
        ("text", claude_stream(*SPOKEN)),
        ("tools", claude_stream(
            *SPOKEN,
            *block(1, {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
                   *(delta(1, "input_json_delta", partial_json=t) for t in ("", '{"city": ', '"Bern"}'))),
            *block(2, {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}}), stop="tool_use")),
        ("thinking", claude_stream(
            *block(0, {"type": "thinking", "thinking": ""}, delta(0, "thinking_delta", thinking="Hm."),
                   delta(0, "signature_delta", signature="abc=")), *SPOKEN)),
        ("json tool", claude_stream(
            *block(0, {"type": "tool_use", "id": "toolu_1", "name": "json_tool_call", "input": {}},
                   *(delta(0, "input_json_delta", partial_json=t) for t in ('{"city": ', '"Bern"}'))),
            stop="tool_use")),
        ("overloaded", [*claude_stream(*SPOKEN)[:4],
                        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}]),
        ("cut", claude_stream(*SPOKEN)[:5]),
        ("nothing", []),
    ],
    "gemini": [
        ("text", [gemini({"text": t}, finish=None) for t in ("Let ", "me ", TEXT)] + [gemini({"text": "!"})]),
        ("a bare end", [gemini({"text": TEXT}, finish=None), gemini({"text": ""})]),
        ("tools", [gemini({"text": "a"}, finish=None),
                   gemini({"functionCall": {"name": "weather", "args": {"city": "Bern"}}},
                          {"functionCall": {"name": "time", "args": {}}})]),
        ("thinking", [gemini({"text": "Hm.", "thought": True}, finish=None), gemini({"text": "4"}, finish=None),
                      gemini({"text": "", "thoughtSignature": "abc="})]),
        ("safety", [gemini({"text": "a"}, finish=None), gemini(finish="SAFETY")]),
        ("quota", [gemini({"text": "a"}, finish=None),
                   {"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}]),
        ("cut", [gemini({"text": "a"}, finish=None), gemini({"text": "b"}, finish=None)]),
        ("nothing", []),
    ],
}  # fmt: skip
ERRORS: dict[str, tuple[int, dict[str, str], Any]] = {
    "400": (400, {}, {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: too large"}}),
    "too long": (400, {}, {"type": "error", "error": {"type": "invalid_request_error",
                                                      "message": "prompt is too long: 300000 tokens > 200000"}}),
    "401": (401, {}, {"type": "error", "error": {"type": "authentication_error", "message": f"bad key {CANARY}"}}),
    "403": (403, {}, {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}),
    "404": (404, {}, {"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}),
    "413": (413, {}, {"type": "error", "error": {"type": "request_too_large", "message": "too large"}}),
    "422": (422, {}, {"message": "wrong"}),
    "429": (429, {"retry-after": "7"}, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}),
    "quota": (429, {}, [{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED"}}]),
    "500": (500, {}, {"type": "error", "error": {"type": "api_error", "message": "Internal"}}),
    "503": (503, {"retry-after": "3"}, {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
    "529": (529, {}, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
}  # fmt: skip


def family(model: str) -> str:
    return model.partition("/")[0]
