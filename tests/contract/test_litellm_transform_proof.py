"""The proof by which the transform lane finds out whether it may be used with this version of litellm."""

from __future__ import annotations

import socket
from typing import Any, ClassVar

import pytest

from gateway.adapters.litellm_loading import load_litellm
from gateway.adapters.litellm_transform_call import Translation
from gateway.adapters.litellm_transform_families import FAMILIES, Anthropic
from gateway.adapters.litellm_transform_proof import proven
from gateway.adapters.litellm_upstream import Route
from gateway.core.values import Json

# pydantic says so once for each of litellm's own types, whenever it happens to be built.
pytestmark = pytest.mark.filterwarnings("ignore:.* on TypedDict class .* using the `ReadOnly` qualifier:UserWarning")


class Inventive(Anthropic):
    """Sends something that `acompletion` does not."""

    def _enter(self, arguments: dict[str, Any], *, stream: bool) -> Any:
        arguments["optional_params"]["top_k"] = 5
        return super()._enter(arguments, stream=stream)


class Forgetful(Anthropic):
    """Loses a field of some requests only."""

    def _fields(self, body: Any) -> dict[str, Any]:
        return {name: value for name, value in super()._fields(body).items() if name != "stop"}


class Elsewhere(Anthropic):
    """Sends it to another place."""

    def __init__(self, litellm: Any, route: Route) -> None:
        super().__init__(litellm, route)
        self._base += "/batches"


class Outdated(Anthropic):
    """Calls something that this version of litellm does not have."""

    def _enter(self, arguments: dict[str, Any], *, stream: bool) -> Any:
        return self._litellm.main.no_longer_here.completion(**arguments, stream=stream)


class Unreadable(Anthropic):
    """Knows answers of another kind."""

    sample: ClassVar[Json] = {"id": "x"}


@pytest.mark.parametrize("model", ["anthropic/claude-haiku-4-5", "gemini/gemini-2.0-flash", "hosted_vllm/x"])
def test_every_family_is_proven(model: str) -> None:
    """With the installed version of litellm, whichever of the supported range it is."""
    assert proven(load_litellm(), Route(model=model, api_key="k"), FAMILIES[model.partition("/")[0]])


@pytest.mark.parametrize("family", [Inventive, Forgetful, Elsewhere, Outdated, Unreadable])
def test_a_difference_is_found(family: type[Translation]) -> None:
    """In what is sent, in where to, or in a failure: then the arm goes the long way, and nothing is raised."""
    route = Route(model=f"anthropic/claude-{family.__name__}", api_key="k")
    assert not proven(load_litellm(), route, family)


def test_a_model_that_litellm_does_not_know() -> None:
    """Is translated as the family's others."""
    assert proven(load_litellm(), Route(model="anthropic/claude-of-tomorrow", api_key="k"), Anthropic)


def test_nothing_leaves_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probes are compared without a connection, and without the arm's key or address."""

    def connect(*_: object) -> None:
        raise AssertionError("a probe was sent")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    route = Route(model="gemini/gemini-2.5-pro", api_key="k", api_base="http://127.0.0.1:9")
    assert proven(load_litellm(), route, FAMILIES["gemini"])


def test_it_is_found_out_once() -> None:
    """For each model and what its configuration adds: a second arm costs nothing."""
    route = Route(model="anthropic/claude-once", api_key="k")
    assert proven(load_litellm(), route, Anthropic)
    assert proven(load_litellm(), route, Outdated)
    assert not proven(load_litellm(), Route(model=route.model, extra={"extra_headers": {"x": "y"}}), Outdated)
