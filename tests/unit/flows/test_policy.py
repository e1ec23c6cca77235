"""A policy finds its arms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world import open_world


async def test_arms_are_found_by_id(tmp_path: Path) -> None:
    """The arm with the id, or KeyError: never another arm."""
    async with open_world(tmp_path) as world:
        assert world.policy.arm("small").id == "small"
        with pytest.raises(KeyError):
            world.policy.arm("smal")
