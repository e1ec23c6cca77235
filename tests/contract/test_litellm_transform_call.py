"""What a request becomes before a provider's own code translates it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.adapters.litellm_loading import load_litellm
from gateway.adapters.litellm_transform_call import Translation
from gateway.adapters.litellm_upstream import Route

# pydantic says so once for each of litellm's own types, whenever it happens to be built.
pytestmark = pytest.mark.filterwarnings("ignore:.* on TypedDict class .* using the `ReadOnly` qualifier:UserWarning")


class Caught(Translation):
    """Keeps what the provider's handler would be called with."""

    async def _handled(self, arguments: dict[str, Any]) -> Any:
        return arguments

    def _enter(self, arguments: dict[str, Any], *, stream: bool) -> Any:
        del stream
        return self._handled(arguments)


async def caught(body: dict[str, Any], *, stream: bool = False, model: str = "anthropic/claude-sonnet-4-5") -> Any:
    translation = Caught(load_litellm(), Route(model=model, api_key="k", api_base="http://h"))
    return await translation.send(body, None, stream=stream)


async def test_the_provider_gets_its_own_name_of_the_model() -> None:
    """litellm's prefix names the family only."""
    seen = await caught({"messages": []}, model="anthropic/org/model")
    assert (seen["custom_llm_provider"], seen["model"]) == ("anthropic", "org/model")


async def test_fields_that_the_provider_does_not_know_are_left_out() -> None:
    """And so are those that nobody knows, and those that steer."""
    body = {
        "messages": [{"role": "user", "content": "x"}],
        "seed": 1,
        "new": 1,
        "api_base": "http://evil",
        "top_p": 0.5,
    }
    seen = await caught(body)
    assert seen["optional_params"] == {"top_p": 0.5}


async def test_the_body_is_not_touched() -> None:
    """Provider code changes messages and tools in place; the next arm needs them as they were."""
    tool = {"type": "function", "function": {"name": "x", "parameters": {"type": "object"}}}
    body = {"messages": [{"role": "developer", "content": "x", "name": None}], "tools": [tool], "stop": list("abcde")}
    before = str(body)
    seen = await caught(body)
    assert seen["messages"] == [{"role": "system", "content": "x"}]
    assert str(body) == before


@pytest.mark.parametrize("stream", [False, True])
async def test_streaming_is_a_parameter(stream: bool) -> None:
    """Handlers look for it among the request's own."""
    assert (await caught({"messages": []}, stream=stream))["optional_params"].get("stream", False) is stream


async def test_nothing_is_shared_between_calls() -> None:
    """Handlers change what they are given."""
    translation = Caught(load_litellm(), Route(model="anthropic/x", api_key="k"))
    one, two = [await translation.send({"messages": []}, None, stream=False) for _ in range(2)]
    for name in ("messages", "optional_params", "litellm_params", "model_response", "logging_obj"):
        assert one[name] is not two[name]
    assert two["litellm_params"]["drop_params"] is True
    assert (two["encoding"], two["acompletion"]) == (None, True)
