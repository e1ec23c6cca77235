"""The run-time switches of every policy as this replica knows them."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.rollout import RolloutState


class Switches:
    """Rollout states by policy: configured first states, overruled by what the store holds."""

    def __init__(self, first: Mapping[str, RolloutState]) -> None:
        self._states = dict(first)

    def state(self, policy: str) -> RolloutState:
        """The state in force; KeyError for an unknown policy."""
        return self._states[policy]

    def take(self, policy: str, state: RolloutState) -> bool:
        """Adopt a state if it is newer; an older one, or an unknown policy's, changes nothing."""
        known = self._states.get(policy)
        if known is None or state.version <= known.version:
            return False
        self._states[policy] = state
        return True
