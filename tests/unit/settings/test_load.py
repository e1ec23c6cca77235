"""Loading: every problem in one go, files of every kind, and no secret in any message."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.settings.load import load, reach
from tests.unit.settings.mistakes import GOOD, problems

CANARY = "canary-s3cret"

EVERYTHING_WRONG = """\
server: {port: 99999, hots: 0.0.0.0}
store: redis://host
store: sqlite:///x
keys:
  - {tenant: a, key: "${MISSING}"}
models:
  - {id: small, model: anthropic/claude, lane: direct}
  - {id: small}
policies:
  default:
    models: [small, medium]
    baseline: larg
    algorithm: {kind: linuc}
    reward: {preset: cost, weights: {quality: 1}}
    scoring: {weights: {finsh: 1}}
"""


def said_of(path: Path | None, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, environment or {})
    return list(caught.value.problems)


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    """Spelling, types, contradictions, duplicates and missing variables together: nobody fixes them one run each."""
    found = problems(EVERYTHING_WRONG, {"GATEWAY__LOG__LEVEL": "loud"})
    begins = [
        "gw.yaml:1: server.port: must be a whole number from 0 to 65535",
        "gw.yaml:1: server.hots: is not a known key; did you mean 'host'?",
        "gw.yaml:2: store: a Redis store is not available yet",
        "gw.yaml:3: store: is given twice, first on line 2",
        "gw.yaml:5: keys[0].key: the environment variable MISSING is not set",
        "gw.yaml:7: models[0].lane: direct needs the address",
        "gw.yaml:8: models[1].id: 'small' is given to two models",
        "gw.yaml:8: models[1].model: is missing",
        "gw.yaml:11: policies.default.models[1]: 'medium' is not a configured model",
        "gw.yaml:12: policies.default.baseline: 'larg' is not among this policy's models",
        "gw.yaml:13: policies.default.algorithm.kind: must be one of linucb",
        "gw.yaml:14: policies.default.reward: give either a preset or weights, not both",
        "gw.yaml:15: policies.default.scoring.weights.finsh: is not a known signal; did you mean 'finish'?",
        "environment GATEWAY__LOG__LEVEL: log.level: must be debug, info, warning or error, not 'loud'",
    ]
    assert [line[: len(begin)] for line, begin in zip(found, begins, strict=True)] == begins


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
    ],
    ids=["plain", "with a mark", "from Windows"],
)
def test_a_file_is_read_however_an_editor_saved_it(tmp_path: Path, encode: object) -> None:
    """A byte order mark and Windows' line ends are no part of the configuration."""
    assert callable(encode)
    (tmp_path / "gw.yaml").write_bytes(encode(GOOD))
    assert [model.id for model in load(tmp_path / "gw.yaml", {}).models] == ["small", "large"]


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    """Latin-1 and UTF-16 are found where they begin, and how to mend it."""
    path = tmp_path / "gw.yaml"
    path.write_bytes(f"{GOOD}# Schlüssel\n".encode("latin-1"))
    assert said_of(path) == [f"{path}:8: is not UTF-8 text here; save the file as UTF-8"]
    path.write_bytes(GOOD.encode("utf-16"))
    assert said_of(path) == [f"{path}:1: is not UTF-8 text here; save the file as UTF-8"]


def test_a_file_that_is_not_there_is_told_with_its_neighbour(tmp_path: Path) -> None:
    """The most common mistake of all is a misspelt path."""
    (tmp_path / "gateway.yaml").write_text(GOOD)
    wrong = tmp_path / "gatway.yaml"
    assert said_of(wrong) == [f"{wrong}: does not exist; did you mean '{tmp_path}/gateway.yaml'?"]
    assert said_of(tmp_path / "no" / "x.yaml") == [f"{tmp_path}/no/x.yaml: does not exist"]
    assert said_of(tmp_path) == [f"{tmp_path}: is a folder; give the file in it"]


def test_what_is_no_yaml_is_one_problem(tmp_path: Path) -> None:
    """Nothing else can be told of it, and overrides of a file that cannot be read are not applied to nothing."""
    (tmp_path / "gw.yaml").write_text("a: 'b\n")
    (said,) = said_of(tmp_path / "gw.yaml", {"GATEWAY__X": "1"})
    assert said == f"{tmp_path}/gw.yaml:2: not valid YAML: the quote opened on line 1 is never closed"


@pytest.mark.parametrize(
    "text",
    [
        f"keys: {CANARY}",
        f"keys: [{CANARY}]",
        f"keys: [[{CANARY}]]",
        f"keys: {{{CANARY}: a}}",
        f"keys: {{{CANARY}: a, {CANARY}: b}}",
        f"keys: {{tenant: a, key: {CANARY}}}",
        f"keys: [{{tenant: a, kye: {CANARY}}}]",
        f"keys: [{{tenant: a, key: [{CANARY}]}}]",
        f"keys: [{{tenant: a, key: '{CANARY} {CANARY}'}}]",
        f"admin_key: [{{x: {CANARY}}}]",
        f"admin_key: '{CANARY}\\n'",
        f"adminkey: {CANARY}",
        f"admin_key: {CANARY}\nkeys: [{{tenant: {CANARY}!, key: {CANARY}}}]",
        "admin_key: ${A_KEY}\nserver: {port: '${A_KEY}'}",
        "store: '${A_KEY}'",
        "store: 'x-${A_KEY}-x'",
        f"store: redis://:{CANARY}@host/0",
        f"store: postgres://me:{CANARY}@host/0",
        f"admin_key: !{CANARY} x",
        f"admin_key: *{CANARY}",
        f"admin_key: {CANARY}: x",
        f"models: {{api_key: {CANARY}}}",
        f"models: [{{id: a, model: b, api_key: {{value: {CANARY}}}}}]",
        f"models: [{{id: a, model: b, api_key: '{CANARY} '}}, {{id: a}}]",
        f"models: [{{id: a, model: b, api_base: 'ftp://me:{CANARY}@host'}}]",
        f"policies: {{default: {{api_key: {CANARY}}}}}",
    ],
)
def test_no_message_holds_a_secret(text: str) -> None:
    """Messages end up in terminals, tickets and logs: not of a wrong type, not nested, not misspelt, not in passing."""
    said = problems(text, {"A_KEY": CANARY, "GATEWAY__KEYS__7__KEY": CANARY})
    assert said
    assert CANARY not in "\n".join(said)


def test_a_running_gateway_is_reached_with_half_a_configuration(tmp_path: Path) -> None:
    """The kill switch works from a shell without the providers' keys, and with a mistake elsewhere in the file."""
    path = tmp_path / "gw.yaml"
    path.write_text("server: {port: 81}\nadmin_key: ${A}\nmodels: [{id: a, api_key: '${NOT_SET}'}]\npolices: 1\n")
    found = reach(path, {"A": "the-admin-key"})
    assert (found.server.host, found.server.port) == ("127.0.0.1", 81)
    assert found.admin_key is not None
    assert found.admin_key.get_secret_value() == "the-admin-key"
    assert reach(None, {"GATEWAY__SERVER__PORT": "82"}).server.port == 82


def test_what_is_needed_to_reach_it_is_checked(tmp_path: Path) -> None:
    """And only that."""
    path = tmp_path / "gw.yaml"
    path.write_text("server: {port: x}\nadmin_key: ${A}\nstore: 5\n")
    with pytest.raises(ConfigurationError) as caught:
        reach(path, {})
    assert caught.value.problems == (
        f"{path}:1: server.port: must be a whole number from 0 to 65535, not 'x'",
        f"{path}:2: admin_key: the environment variable A is not set; set it, or take ${{A}} out",
    )
    path.write_text("a: 'b")
    with pytest.raises(ConfigurationError):
        reach(path, {})
