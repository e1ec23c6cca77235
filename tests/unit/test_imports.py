"""The import contracts of pyproject.toml: that they hold, and that each of them would notice."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

OFFENCES = {
    "Layers point down, siblings are strangers": {"gateway/settings/__init__.py": "import gateway.api"},
    "The core touches no world": {"gateway/core/bucket.py": "import os"},
    "The flows know ports, not libraries": {"gateway/flows/ports.py": "import aiohttp"},
    "litellm has one door": {"gateway/adapters/__init__.py": "import litellm"},
    "No cycles between rooms": {
        "gateway/core/bucket.py": "import gateway.core.values",
        "gateway/core/values.py": "import gateway.core.bucket",
    },
}
"""For each contract the import statements, by the file they are added to, that break it."""


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache", "--no-logo"]
    plain = {"NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True, timeout=60, check=False)


def verdicts(output: str) -> dict[str, str]:
    return dict(re.findall(r"^(.+) (KEPT|BROKEN)$", output, re.MULTILINE))


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the project, to break."""
    shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept() -> None:
    """Imports point down, the core touches no world, litellm has one door, and no rooms import each other in a ring."""
    report = lint_imports(ROOT)
    assert report.returncode == 0, report.stdout + report.stderr
    assert set(verdicts(report.stdout).values()) == {"KEPT"}


def test_every_contract_has_an_offence() -> None:
    """A contract comes with an offence in this file that shows it to be awake."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in contracts] == list(OFFENCES)


@pytest.mark.parametrize("contract", OFFENCES)
def test_an_offence_breaks_its_contract(house: Path, contract: str) -> None:
    """A contract that is misspelt, or names modules that no longer exist, would be kept for ever."""
    for file, statement in OFFENCES[contract].items():
        with (house / file).open("a") as source:
            source.write(f"\n{statement}\n")
    report = lint_imports(house)
    assert report.returncode == 1, report.stdout + report.stderr
    assert verdicts(report.stdout)[contract] == "BROKEN"


def test_a_room_outside_the_plan_is_noticed(house: Path) -> None:
    """The layers are exhaustive: a new top-level module takes its place among them first."""
    (house / "gateway" / "cellar.py").write_text('"""A room nobody planned."""\n')
    report = lint_imports(house)
    assert report.returncode == 1
    assert "gateway.cellar" in report.stdout
