"""`gateway status`, `rollout`, `kill`: what is asked, what is told, and with which exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.neighbours.admin_stub import AdminStub, policy
from tests.neighbours.dead_addresses import refusing
from tests.unit.cli.conftest import Run
from tests.unit.settings.mistakes import GOOD


def test_status_shows_what_was_learned(run: Run, stub: AdminStub) -> None:
    """Per arm: pulls, rewards, the mean reward with its standard error, cost, latency, failures, state."""
    done = run(["status", "--url", stub.url])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "default: linucb, rollout canary 25 %, baseline small, spent $1.2346" in done.stdout
    row = next(line for line in done.stdout.splitlines() if "│ small " in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["small", "40", "38", "0.751 ± 0.021", "0.000123", "1.23", "1", "active"]
    new = next(line for line in done.stdout.splitlines() if "a-large-model-with-a-long-name" in line)
    assert [cell.strip() for cell in new.strip("│").split("│")][1:] == ["0", "0", "-", "-", "-", "0", "warming up"]


def test_status_as_json_is_what_the_gateway_says(run: Run, stub: AdminStub) -> None:
    """Unrounded, with its readiness."""
    told = json.loads(run(["status", "--url", stub.url, "--json"]).stdout)
    assert told["policies"] == [policy()]
    assert told["ready"]["status"] == "ok"


def test_rollout_turns_what_was_given(run: Run, stub: AdminStub) -> None:
    """A stage, a percentage, or both; nothing else is sent."""
    for arguments, body in (
        (["--percentage", "25"], {"percentage": 25.0}),
        (["--stage", "full"], {"stage": "full"}),
        (["--stage", "canary", "--percentage", "0"], {"stage": "canary", "percentage": 0.0}),
    ):
        done = run(["rollout", "default", *arguments, "--url", stub.url])
        assert (done.exit_code, done.stdout) == (0, "default: canary 25 %, baseline small\n")
        assert stub.requests[-1][0] == "PUT /admin/policies/default/rollout"
        assert stub.requests[-1][2] == body


def test_rollout_without_options_only_shows(run: Run, stub: AdminStub) -> None:
    """Looking changes nothing."""
    stub.answer("GET /admin/policies/default", policy(stage="full"))
    assert run(["rollout", "default", "--url", stub.url]).stdout == "default: full, baseline small\n"
    assert [what for what, _, _ in stub.requests] == ["GET /admin/policies/default"]


def test_kill_says_that_it_killed(run: Run, stub: AdminStub) -> None:
    """Whoever throws the switch sees that it is thrown."""
    done = run(["kill", "default", "--url", stub.url])
    assert done.stdout == "default: canary 25 % (killed: the baseline serves everything), baseline small\n"
    assert stub.requests[-1][0] == "POST /admin/policies/default/kill"


@pytest.mark.parametrize("command", [["rollout", "defualt"], ["kill", "defualt"]], ids=" ".join)
def test_an_unknown_policy_is_told_with_the_known_ones(run: Run, stub: AdminStub, command: list[str]) -> None:
    """The caller's mistake, so status 2; as JSON with the gateway's own code."""
    message = "There is no policy 'defualt'. Known: default, code."
    for what in ("GET /admin/policies/defualt", "POST /admin/policies/defualt/kill"):
        stub.refuse(what, 404, message, "policy_not_found")
    plain = run([*command, "--url", stub.url])
    assert (plain.exit_code, plain.stderr) == (2, f"Error: {message}\n")
    machine = run([*command, "--url", stub.url, "--json"])
    assert machine.exit_code == 2
    assert json.loads(machine.stdout)["error"]["code"] == "policy_not_found"


@pytest.mark.parametrize("command", [["status"], ["rollout", "default"], ["kill", "default"]], ids=" ".join)
def test_no_gateway_is_told_with_what_to_do(run: Run, command: list[str]) -> None:
    """Nobody's mistake in the command, so status 1."""
    url = refusing().removesuffix("/v1")
    plain = run([*command, "--url", url])
    assert (plain.exit_code, plain.stdout) == (1, "")
    assert plain.stderr.startswith(f"Error: no gateway answers at {url}: Connection refused. Start it with `gateway")
    machine = run([*command, "--url", url, "--json"])
    assert machine.exit_code == 1
    assert json.loads(machine.stdout)["error"]["code"] == "unreachable"


def test_where_and_with_which_key_stands_in_the_configuration(run: Run, stub: AdminStub, config: Path) -> None:
    """Of which only that part is read: the providers' keys need not be set, and other mistakes are no obstacle."""
    port = stub.url.rpartition(":")[2]
    config.write_text(
        f"{GOOD}server: {{port: {port}, host: 0.0.0.0}}\nadmin_key: ${{A}}\nstore: ${{NOT_SET}}\npolices: 1\n"
    )
    done = run(["kill", "default", "--config", str(config)], A="the-admin-key")
    assert done.exit_code == 0, done.stderr
    assert stub.requests[-1][1]["authorization"] == "Bearer the-admin-key"
    missing = run(["kill", "default", "--config", str(config)])
    assert missing.exit_code == 2
    assert "admin_key: the environment variable A is not set" in missing.stderr
    assert "NOT_SET" not in missing.stderr
    machine = run(["kill", "default", "--config", str(config), "--json"])
    assert (machine.exit_code, json.loads(machine.stdout)["ok"]) == (2, False)


def test_what_is_nearer_wins(run: Run, stub: AdminStub, config: Path) -> None:
    """An option beats the environment, the environment the file; an address given can still use the file's key."""
    config.write_text(f"{GOOD}server: {{port: 1}}\nadmin_key: from-the-file\n")
    given = ["status", "--url", stub.url, "--config", str(config)]
    keys = [
        (given, {}, "from-the-file"),
        (given, {"GATEWAY_ADMIN_KEY": "from-the-environment"}, "from-the-environment"),
        ([*given, "--admin-key", "from-the-option"], {"GATEWAY_ADMIN_KEY": "x"}, "from-the-option"),
    ]
    for arguments, environment, key in keys:
        assert run(arguments, **environment).exit_code == 0
        assert stub.requests[-1][1]["authorization"] == f"Bearer {key}"


def test_without_anything_the_usual_address_is_tried(run: Run) -> None:
    """`gateway serve` without options is found by `gateway status` without options, and with the same overrides."""
    done = run(["status"], GATEWAY__SERVER__PORT="1")
    assert done.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:1:" in done.stderr


def test_an_address_of_version_6_is_written_in_brackets(run: Run, config: Path) -> None:
    """Else its colons would be taken for the port's."""
    config.write_text(f"{GOOD}server: {{host: '::1', port: 1}}\n")
    assert "no gateway answers at http://[::1]:1:" in run(["status", "--config", str(config)]).stderr
