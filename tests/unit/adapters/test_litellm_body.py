"""Which fields of a body reach a provider."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.adapters.litellm_body import FIELDS, copied, parameters, steers
from gateway.core.values import Json

MESSAGES = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]


def test_only_listed_fields_reach_a_translated_provider() -> None:
    """What nobody translates is left out rather than guessed at."""
    body = {"model": "auto", "messages": MESSAGES, "temperature": 0, "top_k": 5, "metadata": {"a": "b"}, "stream": True}
    assert parameters(body, openai_wire=False) == {"messages": MESSAGES, "temperature": 0}


def test_unknown_fields_reach_openais_wire_in_the_extra_body() -> None:
    """And only there, so that none of them is an argument of litellm's."""
    body = {"messages": MESSAGES, "top_k": 5, "chat_template_kwargs": {"a": None}, "user": "u"}
    assert parameters(body, openai_wire=True) == {
        "messages": MESSAGES,
        "user": "u",
        "extra_body": {"top_k": 5, "chat_template_kwargs": {"a": None}, "user": "u"},
    }


def test_a_null_is_an_absent_field() -> None:
    """OpenAI's clients write null for what they leave out."""
    assert parameters({"messages": MESSAGES, "stop": None, "user": None}, openai_wire=True) == {"messages": MESSAGES}


@pytest.mark.parametrize(
    "name",
    ["api_base", "API_BASE", "Api-Key", "base_url", "aws_anything", "azure_ad_token", "_x", "litellm_params",
     "mock_delay", "vertex_project", "extra_body", "models"],
)  # fmt: skip
def test_steering_names(name: str) -> None:
    """However they are written, they go nowhere."""
    assert steers(name)
    assert "extra_body" not in parameters({"messages": MESSAGES, name: "x"}, openai_wire=True)


def test_no_allowed_field_steers() -> None:
    """The two lists do not contradict each other."""
    assert not [name for name in FIELDS if steers(name)]


def test_names_may_be_denied_from_outside() -> None:
    """litellm's own list of what it reads grows with its versions."""
    body = {"messages": MESSAGES, "top_k": 1, "budget_duration": "1d"}
    assert parameters(body, openai_wire=True, denied={"budget_duration"})["extra_body"] == {"top_k": 1}


def test_nothing_is_shared_with_the_body() -> None:
    """litellm changes messages in place for some providers; the next arm needs them as they were."""
    body: dict[str, Any] = {"messages": MESSAGES, "extra": {"a": [1, {"b": 2}]}}
    chosen: Any = parameters(body, openai_wire=True)
    chosen["messages"][0]["content"].clear()
    chosen["extra_body"]["extra"]["a"][1]["b"] = 3
    assert body == {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
        "extra": {"a": [1, {"b": 2}]},
    }


def test_a_copy_is_equal() -> None:
    """All of JSON's types."""
    value: Json = {"a": [None, True, 1, 1.5, "x", {"b": []}]}
    assert copied(value) == value
