"""Switches: the newer state wins, whatever the order of arrival."""

from __future__ import annotations

from gateway.core.rollout import RolloutState
from gateway.flows.switches import Switches


def test_only_a_newer_version_is_taken() -> None:
    """A late, older state never undoes a newer one."""
    switches = Switches({"default": RolloutState(stage="off")})
    assert switches.take("default", RolloutState(stage="full", version=2))
    assert not switches.take("default", RolloutState(stage="shadow", version=1))
    assert not switches.take("default", RolloutState(stage="shadow", version=2))
    assert switches.state("default").stage == "full"


def test_an_unknown_policy_changes_nothing() -> None:
    """State of a policy that another configuration has is left alone."""
    switches = Switches({"default": RolloutState()})
    assert not switches.take("other", RolloutState(stage="full", version=9))
