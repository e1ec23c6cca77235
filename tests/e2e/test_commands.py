"""The commands against a real gateway: started, looked at, steered, disturbed and ended as an operator would."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.conftest import two_arms
from tests.neighbours.gateway_process import GatewayProcess, free_port, gateway_process
from tests.neighbours.scripted_provider import Script, ScriptedProvider, error_body

CANARY = "canary-s3cret"


async def test_an_operators_round(tmp_path: Path, provider: ScriptedProvider) -> None:
    """Status, rollout, kill, unknown names, the admin key from file or environment; nothing of it in the log."""
    configuration = two_arms(provider) | {
        "keys": [{"tenant": "team-a", "key": f"{CANARY}-client"}],
        "admin_key": f"{CANARY}-admin",
    }
    configuration["models"][0]["api_key"] = f"sk-{CANARY}"
    async with gateway_process(tmp_path, configuration) as gateway:
        for i in range(6):
            headers = {"Authorization": f"Bearer {CANARY}-client", "x-gateway-session-id": f"s{i}"}
            body = {"model": "auto", "messages": [{"role": "user", "content": f"{CANARY}-prompt {i}"}]}
            status, _, _ = await gateway.send("POST", "/v1/chat/completions", body, headers)
            assert status == 200
        shown = await asyncio.to_thread(gateway.command, "status")
        assert shown.returncode == 0, shown.stderr
        assert "default: linucb, rollout full, baseline large" in shown.stdout
        assert re.search(r"│ small .*│ active|│ small .*│ warming up", shown.stdout)
        told = json.loads((await asyncio.to_thread(gateway.command, "status", "--json")).stdout)
        assert sum(arm["pulls"] for arm in told["policies"][0]["arms"]) == 6
        assert told["ready"]["store"] == "ok"
        turned = await asyncio.to_thread(gateway.command, "rollout", "default", "--percentage", "25")
        assert turned.stdout == "default: canary 25 %, baseline large\n"
        looked = await asyncio.to_thread(gateway.command, "rollout", "default", "--json")
        assert json.loads(looked.stdout)["percentage"] == 25.0
        unknown = await asyncio.to_thread(gateway.command, "rollout", "defualt", "--stage", "off")
        assert (unknown.returncode, unknown.stderr) == (2, "Error: There is no policy 'defualt'. Known: default.\n")
        killed = await asyncio.to_thread(gateway.command, "kill", "default")
        assert "killed: the baseline serves everything" in killed.stdout
        wrong = await asyncio.to_thread(gateway.command, "status", "--admin-key", "wrong-key")
        assert wrong.returncode == 2
        assert "GATEWAY_ADMIN_KEY, --admin-key, or admin_key in --config" in wrong.stderr
        assert await gateway.stop() == 0
        nobody = await asyncio.to_thread(gateway.command, "status")
        assert nobody.returncode == 1
        assert nobody.stderr.startswith(f"Error: no gateway answers at {gateway.url}: Connection refused.")
        assert CANARY not in gateway.log
        assert all(json.loads(line) for line in gateway.log.splitlines())


async def test_what_goes_wrong_tells_neither_prompt_nor_key(tmp_path: Path, provider: ScriptedProvider) -> None:
    """A provider that quotes the request, one that breaks off, a body that is no JSON: the log says what, not whose."""
    quoting = error_body(f"Incorrect API key provided: sk-{CANARY}. You asked: {CANARY}-prompt")
    provider.scripts["small"] = Script(raw=quoting, status=401)
    provider.scripts["large"] = Script(cut_after=1)
    configuration = two_arms(provider)
    configuration["models"][0]["api_key"] = f"sk-{CANARY}"
    async with gateway_process(tmp_path, configuration) as gateway:
        for stream in (False, True):
            await gateway.chat(f"{CANARY}-prompt", model="small", stream=stream)
            await gateway.chat(f"{CANARY}-prompt", stream=stream)
        await gateway.send("POST", "/v1/chat/completions", f"{CANARY}-no-object", {"x-api-key": CANARY})
        await gateway.send("POST", "/v1/feedback", {"id": "x", "comment": f"{CANARY}-comment"})
        assert await gateway.stop() == 0
        assert "attempt_failed" in gateway.log
        assert CANARY not in gateway.log


def _total(text: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{name}{{.*}} (\S+)$", text, re.MULTILINE))


async def _metrics(gateway: GatewayProcess, rounds: int = 8) -> list[str]:
    """Several answers of /metrics, so that both workers give one."""
    return [(await gateway.send("GET", "/metrics"))[1] for _ in range(rounds)]


async def _summed(gateway: GatewayProcess, decisions: float) -> bool:
    """Whether every worker shows so many decisions."""
    return {_total(text, "gateway_decisions_total") for text in await _metrics(gateway)} == {decisions}


async def _becomes_true(condition: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> None:
    for _ in range(int(within_s / 0.05)):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {within_s} s")


async def test_two_workers_on_a_bad_day(tmp_path: Path, provider: ScriptedProvider) -> None:
    """Metrics are one sum, a second gateway finds the port taken, a dead worker is replaced, an orphan ends itself."""
    async with gateway_process(tmp_path, two_arms(provider) | {"server": {"workers": 2}}) as gateway:
        for _ in range(12):
            assert (await gateway.chat())[0] == 200

        # Each worker pours its counts into the shared files twice a second.
        await _becomes_true(lambda: _summed(gateway, 12.0), within_s=5.0)

        # With several workers its sockets could share the port, and the two would take turns answering.
        second = await asyncio.to_thread(gateway.command, "serve", "--workers", "2")
        assert second.returncode == 1
        assert f"cannot listen on 127.0.0.1:{gateway.port}: the port is in use" in second.stderr

        before = {worker.pid for worker in gateway.workers()}
        os.kill(min(before), signal.SIGKILL)

        async def replaced() -> bool:
            return len({worker.pid for worker in gateway.workers()} - {min(before)}) == 2

        await _becomes_true(replaced)
        for _ in range(12):
            assert (await gateway.chat())[0] == 200
        await _becomes_true(lambda: _summed(gateway, 24.0), within_s=5.0)
        died = [json.loads(line) for line in gateway.log.splitlines() if "worker_died" in line]
        assert [(entry["pid"], entry["exitcode"]) for entry in died] == [(min(before), -9)]

        workers = gateway.workers()
        psutil.Process(gateway.pid).kill()
        assert await gateway.stop() == -signal.SIGKILL

        async def ended() -> bool:
            return not any(worker.is_running() for worker in workers)

        await _becomes_true(ended)
        assert gateway.log.count("gateway_stopped") == 2
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", gateway.port))


async def test_a_missing_folder_degrades_and_is_said(tmp_path: Path, provider: ScriptedProvider) -> None:
    """Serving does not wait for the store: it starts, says what is wrong, and heals once the folder is there."""
    configuration = two_arms(provider) | {"store": f"sqlite:///{tmp_path}/not/there/gateway.db"}
    async with gateway_process(tmp_path, configuration) as gateway:
        assert (await gateway.chat())[0] == 200
        shown = await asyncio.to_thread(gateway.command, "status")
        assert "The gateway is degraded: state store degraded" in shown.stdout
        assert f"the folder {tmp_path}/not/there of the state store gateway.db does not exist" in gateway.log
        (tmp_path / "not" / "there").mkdir(parents=True)

        async def healed() -> bool:
            return bool((await gateway.send("GET", "/readyz"))[1]["store"] == "ok")

        await _becomes_true(healed, 20.0)
        assert "store_joined" in gateway.log


async def _first(process: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    assert process.stderr is not None
    said = []
    async for line in process.stderr:
        said.append(line.decode())
        if event in said[-1]:
            found: dict[str, Any] = json.loads(line)
            return found
    raise AssertionError("".join(said))


async def test_without_a_file_and_until_control_c(tmp_path: Path) -> None:
    """Keys in the environment are enough, and are told; Ctrl-C ends cleanly."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENAI_API_KEY": f"sk-{CANARY}"}  # noqa: TID251
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "gateway", "serve", "--port", str(free_port())],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    told = (await process.stderr.readline()).decode()
    assert told == "No configuration file: using the provider keys in the environment (gpt-4o-mini, gpt-4o).\n"
    assert (await _first(process, "gateway_listening"))["policies"] == ["default"]
    process.send_signal(signal.SIGINT)
    rest = (await process.stderr.read()).decode()
    assert await process.wait() == 0, rest
    assert "Traceback" not in rest
    assert "gateway_stopped" in rest
