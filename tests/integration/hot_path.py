"""What runs between a request's arrival and its answer's first byte; `python -m tests.integration.hot_path` prints it.

One request at a time through the real server, the real policies and the direct lane, to a scripted provider. Every
function is seen by the interpreter's profiler, also those of the standard library and of C modules.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import yaml

from gateway.app import Gateway
from gateway.settings.load import parse
from tests.neighbours.scripted_provider import ScriptedProvider

ROOT = Path(__file__).parents[2]
OURS = str(ROOT / "gateway") + "/"
BACKGROUND = OURS + "flows/tasks.py"
"""Loops that go on beside the request; what they call is not a part of it."""


@dataclass(slots=True)
class Trace:
    """What was called, in the order of the first call."""

    ours: dict[str, dict[str, None]] = field(default_factory=dict)
    """Functions by room: `api.front_connection` -> names."""
    foreign: dict[str, None] = field(default_factory=dict)
    """Modules and functions of others, Python's and C's."""
    _answered: bool = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """The profiler's hook: everything below one of our functions counts until the answer's first byte leaves."""
        if self._answered or event not in ("call", "c_call") or not _part_of_request(frame):
            return
        path = frame.f_code.co_filename
        if event == "c_call":
            name = f"{getattr(argument, '__module__', None) or ''}.{getattr(argument, '__qualname__', argument)}"
            self.foreign[name.lstrip(".")] = None
            self._answered = _writes(name, path)
        elif path.startswith(OURS):
            room = path.removeprefix(OURS).removesuffix(".py").replace("/", ".")
            self.ours.setdefault(room, {})[frame.f_code.co_qualname.replace("<locals>.", "")] = None
        else:
            name = f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_qualname}"
            self.foreign[name] = None
            self._answered = _writes(name, frame.f_back.f_code.co_filename if frame.f_back is not None else "")

    @property
    def count(self) -> int:
        """Functions of ours."""
        return sum(map(len, self.ours.values()))

    def page(self) -> str:
        """The list as it stands in the README."""
        width = max(map(len, self.ours))
        return "".join(f"{room:<{width}}  {', '.join(names)}\n" for room, names in sorted(self.ours.items()))


def _writes(name: str, caller: str) -> bool:
    """Whether the client's transport is written to: the provider's is from another folder."""
    return caller.startswith(f"{OURS}api/front") and name.endswith((".write", ".writelines"))


def _part_of_request(frame: FrameType | None) -> bool:
    ours = False
    while frame is not None:
        path = frame.f_code.co_filename
        if path == BACKGROUND:
            return False
        ours = ours or path.startswith(OURS)
        frame = frame.f_back
    return ours


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[tuple[str, ScriptedProvider]]:
    async with ScriptedProvider() as provider:
        models = [
            {
                "id": name,
                "model": f"openai/{name}",
                "api_base": provider.url,
                "api_key": "k",
                "price": {"input_usd_per_million": 1, "output_usd_per_million": 2},
            }
            for name in ("small", "large")
        ]
        configuration = {
            "server": {"port": 0, "sync_interval_s": 0.8},
            "store": f"sqlite:///{folder}/gateway.db",
            "keys": [{"tenant": "t", "key": "client-key"}],
            "models": models,
            "policies": {"default": {"models": ["small", "large"], "baseline": "large", "rollout": {"stage": "full"}}},
        }
        gateway = Gateway(parse("hot_path.yaml", yaml.safe_dump(configuration), {}), seed=1)
        port = await gateway.start()
        try:
            yield f"http://127.0.0.1:{port}/v1/chat/completions", provider
        finally:
            await gateway.stop()


async def trace(folder: Path, *, stream: bool) -> Trace:
    """The trace of one request, after some that warmed caches and connections up."""
    found = Trace()
    body = {"model": "auto", "messages": [{"role": "user", "content": "What is 2 + 2?"}], "stream": stream}
    async with _served(folder) as (url, _), aiohttp.ClientSession() as session:
        for warm in (True, True, True, False):
            if not warm:
                sys.setprofile(found)
            try:
                async with session.post(url, json=body, headers={"authorization": "Bearer client-key"}) as answer:
                    assert answer.status == 200
                    await answer.read()
            finally:
                sys.setprofile(None)
            await asyncio.sleep(0.1)
    return found


def main() -> None:
    """Print the list for the README."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(trace(Path(folder), stream=False))
    sys.stdout.write(found.page())
    sys.stdout.write(f"({found.count} functions in {len(found.ours)} rooms)\n")


if __name__ == "__main__":
    main()
