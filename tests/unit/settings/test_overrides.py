"""`GATEWAY__SERVER__PORT=9000`: keys set from the environment, and variables that set nothing."""

from __future__ import annotations

import pytest

from gateway.settings.overrides import override
from tests.unit.settings.mistakes import GOOD, problems, settings, top


def test_a_variable_sets_a_key() -> None:
    """In a section that stands in the file, and in one that does not."""
    found = settings(
        top("server: {port: 1}"), {"GATEWAY__SERVER__PORT": "9000", "GATEWAY__LOG__LEVEL": "debug", "GATEWAY_X": "1"}
    )
    assert (found.server.port, found.log.level) == (9000, "debug")


def test_the_environment_is_stronger_than_the_file_and_an_option_than_both() -> None:
    """What is nearer to the one who starts the process wins."""
    environment, options = {"GATEWAY__SERVER__PORT": "2"}, {"server.port": "3"}
    assert override({"server": {"port": 1}}, environment, {}).data == {"server": {"port": "2"}}
    assert override({"server": {"port": 1}}, environment, options).data == {"server": {"port": "3"}}


def test_a_number_is_a_place_in_a_list() -> None:
    """An entry is changed in its place; the next free number adds one, in the order of the numbers, not of the text."""
    environment = {f"GATEWAY__KEYS__{i}__TENANT": f"t{i}" for i in range(12)}
    environment |= {f"GATEWAY__KEYS__{i}__KEY": f"key-{i}" for i in range(12)}
    found = settings(top("keys: [{tenant: old, key: old-key}]"), environment)
    assert [entry.tenant for entry in found.keys] == [f"t{i}" for i in range(12)]
    assert [entry.tenant for entry in settings(GOOD, environment).keys] == [f"t{i}" for i in range(12)]


def test_lists_and_mappings_are_given_as_yaml() -> None:
    """A container that has no file sets whole sections."""
    found = settings(
        GOOD,
        {
            "GATEWAY__POLICIES__DEFAULT__MODELS": "[large]",
            "GATEWAY__KEYS": '[{tenant: a, key: "${A}"}]',
            "GATEWAY__POLICIES__DEFAULT__ROLLOUT": "{stage: off}",
            "A": "from-elsewhere",
        },
    )
    assert found.policies["default"].models == ("large",)
    assert found.policies["default"].rollout.stage == "off"
    assert found.keys[0].key.get_secret_value() == "from-elsewhere"


def test_null_takes_a_value_away() -> None:
    """An optional value of the file can be unset; only a secret is text whatever it looks like."""
    environment = {"GATEWAY__STORE": "null", "GATEWAY__ADMIN_KEY": "null"}
    assert override({"store": "x"}, environment, {}).data == {"store": None, "admin_key": "null"}


@pytest.mark.parametrize("secret", ["12345678", "1e5", "[a", "{a: b}", "null-null", "true", "# no comment", "*x"])
def test_a_secret_is_text_whatever_it_looks_like(secret: str) -> None:
    """A generated password may look like a number, a list or a comment."""
    found = settings(GOOD, {"GATEWAY__ADMIN_KEY": secret.replace(" ", "")})
    assert found.admin_key is not None
    assert found.admin_key.get_secret_value() == secret.replace(" ", "")


def test_names_match_whatever_a_variable_cannot_spell() -> None:
    """A shell's variable holds neither small letters (by custom) nor `-` nor `.`."""
    data = {"policies": {"My-policy.v2": {"baseline": "a"}}}
    assert override(data, {"GATEWAY__POLICIES__MY_POLICY_V2__BASELINE": "b"}, {}).data == {
        "policies": {"My-policy.v2": {"baseline": "b"}}
    }


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("GATEWAY__SERVR__PORT", "1", "servr: is not a known key; did you mean 'server'?"),
        ("GATEWAY__SERVER__PRT", "1", "server.prt: is not a known key; did you mean 'port'?"),
        ("GATEWAY__SERVER__PORT", "80a", "server.port: must be a whole number from 0 to 65535, not '80a'"),
        ("GATEWAY__MODELS__7__ID", "x", "there is no models[7] to set"),
        ("GATEWAY__MODELS__FIRST__ID", "x", "there is no models.first to set"),
        ("GATEWAY__STORE__PATH", "x", "store.path: there is no"),
        ("GATEWAY__", "x", "has an empty word in its name; write it like GATEWAY__SERVER__PORT"),
        ("GATEWAY__SERVER____PORT", "1", "has an empty word in its name"),
        ("GATEWAY__KEYS", "[{", "keys: not valid YAML: the bracket opened on line 1 is not closed"),
        ("GATEWAY__KEYS", "sk-canary-secret", "keys: must be a list"),
    ],
)
def test_a_variable_that_sets_nothing_good_is_told_by_its_name(variable: str, value: str, said: str) -> None:
    """A misspelt variable would otherwise be a setting that silently is not set."""
    text = top("store: sqlite:///x")
    if said.startswith("store.path"):
        said = "there is no store.path to set"
    (found,) = problems(text, {variable: value})
    assert found.startswith(f"environment {variable}: {said}")
    assert "canary" not in found
