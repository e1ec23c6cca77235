"""What commands share: options become settings, errors become an exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.options import fail, settings_or_exit, tell_problems
from gateway.errors import ConfigurationError, GatewayError


def test_options_are_checked_like_the_file(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--host 0.0.0.0` opens no door that the file could not open."""
    assert settings_or_exit(config, options={"server.port": "9"}).server.port == 9
    with pytest.raises(SystemExit) as end:
        settings_or_exit(config, options={"server.host": "0.0.0.0"})
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "option --host: server.host: without keys the gateway listens on loopback only" in said


def test_problems_are_counted_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """One is one problem, two are problems."""
    for problems, first in ((["a: b"], "1 problem in"), (["a: b", "c: d"], "2 problems in")):
        with pytest.raises(SystemExit):
            tell_problems(ConfigurationError(problems), as_json=False)
        lines = capsys.readouterr().err.splitlines()
        assert lines[0] == f"{first} the configuration:"
        assert lines[1:] == [f"  {problem}" for problem in problems]


@pytest.mark.parametrize("status", [1, 2])
def test_an_error_is_a_sentence_or_an_object(capsys: pytest.CaptureFixture[str], status: int) -> None:
    """Words on standard error for people, JSON on standard output for programs; the status is the same."""
    error = GatewayError("it broke", code="broken")
    for as_json in (False, True):
        with pytest.raises(SystemExit) as end:
            fail(error, as_json=as_json, status=status)
        assert end.value.code == status
        out, err = capsys.readouterr()
        if as_json:
            assert (json.loads(out)["error"]["code"], err) == ("broken", "")
        else:
            assert (out, err) == ("", "Error: it broke\n")
