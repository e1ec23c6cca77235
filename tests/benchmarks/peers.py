"""Other gateways, each installed into its own folder outside the project and configured like ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from tests.benchmarks.gateways import KEY, MODELS, Gateway, Launch, Unavailable

# Pinned: a table is about versions, not about the day it was made.
LITELLM = "1.106.2"
TENSORZERO = "2026.6.0"
PORTKEY = "1.15.2"
_INSTALLING_S = 900

_START_TENSORZERO = """
import threading
from tensorzero.tensorzero import _start_http_gateway
gateway = _start_http_gateway(
    config_file="tensorzero.toml", clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
print("listening:", gateway.base_url, flush=True)
threading.Event().wait()
"""


def litellm(cache: Path) -> Gateway:
    """LiteLLM's proxy: three models under one name, its master key, production settings."""
    folder = cache / f"litellm-{LITELLM}"

    def launch(here: Path, port: int, upstream: int) -> Launch:
        base = f"http://127.0.0.1:{upstream}/v1"
        models = [
            {
                "model_name": "auto",
                "litellm_params": {"model": f"openai/{name}", "api_base": base, "api_key": "sk-upstream"},
            }
            for name in MODELS
        ]
        settings = {"set_verbose": False, "telemetry": False}
        given = {"model_list": models, "general_settings": {"master_key": KEY}, "litellm_settings": settings}
        (here / "litellm.yaml").write_text(yaml.safe_dump(given))
        address = ("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1")
        # As its documentation advises for production: no debugging, price table not fetched from the web.
        extra = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        return Launch(
            command=(str(folder / "bin" / "litellm"), "--config", "litellm.yaml", *address),
            url=f"http://127.0.0.1:{port}/v1/chat/completions",
            extra=extra,
        )

    return Gateway(
        name="litellm",
        title="LiteLLM proxy",
        kind="peer",
        launch=launch,
        install=lambda: _pip(folder, f"litellm[proxy]=={LITELLM}", LITELLM),
        note="checks its master key, chooses among three deployments, keeps nothing",
    )


def tensorzero(cache: Path) -> Gateway:
    """TensorZero's gateway: one function with three variants. It stores nothing, and has no keys without Postgres."""
    folder = cache / f"tensorzero-{TENSORZERO}"

    def launch(here: Path, port: int, upstream: int) -> Launch:
        (here / "tensorzero.toml").write_text(_tensorzero_configuration(upstream))
        return Launch(
            command=(str(folder / "bin" / "python"), "-c", _START_TENSORZERO),
            url="",
            says_url=r"listening: (\S+)",
            model="tensorzero::function_name::auto",
            extra={"UPSTREAM_KEY": "sk-upstream", "RUST_LOG": "error"},
        )

    return Gateway(
        name="tensorzero",
        title="TensorZero (Rust)",
        kind="peer",
        launch=launch,
        install=lambda: _pip(folder, f"tensorzero=={TENSORZERO}", TENSORZERO),
        note="checks no key, samples among three variants, keeps nothing (observability off)",
    )


def _tensorzero_configuration(upstream: int) -> str:
    lines = ["[gateway]", "observability.enabled = false", "[functions.auto]", 'type = "chat"']
    for name in MODELS:
        lines += [
            f"[models.{name}]",
            'routing = ["mock"]',
            f"[models.{name}.providers.mock]",
            'type = "openai"',
            f'model_name = "{name}"',
            f'api_base = "http://127.0.0.1:{upstream}/v1/"',
            'api_key_location = "env::UPSTREAM_KEY"',
            f"[functions.auto.variants.{name}]",
            'type = "chat_completion"',
            f'model = "{name}"',
            "weight = 1",
        ]
    return "\n".join(lines) + "\n"


def portkey(cache: Path) -> Gateway:
    """Portkey's gateway: three targets, balanced; the configuration travels in a header. It has no keys of its own."""
    folder = cache / f"portkey-{PORTKEY}"
    start = folder / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"

    def launch(_here: Path, port: int, upstream: int) -> Launch:
        base = f"http://127.0.0.1:{upstream}/v1"
        targets = [
            {
                "provider": "openai",
                "api_key": "sk-upstream",
                "custom_host": base,
                "weight": 1,
                "override_params": {"model": name},
            }
            for name in MODELS
        ]
        given = json.dumps({"strategy": {"mode": "loadbalance"}, "targets": targets})
        return Launch(
            command=("node", str(start), f"--port={port}", "--headless"),
            url=f"http://127.0.0.1:{port}/v1/chat/completions",
            headers=(f"x-portkey-config: {given}",),
            extra={"NODE_ENV": "production"},
        )

    def install() -> str:
        if shutil.which("node") is None or shutil.which("npm") is None:
            raise Unavailable("needs node and npm")
        if not start.exists():
            folder.mkdir(parents=True, exist_ok=True)
            wanted = f"@portkey-ai/gateway@{PORTKEY}"
            quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
            _run(["npm", "install", *quiet, "--prefix", str(folder), wanted])
        return PORTKEY

    return Gateway(
        name="portkey",
        title="Portkey (Node)",
        kind="peer",
        launch=launch,
        install=install,
        note="checks no key, balances among three targets, keeps nothing",
    )


PEERS: dict[str, Callable[[Path], Gateway]] = {"tensorzero": tensorzero, "portkey": portkey, "litellm": litellm}


def _pip(folder: Path, wanted: str, version: str) -> str:
    """A virtual environment with this package; made anew if the last attempt did not end well."""
    done = folder / "installed"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", wanted])
        done.touch()
    return version


def _run(command: Sequence[str]) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALLING_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"cannot be installed: {error}") from error
    if ended.returncode:
        last = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"cannot be installed: {' '.join(last)[:200]}")
