"""The gateway as a user runs it: a process of its own, configured by a file, reached over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import yaml

_START_S = 60.0


def free_port() -> int:
    """A port on the loopback that is free right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GatewayProcess:
    """One `gateway serve`, with a client session towards it."""

    def __init__(self, folder: Path, configuration: Mapping[str, Any], session: aiohttp.ClientSession) -> None:
        self._folder = folder
        self._session = session
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        server = {"host": "127.0.0.1", "port": self.port} | dict(configuration.get("server", {}))
        self._configuration = {"store": f"sqlite:///{folder}/gateway.db", **configuration, "server": server}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self._folder / "gateway.yaml"

    @property
    def log(self) -> str:
        """Everything the process wrote, of all its lives."""
        return (self._folder / "gateway.log").read_text()

    @property
    def pid(self) -> int:
        """The process id; of the supervisor where there are several workers."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[psutil.Process]:
        """The processes that hold the port."""
        found = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        return [process for process in found if _listens(process)]

    async def start(self) -> None:
        """Start and wait until it can serve, every worker of it."""
        self.config.write_text(yaml.safe_dump(self._configuration))
        self._spawn()
        count = int(self._configuration["server"].get("workers", 1))
        async with asyncio.timeout(_START_S):
            while not await self._ready(count):
                assert self._process is not None
                assert self._process.poll() is None, self.log
                await asyncio.sleep(0.05)

    def _spawn(self) -> None:
        line = [sys.executable, "-m", "gateway", "serve", "--config", str(self.config)]
        with (self._folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(line, stderr=log, stdout=log)

    async def _ready(self, count: int) -> bool:
        if len(self.workers()) < count:
            return False
        with contextlib.suppress(aiohttp.ClientError):
            answers = [await self.send("GET", "/readyz") for _ in range(1 if count == 1 else 12)]
            return all(status == 200 for status, _, _ in answers)
        return False

    async def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON (text where it is none) and headers; a new connection each time, so that workers take turns."""
        given = {} if body is None else {"json": body}
        fresh = {"Connection": "close", **(headers or {})}
        async with self._session.request(method, self.url + path, headers=fresh, **given) as response:
            text = await response.text()
            plain = response.content_type != "application/json"
            return response.status, text if plain else json.loads(text), response.headers

    async def chat(self, text: str = "What is 2 + 2?", **body: Any) -> tuple[int, Any, Mapping[str, str]]:
        """One chat completion."""
        asked = {"model": "auto", "messages": [{"role": "user", "content": text}]} | body
        return await self.send("POST", "/v1/chat/completions", asked)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `gateway ...` against this process."""
        line = [sys.executable, "-m", "gateway", *arguments, "--config", str(self.config)]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    def kill(self) -> None:
        """kill -9, workers included: nothing gets a chance to write anything down."""
        assert self._process is not None
        family = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(10)

    async def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, 30)


def _listens(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(connection.status == psutil.CONN_LISTEN for connection in process.net_connections("tcp"))
    return False


@asynccontextmanager
async def gateway_process(folder: Path, configuration: Mapping[str, Any]) -> AsyncIterator[GatewayProcess]:
    """A started gateway; ended whatever happens."""
    async with aiohttp.ClientSession() as session:
        gateway = GatewayProcess(folder, configuration, session)
        try:
            await gateway.start()
            yield gateway
        finally:
            if gateway._process is not None and gateway._process.poll() is None:
                gateway.kill()
