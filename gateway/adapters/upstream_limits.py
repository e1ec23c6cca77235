"""Which limit ended a call, in words: the same in every lane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from gateway.adapters.http_transport import Limit
from gateway.errors import UpstreamTimeoutError
from gateway.flows.ports import Call

LimitName = Literal["connect_s", "first_token_s", "idle_s", "total_s"]
LIMIT_NAMES: Final[Mapping[Limit, LimitName]] = {"connect": "connect_s", "idle": "idle_s", "until": "total_s"}
"""What a transport's limits are called in the configuration, for a call that has no other deadline than its total."""


def timed_out(call: Call, name: LimitName) -> UpstreamTimeoutError:
    """The error of a call whose limit of this name ran out."""
    seconds = getattr(call.limits, name)
    happened = "was not connected within" if name == "connect_s" else "did not answer within its limit of"
    return UpstreamTimeoutError(f"Arm '{call.arm.id}' {happened} {seconds:g} s ({name}).", arm_id=call.arm.id)
