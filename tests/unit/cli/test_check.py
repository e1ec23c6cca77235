"""`gateway check`: good, bad, and what may still surprise."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.conftest import Run
from tests.unit.settings.mistakes import GOOD


def test_a_good_configuration_is_told_in_short(run: Run, config: Path) -> None:
    """What would be served, where, and with which policies."""
    done = run(["check", "--config", str(config)], OPENAI_API_KEY="sk-abcdef")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "The configuration is good.",
        "  models:   small, large",
        "  policy:   default: linucb, baseline large, off",
        "  store:    sqlite:///gateway.db",
        "  listens:  http://127.0.0.1:8080, 1 worker(s)",
    ]


def test_a_bad_one_is_told_with_every_problem(run: Run, config: Path) -> None:
    """On standard error, exit status 2."""
    config.write_text(f"{GOOD}server: {{prot: 1}}\nstore: x\n")
    done = run(["check", "--config", str(config)])
    assert (done.exit_code, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "2 problems in the configuration:"
    assert lines[1].startswith(f"  {config}:8: server.prot: is not a known key; did you mean 'port'?")
    assert lines[2].startswith(f"  {config}:9: store: must be sqlite:///FILE")


def test_as_json_both_are_one_object(run: Run, config: Path) -> None:
    """For scripts: `ok` and the lists, the same exit status, nothing else on standard output."""
    good = run(["check", "--config", str(config), "--json"], OPENAI_API_KEY="sk-abcdef")
    assert json.loads(good.stdout) == {
        "ok": True,
        "problems": [],
        "notes": [],
        "models": ["small", "large"],
        "policies": ["default"],
    }
    config.write_text(f"{GOOD}server: {{prot: 1}}\n")
    bad = run(["check", "--config", str(config), "--json"])
    assert bad.exit_code == 2
    told = json.loads(bad.stdout)
    assert told["ok"] is False
    assert len(told["problems"]) == 1


def test_a_file_may_be_named_by_the_environment(run: Run, config: Path) -> None:
    """One variable for all commands of a shell or a container."""
    config.write_text(f"{GOOD}admin_key: ${{A}}\n")
    assert run(["check"], GATEWAY_CONFIG=str(config), A="abcdef").exit_code == 0
    assert "the environment variable A is not set" in run(["check"], GATEWAY_CONFIG=str(config)).stderr


def test_without_a_file_it_says_what_it_uses(run: Run) -> None:
    """No file is picked up because it happens to lie there: provider keys in the environment, or a sentence."""
    Path("config").mkdir()
    Path("config/gateway.yaml").write_text("nonsense")
    found = run(["check"], OPENAI_API_KEY="sk-abcdef")
    assert found.exit_code == 0
    expected = "No configuration file: using the provider keys in the environment (gpt-4o-mini, gpt-4o).\n"
    assert found.stderr == expected
    assert json.loads(run(["check", "--json"], OPENAI_API_KEY="sk-abcdef").stdout)["ok"] is True
    nothing = run(["check"])
    assert nothing.exit_code == 2
    assert "no configuration file was given and no provider key is set" in nothing.stderr


def test_what_may_still_surprise_is_noted(run: Run, config: Path) -> None:
    """Allowed, and found out too late otherwise: free calls, lone arms, no `auto`, no administration, no disk."""
    config.write_text(
        """\
store: sqlite:///no-such-folder/gateway.db
keys: [{tenant: a, key: abcdef}]
models:
  - {id: own, model: openai/our-own-model}
  - {id: priced, api_key: abcdef, model: openai/our-own, price: {input_usd_per_million: 1, output_usd_per_million: 1}}
policies:
  code: {models: [own], baseline: own}
"""
    )
    done = run(["check", "--config", str(config), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["notes"] == [
        "model own has no api_key, and OPENAI_API_KEY is not set: its provider will refuse its calls",
        "model own has no known price: its calls count as free; give it a price",
        "in no policy, so reached only by name: priced",
        'there is no policy named default, which is what model="auto" asks for',
        "client keys without an admin_key: /admin, status, rollout and kill are off",
        f"the folder {Path.cwd()}/no-such-folder of the state store does not exist: "
        "what is learned is lost until it does",
    ]
    assert run(["check", "--config", str(config)]).stdout.count("  note:     ") == 6
