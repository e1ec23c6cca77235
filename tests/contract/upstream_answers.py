"""The upstream's promises about what an answer carries: text, tools, usage and fields, whole and streamed alike."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gateway.core.values import ToolCall
from tests.contract.upstream_fixtures import CANARY, MESSAGES, Lane, UpstreamFixtures, request
from tests.neighbours.scripted_provider import USAGE, ScriptedTool

TEXTS = {
    "plain": "Hello, world!",
    "scripts": "Grüße, 世界, שלום, 🌍👩‍👩‍👧 and e\u0301",
    "lines": 'data: {"a": 1}\n\n\r\ndata: [DONE]\u2028\u2029\x85\x0b\x1c end\t\\n "quoted" ',
    "spaces": "   leading, inner    and trailing   \n",
    "long": "0123456789" * 2_000,
}
WEATHER = ScriptedTool(id="call_1", name="weather", fragments=('{"ci', 'ty": "Zü', 'rich"}'))
TIME = ScriptedTool(id="call_2", name="time", fragments=("{", "}"))
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("weather", "time")
]
ASK_USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}


def cut_up(text: str, size: int) -> tuple[str, ...]:
    return tuple(text[start : start + size] for start in range(0, len(text), size))


class AnswerContract(UpstreamFixtures):
    """What comes back is what the provider said."""

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
    async def test_text_is_identical(self, lane: Lane, text: str) -> None:
        """Whole or streamed, in pieces of any size: not one character is lost, added or changed."""
        lane.script(pieces=(text,))
        whole = await lane.complete()
        body: Any = whole.body
        assert body["choices"][0]["message"]["content"] == text
        assert whole.completion.text == text
        for size in (1, 7, len(text)) if len(text) < 100 else (997,):
            for escaped in (True, False):
                lane.script(pieces=cut_up(text, size), escaped=escaped)
                streamed = await lane.stream()
                assert streamed.text == text
                assert streamed.completion.text == text

    async def test_whole_and_streamed_say_the_same(self, lane: Lane) -> None:
        """What is learned from does not depend on how the client wanted its answer."""
        lane.script(pieces=("a", "b"), tools=(WEATHER,), finish_reason="tool_calls")
        whole = (await lane.complete()).completion
        streamed = (await lane.stream()).completion
        read = ("id", "text", "tool_calls", "finish_reason", "refusal", "tokens_in", "tokens_out", "usage_estimated")
        assert [getattr(whole, name) for name in read] == [getattr(streamed, name) for name in read]
        assert (whole.finish_reason, whole.usage_estimated) == ("tool_calls", False)

    async def test_the_body_is_openais(self, lane: Lane) -> None:
        """The arm's id as model, the provider's own id and time, one message, its finish reason, the usage."""
        body: Any = (await lane.complete()).body
        assert (body["object"], body["model"], body["id"]) == ("chat.completion", "arm", "chatcmpl-scripted")
        assert body["created"] == 1_700_000_000
        (choice,) = body["choices"]
        assert (choice["index"], choice["finish_reason"]) == (0, "stop")
        assert choice["message"]["role"] == "assistant"
        assert {name: body["usage"][name] for name in USAGE} == USAGE

    async def test_every_chunk_is_openais(self, lane: Lane) -> None:
        """One id, time and model throughout; the role comes first and once; the finish reason comes last and once."""
        streamed = await lane.stream()
        heads = {(c["object"], c["model"], c["id"], c["created"]) for c in streamed.chunks}
        assert heads == {("chat.completion.chunk", "arm", "chatcmpl-scripted", 1_700_000_000)}
        roles = [delta.get("role") for delta in streamed.deltas()]
        assert (roles[0], set(roles[1:])) == ("assistant", {None})
        reasons = [choice["finish_reason"] for chunk in streamed.chunks for choice in chunk["choices"]]
        assert (set(reasons[:-1]), reasons[-1]) == ({None}, "stop")
        assert b"[DONE]" not in b"".join(streamed.blocks)

    async def test_the_role_is_added_where_the_provider_forgets_it(self, lane: Lane) -> None:
        """Some servers never send it; clients build their message from it."""
        lane.script(events=[_chunk({"content": "x"}), _chunk({}, "stop")])
        assert (await lane.stream()).deltas()[0]["role"] == "assistant"

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_usage_is_read(self, lane: Lane, streamed: bool) -> None:
        """The counts are the provider's, and not marked as estimates."""
        read = await lane.either(streamed=streamed)
        assert (read.tokens_in, read.tokens_out, read.usage_estimated) == (11, 7, False)

    async def test_usage_is_always_asked_for(self, lane: Lane) -> None:
        """A stream reports its usage only where the request says so, and we always need it."""
        await lane.stream()
        assert lane.sent["stream_options"] == {"include_usage": True}

    async def test_usage_reaches_only_a_client_that_asked(self, lane: Lane) -> None:
        """As the last chunk, without choices, once; otherwise there is no trace of it."""
        unasked = await lane.stream()
        assert all(chunk["choices"] for chunk in unasked.chunks)
        assert b"usage" not in b"".join(unasked.blocks)
        asked = await lane.stream(**ASK_USAGE)
        assert [bool(chunk["choices"]) for chunk in asked.chunks] == [True] * (len(asked.chunks) - 1) + [False]
        assert asked.chunks[-1]["usage"] == USAGE
        assert asked.completion.text == unasked.completion.text

    async def test_usage_beside_content_is_moved_to_its_own_chunk(self, lane: Lane) -> None:
        """Some providers repeat a running total in every chunk: it is charged once, and sent once."""
        counts = [{"prompt_tokens": 11, "completion_tokens": n, "total_tokens": 11 + n} for n in (1, 2, 2)]
        events = [_chunk({"content": "a"}), _chunk({"content": "b"}), _chunk({}, "stop")]
        lane.script(events=[{**event, "usage": usage} for event, usage in zip(events, counts, strict=True)])
        streamed = await lane.stream(**ASK_USAGE)
        assert (streamed.completion.tokens_in, streamed.completion.tokens_out) == (11, 2)
        assert [chunk["usage"] for chunk in streamed.chunks if chunk.get("usage")] == [counts[-1]]

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_missing_usage_is_estimated(self, lane: Lane, streamed: bool) -> None:
        """A quarter of a token a character, rounded up, and marked as an estimate."""
        lane.script(usage=None, pieces=("x" * 41,))
        read = await lane.either(streamed=streamed, messages=[{"role": "user", "content": "y" * 22}])
        assert (read.tokens_in, read.tokens_out, read.usage_estimated) == (6, 11, True)

    async def test_estimated_usage_is_sent_where_it_was_asked_for(self, lane: Lane) -> None:
        """A client that counts tokens gets a count, the same that we charge."""
        lane.script(usage=None, pieces=("x" * 40,))
        usage = (await lane.stream(**ASK_USAGE)).chunks[-1]["usage"]
        assert (usage["completion_tokens"], usage["total_tokens"] - usage["prompt_tokens"]) == (10, 10)
        body: Any = (await lane.complete()).body
        assert body["usage"]["completion_tokens"] == 10

    @pytest.mark.parametrize("interleaved", [False, True])
    async def test_parallel_tool_calls(self, lane: Lane, interleaved: bool) -> None:
        """Fragments of several calls, in any order, are joined right for us and reach the client as they came."""
        lane.script(pieces=(), tools=(WEATHER, TIME), finish_reason="tool_calls", interleaved=interleaved)
        expected = (
            ToolCall(id="call_1", name="weather", arguments='{"city": "Zürich"}'),
            ToolCall(id="call_2", name="time", arguments="{}"),
        )
        whole = await lane.complete(tools=TOOLS)
        assert whole.completion.tool_calls == expected
        body: Any = whole.body
        calls = body["choices"][0]["message"]["tool_calls"]
        assert [(c["id"], c["type"], c["function"]["arguments"]) for c in calls] == [
            (call.id, "function", call.arguments) for call in expected
        ]
        assert body["choices"][0]["message"]["content"] is None
        streamed = await lane.stream(tools=TOOLS)
        assert streamed.completion.tool_calls == expected
        parts = [part for delta in streamed.deltas() for part in delta.get("tool_calls") or ()]
        for index, call in enumerate(expected):
            mine = [part for part in parts if part["index"] == index]
            assert "".join(part["function"].get("arguments") or "" for part in mine) == call.arguments
            assert [part["id"] for part in mine if part.get("id")] == [call.id]

    async def test_refusal_and_reasoning(self, lane: Lane) -> None:
        """They are not content, and not lost."""
        lane.script(pieces=(), refusal="I will not.", reasoning="Should I?")
        whole = await lane.complete()
        body: Any = whole.body
        message = body["choices"][0]["message"]
        assert (message["refusal"], message["reasoning_content"]) == ("I will not.", "Should I?")
        streamed = await lane.stream()
        assert [delta["refusal"] for delta in streamed.deltas() if delta.get("refusal")] == ["I will not."]
        assert [d["reasoning_content"] for d in streamed.deltas() if d.get("reasoning_content")] == ["Should I?"]
        for read in (whole.completion, streamed.completion):
            assert (read.text, read.refusal) == ("", "I will not.")

    async def test_several_choices(self, lane: Lane) -> None:
        """Each has its own deltas and its own end; the first is the one that is judged."""
        lane.script(
            events=[
                _chunk({"content": "a"}, index=0),
                _chunk({"content": "x"}, index=1),
                _chunk({}, "stop", index=0),
                _chunk({"content": "y"}, index=1),
                _chunk({}, "length", index=1),
            ]
        )
        streamed = await lane.stream(n=2)
        assert [delta.get("content") for delta in streamed.deltas(1)] == ["x", "y", None]
        finishes = [(c["index"], c["finish_reason"]) for chunk in streamed.chunks for c in chunk["choices"]]
        assert [found for found in finishes if found[1]] == [(0, "stop"), (1, "length")]
        assert (streamed.completion.text, streamed.completion.finish_reason) == ("a", "stop")

    async def test_a_finish_reason_beside_content(self, lane: Lane) -> None:
        """It may be premature, as some servers put it into every chunk: it is sent once, at the end."""
        lane.script(events=[_chunk({"content": text}, "stop") for text in "abc"])
        streamed = await lane.stream(**ASK_USAGE)
        assert streamed.text == "abc"
        reasons = [choice["finish_reason"] for chunk in streamed.chunks for choice in chunk["choices"]]
        assert reasons == [None, None, None, "stop"]
        assert streamed.completion.finish_reason == "stop"

    async def test_log_probabilities(self, lane: Lane) -> None:
        """They pass, with their empty fields."""
        logprobs: dict[str, Any] = {
            "content": [{"token": "a", "logprob": -0.5, "bytes": None, "top_logprobs": []}],
            "refusal": None,
        }
        event: Any = _chunk({"content": "a"})
        event["choices"][0]["logprobs"] = logprobs
        lane.script(events=[event, _chunk({}, "stop")])
        streamed = await lane.stream(logprobs=True)
        (found,) = [c["logprobs"] for chunk in streamed.chunks for c in chunk["choices"] if c.get("logprobs")]
        assert found["content"][0]["logprob"] == -0.5


class RequestContract(UpstreamFixtures):
    """What goes up is what the client asked, and nothing that steers."""

    async def test_known_fields_pass(self, lane: Lane) -> None:
        """A request for structured output, with sampling and tools, arrives as it was written."""
        fields: dict[str, Any] = {
            "temperature": 0.25, "top_p": 0.5, "max_tokens": 17, "stop": ["END"], "seed": 3, "n": 1, "user": "u-1",
            "presence_penalty": 0.125, "frequency_penalty": 0.25, "tools": TOOLS, "tool_choice": "auto",
            "parallel_tool_calls": False,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "strict": True, "schema": {"type": "object", "properties": {}}},
            },
        }  # fmt: skip
        await lane.complete(**fields)
        assert {name: lane.sent.get(name) for name in fields} == fields
        assert (lane.sent["model"], lane.sent["messages"]) == ("arm", MESSAGES)

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_unknown_fields_pass(self, lane: Lane, streamed: bool) -> None:
        """As an OpenAI-compatible gateway must: the provider may know what we do not."""
        fields: dict[str, Any] = {
            "top_k": 5,
            "min_p": 0.125,
            "chat_template_kwargs": {"enable_thinking": False},
            "new_field": [1, None],
        }
        await lane.either(streamed=streamed, **fields)
        assert {name: lane.sent.get(name) for name in fields} == fields

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_steering_fields_never_pass(self, lane: Lane, streamed: bool) -> None:
        """Nothing in a body chooses a host, a key, a header, a provider or a number of tries, here or upstream."""
        evil = "http://canary.invalid/v1"
        fields: dict[str, Any] = {
            "api_base": evil, "base_url": evil, "api_key": "sk-evil-evil", "custom_llm_provider": "azure",
            "extra_headers": {"x-evil": "1"}, "headers": {"x-evil": "1"}, "extra_query": {"evil": "1"},
            "extra_body": {"evil": 1}, "default_headers": {"x-evil": "1"}, "model_list": [{"model_name": evil}],
            "fallbacks": ["evil"], "num_retries": 5, "max_retries": 5, "timeout": 0.001, "organization": "evil",
            "mock_response": "evil", "litellm_params": {"api_base": evil}, "aws_region_name": "evil",
            "vertex_project": "evil", "azure_ad_token": "evil", "metadata": {"task_type": "evil"}, "client": "evil",
            "proxy": evil, "callbacks": ["evil"], "models": ["evil"], "_skip_mcp_handler": False, "no-log": True,
        }  # fmt: skip
        read = await lane.either(streamed=streamed, **fields)
        assert read.text == "Hello, world!"
        assert lane.hits == 1
        (received,) = lane.provider.requests
        assert not (fields.keys() & received.body.keys())
        assert "evil" not in str((received.body, received.headers, received.path))
        assert received.body["model"] == "arm"

    async def test_the_arms_key_and_no_other(self, lane: Lane) -> None:
        """The provider is paid with the arm's key, and sees no header of the client's."""
        await lane.complete()
        assert lane.provider.requests[0].headers["authorization"] == f"Bearer {CANARY}"

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_the_body_stays_as_it_was(self, lane: Lane, streamed: bool) -> None:
        """The next arm gets the same request."""
        messages = [
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {}}]},
            {"role": "tool", "tool_call_id": "c", "content": "4"},
            {"role": "user", "content": "And now?"},
        ]
        call = request(messages=messages, tools=TOOLS, top_k=5, stop="x", user="u")
        before = copy.deepcopy(call.body)
        if streamed:
            stream = await lane.upstream.open(call)
            assert [block async for block in stream]
        else:
            await lane.upstream.complete(call)
        assert call.body == before


def _chunk(delta: dict[str, object], finish: str | None = None, index: int = 0) -> dict[str, object]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
