"""The commands as a whole: what they cost to start, how they refuse, and that all of them speak JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__
from gateway.cli import main
from tests.unit.cli.conftest import Run

HEAVY = ("litellm", "aiohttp", "rich", "matplotlib", "prometheus_client", "structlog", "uvloop", "asyncio", "sqlite3")
"""What serving needs and reading does not."""
SETTINGS = ("numpy", "pydantic", "yaml", "jsonschema")
"""What a configuration needs: its sections are the core's own dataclasses."""


def imported(*arguments: str, status: int = 0) -> set[str]:
    """Top-level modules that a command has imported by its end."""
    script = (
        "import sys, json\n"
        "from gateway.__main__ import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    names = sorted({name.partition('.')[0] for name in sys.modules})\n"
        "    print(json.dumps([end.code, names]), file=sys.stderr)\n"
    )
    line = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True)
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert (code or 0) == status, done.stderr
    return set(names)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([name, "--help"] for name in main.commands)], ids=" ".join
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """Help answers at once: it needs click and the words, not numpy, pydantic, a server or litellm."""
    assert imported(*arguments) & {*HEAVY, *SETTINGS} == set()


def test_check_imports_no_server_and_no_litellm(config: Path) -> None:
    """Reading a configuration, prices included, takes well under a second because litellm stays out of it."""
    modules = imported("check", "--config", str(config))
    assert modules & set(HEAVY) == set()
    assert {"pydantic", "yaml"} <= modules


def test_a_wrong_configuration_costs_no_more(tmp_path: Path) -> None:
    """Also where there is something to complain of."""
    (tmp_path / "gw.yaml").write_text("models: 1\n")
    assert imported("check", "--config", str(tmp_path / "gw.yaml"), status=2) & set(HEAVY) == set()


def test_an_operators_command_imports_no_configuration() -> None:
    """With an address, `kill` needs neither the file nor numpy: it has to work when little else does."""
    modules = imported("kill", "default", "--url", "http://127.0.0.1:1", status=1)
    assert modules & {*HEAVY, *SETTINGS} == set()


def test_the_commands_are_those_of_the_public_face() -> None:
    """Names are promises."""
    assert {"serve", "demo", "check", "status", "rollout", "kill"} <= set(main.commands)


@pytest.mark.parametrize("name", list(main.commands))
def test_every_command_takes_json_and_explains_itself(run: Run, name: str) -> None:
    """`--json` everywhere, and a sentence of help."""
    assert "--json" in run([name, "--help"]).stdout
    assert main.commands[name].help


def test_no_summary_is_cut_off(run: Run) -> None:
    """On a screen of the usual 80 columns the list of commands reads as sentences."""
    listed = run(["--help"]).stdout.partition("Commands:\n")[2].splitlines()
    assert len(listed) == len(main.commands)
    assert [line for line in listed if not line.endswith(".") or (line.endswith("...") and "demo" not in line)] == []


def test_the_version_is_the_packages(run: Run) -> None:
    """What a bug report has to name."""
    assert run(["--version"]).stdout == f"gateway, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["check", "--nonsense"],
        ["rollout"],
        ["rollout", "default", "--stage", "sideways"],
        ["rollout", "default", "--percentage", "101"],
        ["rollout", "default", "--percentage", "nan"],
        ["serve", "--port", "70000"],
        ["serve", "--workers", "0"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_makes_no_sense_ends_with_2(run: Run, arguments: list[str]) -> None:
    """In words on standard error, or with --json as an error object on standard output."""
    plain = run(arguments)
    assert (plain.exit_code, plain.stdout) == (2, "")
    assert "Error: " in plain.stderr
    machine = run([*arguments, "--json"])
    assert (machine.exit_code, machine.stderr) == (2, "")
    error = json.loads(machine.stdout)["error"]
    assert error["message"] in plain.stderr.replace("\n", " ") or error["message"].split()[0] in plain.stderr
    assert (error["type"], error["code"]) == ("invalid_request_error", "usage")
