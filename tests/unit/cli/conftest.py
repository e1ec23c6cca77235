"""Commands as a user types them, in this process, against a stand-in for the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.neighbours.admin_stub import AdminStub, admin_stub
from tests.unit.settings.mistakes import GOOD

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `gateway ...` in an empty folder, with only the variables given in the environment."""
    monkeypatch.chdir(tmp_path)

    def run(arguments: Sequence[str], **environment: str) -> Result:
        for name in ("OPENAI_API_KEY", "GATEWAY_CONFIG", "GATEWAY_ADMIN_KEY"):
            monkeypatch.delenv(name, raising=False)
        return CliRunner().invoke(main, list(arguments), env=dict(environment), prog_name="gateway")

    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A good configuration file."""
    path = tmp_path / "gw.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def stub() -> Iterator[AdminStub]:
    """A stand-in for a running gateway."""
    with admin_stub() as running:
        yield running
