"""The error tree: every error can be sent to a client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway import errors
from gateway.errors import ConfigurationError, GatewayError, OverloadedError, UpstreamError


def _tree(root: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


@pytest.mark.parametrize("kind", list(_tree(GatewayError)), ids=lambda kind: kind.__name__)
def test_every_class_has_a_status_and_a_body_and_stands_in_the_drawing(kind: type[GatewayError]) -> None:
    """OpenAI's four fields, an HTTP error status, and a line in the tree at the top of the file."""
    given = {"arm_id": "a"} if issubclass(kind, UpstreamError) else {}
    error = kind(["x"]) if kind is ConfigurationError else kind("what was wrong", **given)
    body = error.body()["error"]
    assert isinstance(body, dict)
    assert set(body) == {"message", "type", "param", "code"}
    assert 400 <= error.status < 600
    assert errors.__doc__ is not None
    assert kind.__name__ in errors.__doc__


def test_all_configuration_problems_are_in_the_message() -> None:
    """Whoever prints the error prints every problem."""
    assert "2 configuration problems" in str(ConfigurationError(["first", "second"]))
    assert "second" in str(ConfigurationError(["first", "second"]))


def test_overload_says_when_to_come_back() -> None:
    """503 always carries a number of seconds."""
    assert OverloadedError("full", retry_after_s=2.5).retry_after_s == 2.5
