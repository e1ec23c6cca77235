"""Hints: the documented ones are read, the wrong ones refused."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from gateway.api.hints import hints
from gateway.errors import RequestError


def test_defaults_are_the_documented_ones() -> None:
    """Nothing told: priority 5, everything else unknown."""
    told = hints({}, {})
    assert (told.priority, told.task_type, told.user_id, dict(told.custom)) == (5, None, None, {})


def test_a_headers_value_is_named_as_the_header() -> None:
    """When both are given and the header is wrong, the header is what the client must mend."""
    with pytest.raises(RequestError) as caught:
        hints({"metadata": {"priority": "5"}}, CIMultiDict({"X-Gateway-Priority": "99"}))
    assert caught.value.param == "x-gateway-priority"


def test_scalars_count_as_their_text() -> None:
    """A number or a boolean in metadata is what its text says."""
    told = hints({"metadata": {"priority": 7, "paid": True}}, {})
    assert (told.priority, told.custom["paid"]) == (7, "True")


def test_metadata_is_bounded() -> None:
    """A flood of keys is refused; a long value is cut, it is a hint after all."""
    with pytest.raises(RequestError):
        hints({"metadata": {str(i): "x" for i in range(65)}}, {})
    assert len(hints({"metadata": {"a": "x" * 10_000}}, {}).custom["a"]) == 512


def test_any_other_header_of_ours_is_a_custom_feature() -> None:
    """As with metadata; those that mean something else are no hints."""
    told = hints(
        {"metadata": {"tier": "free", "plan": "a"}},
        CIMultiDict({"X-Gateway-Tier": "paid", "x-gateway-session-id": "s", "x-gateway-shadow": "off", "x-other": "1"}),
    )
    assert dict(told.custom) == {"tier": "paid", "plan": "a"}
