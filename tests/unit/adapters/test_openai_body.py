"""What goes up OpenAI's wire; the contract suite shows which fields steer."""

from __future__ import annotations

import copy
from typing import Any

import orjson

from gateway.adapters.openai_body import upstream_body
from gateway.core.providers import Dialect, dialect_of

MESSAGES = [{"role": "user", "content": "x"}]


def sent(body: dict[str, Any], *, stream: bool = False, dialect: Dialect | None = None) -> dict[str, Any]:
    before = copy.deepcopy(body)
    data = upstream_body(body, model="m", stream=stream, dialect=dialect or Dialect())
    assert body == before
    found: dict[str, Any] = orjson.loads(data)
    return found


def test_the_arms_model_and_the_clients_fields() -> None:
    """Known or unknown; what is null says nothing, and what is ours stays here."""
    body = {"model": "auto", "messages": MESSAGES, "top_k": 5, "stop": None, "stream": True, "metadata": {"a": "b"}}
    assert sent(body) == {"model": "m", "messages": MESSAGES, "top_k": 5}


def test_a_stream_always_reports_its_usage() -> None:
    """Whatever the client's own options say, unless the provider refuses the field."""
    asked = sent({"messages": MESSAGES, "stream_options": {"include_usage": False}}, stream=True)
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})
    assert "stream_options" not in sent({"messages": MESSAGES}, stream=True, dialect=Dialect(usage_on_request=False))


def test_names_and_words_of_the_dialect() -> None:
    """Fields are renamed, left out, and their words exchanged."""
    dialect = Dialect(renamed={"a": "b"}, dropped=frozenset({"c"}), words={("d", "yes"): "ja"})
    assert sent({"a": 1, "c": 2, "d": "yes", "e": "yes"}, dialect=dialect) == {
        "b": 1, "d": "ja", "e": "yes", "model": "m",
    }  # fmt: skip


def test_a_name_given_twice() -> None:
    """The provider's own name counts where a client gives both."""
    assert sent({"a": 1, "b": 2}, dialect=Dialect(renamed={"a": "b"})) == {"b": 2, "model": "m"}


def test_models_that_think() -> None:
    """They know the limit by one name, and refuse what steers sampling."""
    body: dict[str, Any] = {"max_tokens": 7, "temperature": 0.5, "reasoning_effort": "low"}
    assert sent(body, dialect=dialect_of("openai/o3-mini")) == {
        "max_completion_tokens": 7, "reasoning_effort": "low", "model": "m",
    }  # fmt: skip


def test_names_of_any_length() -> None:
    """A long name is looked at like any other."""
    body = {"x" * 100_000: 1, "aws_" + "x" * 100: 2}
    assert sent(body).keys() == {"x" * 100_000, "model"}
