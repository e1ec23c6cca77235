"""Checks with the official OpenAI client: what a good answer brings, whole, streamed, parsed and asynchronous."""

import json
from typing import Any

import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionToolParam
from pydantic import BaseModel

from tests.clients.scripted import CALLS, PERSON, PIECES, TEXT, USAGE, WORDS
from tests.clients.world import SAY, World, caught_from

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tomorrow's weather.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}


class Person(BaseModel):
    """The schema to answer in."""

    name: str
    born: int


def _usage(counted: openai.types.CompletionUsage | None) -> tuple[int, int, int] | None:
    return None if counted is None else (counted.prompt_tokens, counted.completion_tokens, counted.total_tokens)


def _texts(chunks: list[ChatCompletionChunk]) -> list[str]:
    return [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]


def check_completion(world: World) -> None:
    """A completion has the provider's text and usage, one choice, a finish reason, and the arm's id as its model."""
    answer = world.client().chat.completions.create(model="plain", messages=SAY)
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.created > 0
    assert answer.model == "plain"
    assert [choice.index for choice in answer.choices] == [0]
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert _usage(answer.usage) == USAGE


def check_auto(world: World) -> None:
    """`auto` is answered by one of the default policy's models, and the body says by which."""
    answer = world.client().chat.completions.create(model="auto", messages=SAY)
    assert answer.model in {"plain", "org/other"}


def check_stream(world: World) -> None:
    """A stream says the same as the whole answer: role first, then the pieces, then the finish reason; no usage."""
    chunks = list(world.client().chat.completions.create(model="plain", messages=SAY, stream=True))
    assert _texts(chunks) == list(PIECES)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    assert {(chunk.model, chunk.object) for chunk in chunks} == {("plain", "chat.completion.chunk")}
    assert all(chunk.usage is None for chunk in chunks)


def check_stream_usage(world: World) -> None:
    """Where usage is asked for, one more chunk without choices carries it, after the finish reason."""
    stream = world.client().chat.completions.create(
        model="plain", messages=SAY, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = stream
    assert "".join(_texts(chunks)) == TEXT
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert _usage(last.usage) == USAGE


def check_tools(world: World) -> None:
    """Parallel tool calls keep ids, names and arguments; the provider gets the tools and the choice as they were."""
    answer = world.client().chat.completions.create(
        model="tools", messages=SAY, tools=[WEATHER], tool_choice="required", parallel_tool_calls=True
    )
    called = answer.choices[0].message.tool_calls or []
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [(call.id, call.type) for call in called] == [(id, "function") for id, _, _ in CALLS]
    assert [(call.function.name, call.function.arguments) for call in called if call.type == "function"] == [
        (name, "".join(fragments)) for _, name, fragments in CALLS
    ]
    body = world.received("tools")[-1]["body"]
    assert body["tools"] == [WEATHER]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", True)


def check_tools_streamed(world: World) -> None:
    """The client's stream helper joins the fragments of parallel calls, and parses the arguments."""
    with world.client().chat.completions.stream(model="tools", messages=SAY, tools=[WEATHER]) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()
    joined = ["".join(fragments) for _, _, fragments in CALLS]
    expected = [(i, name, joined[i]) for i, (_, name, _) in enumerate(CALLS)]
    assert [(event.index, event.name, event.arguments) for event in done] == expected
    called = final.choices[0].message.tool_calls or []
    assert [call.id for call in called] == [id for id, _, _ in CALLS]
    assert [call.function.parsed_arguments for call in called] == [json.loads(text) for text in joined]
    assert final.choices[0].finish_reason == "tool_calls"


def check_tools_in_turns(world: World) -> None:
    """Fragments of calls that arrive in turns keep their index; id and name come once, with the first of each."""
    stream = world.client().chat.completions.create(model="tools-in-turns", messages=SAY, tools=[WEATHER], stream=True)
    parts = [part for chunk in stream for choice in chunk.choices for part in choice.delta.tool_calls or []]
    for index, (id, name, fragments) in enumerate(CALLS):
        mine = [part for part in parts if part.index == index]
        assert [(part.id, part.function and part.function.name) for part in mine if part.id] == [(id, name)]
        assert mine[0].id
        assert [part.function.arguments for part in mine[1:] if part.function] == list(fragments)
    assert [part.index for part in parts[2:]] == [0, 1] * len(fragments)


def check_tool_results(world: World) -> None:
    """A conversation that goes on after a tool call reaches the provider message by message, parts and ids included."""
    call = {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather in Oslo?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_a", "content": "sunny"},
    ]
    world.client().chat.completions.create(model="plain", messages=messages, tools=[WEATHER])  # type: ignore[arg-type]
    received = world.received("plain")[-1]["body"]["messages"]
    # litellm says `system` to servers of which it does not know that they understand `developer`: it means the same.
    messages[0]["role"] = received[0]["role"]
    assert received[0]["role"] in {"developer", "system"}
    assert [{"content": None, **message} for message in received] == messages


def check_parse(world: World) -> None:
    """`parse` sends a pydantic model as a strict JSON schema and gets an instance of it back."""
    answer = world.client().chat.completions.parse(model="json", messages=SAY, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="Ada Lovelace", born=1815)
    wanted = world.received("json")[-1]["body"]["response_format"]
    assert (wanted["type"], wanted["json_schema"]["strict"]) == ("json_schema", True)
    assert set(wanted["json_schema"]["schema"]["properties"]) == {"name", "born"}


def check_parse_streamed(world: World) -> None:
    """The same from a stream."""
    with world.client().chat.completions.stream(model="json", messages=SAY, response_format=Person) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "".join(PERSON)
    assert final.choices[0].message.parsed == Person(name="Ada Lovelace", born=1815)


def check_cut_by_length(world: World) -> None:
    """An answer cut by its token limit says so, and the client's parser refuses it by the name that is right."""
    assert world.client().chat.completions.create(model="long", messages=SAY).choices[0].finish_reason == "length"
    parse = world.client().chat.completions.parse
    error = caught_from(lambda: parse(model="long", messages=SAY, response_format=Person))
    assert isinstance(error, openai.LengthFinishReasonError)
    assert error.completion.model == "long"


def check_choices_and_logprobs(world: World) -> None:
    """`n` and `logprobs` reach the provider, and every choice comes back with its log-probabilities."""
    answer = world.client().chat.completions.create(model="many", messages=SAY, n=2, logprobs=True, top_logprobs=2)
    body = world.received("many")[-1]["body"]
    assert (body["n"], body["logprobs"], body["top_logprobs"]) == (2, True, 2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    found = [(c.message.content, c.logprobs.content[0]) for c in answer.choices if c.logprobs and c.logprobs.content]
    assert [(text, said.token, said.logprob) for text, said in found] == [(w, w, p) for w, p in WORDS]
    assert [(top.token, top.logprob) for top in found[0][1].top_logprobs] == list(WORDS)


def check_choices_and_logprobs_streamed(world: World) -> None:
    """The same from a stream: each choice has its own role, text, log-probabilities and finish reason."""
    chunks = list(
        world.client().chat.completions.create(model="many-streamed", messages=SAY, n=2, logprobs=True, stream=True)
    )
    for index, (word, logprob) in enumerate(WORDS):
        mine = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
        assert mine[0].delta.role == "assistant"
        assert "".join(choice.delta.content or "" for choice in mine) == word
        said = [token for choice in mine if choice.logprobs for token in choice.logprobs.content or []]
        assert [(token.token, token.logprob) for token in said] == [(word, logprob)]
        assert mine[-1].finish_reason == "stop"


async def check_async(world: World) -> None:
    """The asynchronous client gets the same, whole and streamed."""
    async with world.async_client() as client:
        answer = await client.chat.completions.create(model="plain", messages=SAY)
        assert answer.choices[0].message.content == TEXT
        stream = await client.chat.completions.create(model="plain", messages=SAY, stream=True)
        assert _texts([chunk async for chunk in stream]) == list(PIECES)
        assert sorted([model.id async for model in client.models.list()])[0] == "auto"
