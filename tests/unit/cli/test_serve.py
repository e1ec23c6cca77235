"""`gateway serve`: what is refused before anything starts, and how."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


def test_a_wrong_configuration_is_told_and_nothing_starts(run: Run, config: Path) -> None:
    """All problems, exit status 2; with --json as one object."""
    config.write_text("server: {port: x}\n")
    plain = run(["serve", "--config", str(config)])
    assert (plain.exit_code, plain.stdout) == (2, "")
    assert plain.stderr.startswith("3 problems in the configuration:\n")
    machine = run(["serve", "--config", str(config), "--json"])
    assert (machine.exit_code, len(json.loads(machine.stdout)["problems"])) == (2, 3)


def test_an_open_door_is_refused_from_the_command_line_too(run: Run, config: Path) -> None:
    """`--host 0.0.0.0` without keys would let everybody spend the operator's money."""
    done = run(["serve", "--config", str(config), "--host", "0.0.0.0"])
    assert done.exit_code == 2
    assert "option --host: server.host: without keys the gateway listens on loopback only" in done.stderr


def test_without_a_file_and_without_keys_it_says_what_to_do(run: Run) -> None:
    """A fresh machine: no traceback, no gateway without models."""
    done = run(["serve"])
    assert done.exit_code == 2
    assert "give --config FILE, or set one of OPENAI_API_KEY" in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use_is_one_clear_line(config: Path, tmp_path: Path, workers: int) -> None:
    """The most common accident at start: no traceback, exit status 1, and what to do; as JSON on request."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        line = [sys.executable, "-m", "gateway", "serve", "--config", str(config), "--port", str(port)]
        for more in ([], ["--json"]):
            done = subprocess.run(
                [*line, "--workers", str(workers), *more],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            said = f"cannot listen on 127.0.0.1:{port}: the port is in use; is a gateway running already?"
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
            if more:
                assert json.loads(done.stdout)["error"]["message"].startswith(said)
            else:
                assert done.stderr.splitlines()[-1].startswith(f"Error: {said}")
