"""Loading litellm in a fresh process: offline, silent, once, and with nothing of the surroundings drawn in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOAD = """
import os, socket, sys, threading, warnings

def forbidden(*args, **named):
    raise AssertionError(f"network: {args}")

socket.getaddrinfo = socket.gethostbyname = forbidden
connect = socket.socket.connect
socket.socket.connect = lambda self, address: forbidden(address)

from gateway.adapters.litellm_loading import load_litellm

loaded = []
threads = [threading.Thread(target=lambda: loaded.append(load_litellm())) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(loaded) == 3 and len(set(map(id, loaded))) == 1, loaded
litellm = loaded[0]
assert "CANARY_OF_A_DOTENV" not in os.environ
assert not any((litellm.callbacks, litellm.success_callback, litellm.failure_callback, litellm.set_verbose))
assert litellm.drop_params is False and litellm.num_retries is None
assert litellm.aclient_session.follow_redirects is False
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
assert AsyncHTTPHandler.create_client.__qualname__.count("create_client") == 1
"""


def test_loading_is_offline_silent_and_happens_once(tmp_path: Path) -> None:
    """No name is looked up, no line is written, no .env is read; threads that load at once get one tamed module."""
    (tmp_path / ".env").write_text("CANARY_OF_A_DOTENV=1\n")
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "LITELLM_LOG": "DEBUG", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
