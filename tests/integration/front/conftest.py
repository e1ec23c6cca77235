"""The front over real sockets, on asyncio's own event loop and on uvloop's: each has connections of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loops, by the name that a test's id shows."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
