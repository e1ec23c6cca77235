"""Nothing but the provider is waited for before the first byte: what runs until then is traced, and is listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.hot_path import ROOT, Trace, trace

FORBIDDEN = {
    "disk": r"sqlite3|^_io\.|\.open$|^(posix|os)\.(open|read|write|fsync|stat|unlink|rename|replace)$|pathlib",
    "Redis": r"\bredis\b",
    "litellm": r"\blitellm\b",
    "a lock": r"asyncio\.locks|threading\.|_thread\.|\block\b|\bLock\b|queue",
    "another thread": r"to_thread|run_in_executor|call_soon_threadsafe|concurrent\.futures",
    "a name server": r"getaddrinfo",
    "a tokenizer": r"tiktoken|tokenizers",
    "the log": r"structlog|logging|sys\.stderr",
    "a pause": r"time\.sleep|asyncio\.tasks\.sleep",
    "a new task for each step": r"create_task.*create_task",
}
OURS_FORBIDDEN = r"sqlite|redis|litellm|access_log|scoring|signals|reward|flows\.learn$|flows\.sync\.Sync\.(tick|flush)"
"""Rooms of ours whose work comes after the answer."""


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
async def traced(request: pytest.FixtureRequest, tmp_path: Path) -> Trace:
    return await trace(tmp_path, stream=request.param)


async def test_nothing_slow_is_on_the_way(traced: Trace) -> None:
    """No disk, no Redis, no litellm, no lock, no thread, no log line: neither ours nor a library's."""
    for what, pattern in FORBIDDEN.items():
        found = [name for name in traced.foreign if re.search(pattern, name)]
        assert not found, f"{what}: {found}"
    rooms = [room for room in traced.ours if re.search(OURS_FORBIDDEN, room)]
    assert not rooms


async def test_the_trace_sees_the_whole_way(traced: Trace) -> None:
    """A list that misses what matters would keep nothing out."""
    for room in ("api.wire", "core.features", "core.choice", "flows.decide", "flows.forward", "adapters.openai_body"):
        assert traced.ours[room], room
    assert any(name.endswith(".write") for name in traced.foreign)


async def test_the_readme_lists_what_runs(tmp_path: Path) -> None:
    """As traced, room by room; `python -m tests.integration.hot_path` prints it anew."""
    found = await trace(tmp_path, stream=False)
    assert found.page() in (ROOT / "README.md").read_text()
