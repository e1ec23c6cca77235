"""`gateway demo` as a process: it ends by itself, with a table or JSON, and a picture."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.profiles import PROFILES
from gateway.demo.questions import TASKS

REQUESTS = 300
KEYS = {
    *("algorithm", "seed", "requests", "drift", "seconds", "latency_s", "streamed", "fallbacks", "errors"),
    *("reward_told", "choices", "totals", "best_fixed", "regret", "captured", "captured_last_quarter"),
    *("recovered_after", "plot", "base_url"),
}
CHOICE_KEYS = {
    *("task", "phase", "model", "best", "requests", "share", "share_at_the_end"),
    *("quality", "reward", "cost_usd", "latency_s"),
}


def demo(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # Network, keys and the configuration of whoever runs the tests must not matter.
    told = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}  # noqa: TID251
    blocked = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-m", "gateway", "demo", *options],
        cwd=folder,
        env=told | blocked | environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def is_png(path: Path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_run_ends_with_json_and_a_picture(tmp_path: Path) -> None:
    """Without a key and without a network: every request is answered, every number is there, and it has learned."""
    found = report(demo(tmp_path, "--requests", str(REQUESTS), "--json", "--plot", "here.png"))
    assert found.keys() == KEYS
    assert found["errors"] == []
    assert is_png(tmp_path / found["plot"])
    assert [path.name for path in tmp_path.iterdir()] == ["here.png"]
    choices = found["choices"]
    assert [choice.keys() for choice in choices] == [CHOICE_KEYS] * (len(TASKS) * len(PROFILES))
    assert sum(choice["requests"] for choice in choices) == REQUESTS
    earned, totals = found["totals"]["gateway"]["reward"], found["totals"]
    assert totals["fixed"][found["best_fixed"]]["reward"] < earned < totals["oracle"]["reward"]
    assert found["streamed"] == REQUESTS // 3
    # What the gateway itself made of the answers, each of them a little slower than the ledger's simulated one.
    assert found["reward_told"] == pytest.approx(earned, abs=0.1)


def test_a_table_for_people_and_a_name_for_the_picture(tmp_path: Path) -> None:
    """Off a terminal there is no progress bar and no log, and the last line says where the picture is."""
    done = demo(tmp_path, "--requests", "60", "--drift", "--seed", "2", "--algorithm", "thompson")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for word in (*TASKS, "until the drift", "after the drift: scholar is worse", "always coder", "oracle"):
        assert word in done.stdout
    assert is_png(tmp_path / done.stdout.split()[-1])


def test_seeds_are_compared_with_thompson(tmp_path: Path) -> None:
    """`--seeds` repeats the run, with Thompson without context beside the algorithm, and gives intervals."""
    found = report(demo(tmp_path, "--requests", "48", "--seeds", "2", "--json"))
    assert found["seeds"] == [0, 1]
    assert found["errors"] == 0
    assert list(found["algorithms"]) == ["linucb", "thompson"]
    for algorithm in found["algorithms"].values():
        assert algorithm["reward"]["low"] <= algorithm["reward"]["mean"] <= algorithm["reward"]["high"]
    assert is_png(tmp_path / found["plot"])


def test_without_matplotlib_the_table_still_comes(tmp_path: Path) -> None:
    """The picture is an extra; what is missing is said, with the command that installs it."""
    (tmp_path / "blocked" / "matplotlib").mkdir(parents=True)
    (tmp_path / "blocked" / "matplotlib" / "__init__.py").write_text("raise ImportError('not installed')\n")
    block = "import sys; sys.path.insert(0, 'blocked'); from gateway.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", block, "demo", "--requests", "24"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "oracle" in done.stdout
    assert "pip install" in done.stderr


def test_keep_goes_on_serving_until_it_is_told_to_end(tmp_path: Path) -> None:
    """With --keep the URL is printed, the gateway answers there, and SIGINT ends it cleanly."""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", "--requests", "24", "--json", "--keep"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            found = json.loads(process.stdout.readline())
            with urllib.request.urlopen(f"{found['base_url']}/models", timeout=10) as response:
                assert {model["id"] for model in json.load(response)["data"]} >= {"auto", "swift", "coder", "scholar"}
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("options", [["--keep", "--seeds", "2"], ["--algorithm", "magic"], ["--requests", "3"]])
def test_what_cannot_be_run_is_refused_at_once(tmp_path: Path, options: list[str]) -> None:
    """A wrong option costs no waiting: status 2 and a word on what is wrong."""
    done = demo(tmp_path, *options)
    assert done.returncode == 2
    assert options[0] in done.stderr
