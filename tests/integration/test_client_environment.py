"""The environment of the official clients is built once, whole or not at all, and never passed over in silence."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients.environment import LOCK, ROOT, ClientEnvironmentError, client_environment


def _built_by_another_process(lock: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "from pathlib import Path; from tests.clients.environment import client_environment; "
        f"print(client_environment(Path({str(lock)!r}), Path({str(cache)!r})))"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_two_processes_may_build_at_once(tmp_path: Path) -> None:
    """Both get the same Python, which is not this one; asked again, nothing is built."""
    lock, cache = tmp_path / "some.lock", tmp_path / "cache"
    lock.write_text("# nothing to install\n")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(_built_by_another_process, [lock] * 2, [cache] * 2)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout == second.stdout
    python = Path(first.stdout.strip())
    prefix = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    assert Path(prefix.stdout.strip()) == python.parents[1] != Path(sys.prefix)
    built = (python.parents[1] / "built").stat().st_mtime_ns
    assert client_environment(lock, cache) == python
    assert (python.parents[1] / "built").stat().st_mtime_ns == built


def test_what_cannot_be_installed_is_told(tmp_path: Path) -> None:
    """A failure names the command and quotes pip; the half that was built does not count as built the next time."""
    lock = tmp_path / "wrong.lock"
    lock.write_text("./no-such-file.whl\n")
    with pytest.raises(ClientEnvironmentError, match=r"pip install [\s\S]*ended with 1[\s\S]*no-such-file"):
        client_environment(lock, tmp_path / "cache")
    assert list(tmp_path.rglob("bin/python"))
    assert not list(tmp_path.rglob("built"))


def test_the_lock_pins_the_current_client() -> None:
    """Every line has a hash, no host is named, and the client is of a release that litellm does not allow."""
    text = LOCK.read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert any(pin.startswith("openai==3.") for pin in pins)
    assert all(pin.endswith("\\") for pin in pins)
    assert "://" not in text
