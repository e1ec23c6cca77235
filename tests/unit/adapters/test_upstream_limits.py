"""The words for a limit that ran out."""

from __future__ import annotations

import pytest

from gateway.adapters.upstream_limits import LIMIT_NAMES, LimitName, timed_out
from gateway.core.values import Arm
from gateway.flows.ports import Call, Limits

CALL = Call(arm=Arm(id="arm", model="m"), body={}, limits=Limits(connect_s=1, first_token_s=2, idle_s=3, total_s=4.5))


@pytest.mark.parametrize(
    ("name", "seconds"), [("connect_s", "1 s"), ("first_token_s", "2 s"), ("idle_s", "3 s"), ("total_s", "4.5 s")]
)
def test_every_limit_has_its_words(name: LimitName, seconds: str) -> None:
    """The error says which it was, how long, and whose."""
    error = timed_out(CALL, name)
    assert (error.arm_id, error.status) == ("arm", 504)
    assert all(part in error.message for part in ("'arm'", f"({name})", seconds))


def test_every_limit_of_a_transport_has_a_name() -> None:
    """None is left without words."""
    assert set(LIMIT_NAMES.values()) <= set(Limits.__dataclass_fields__)
