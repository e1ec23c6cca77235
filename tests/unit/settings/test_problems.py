"""What is told of a problem, and what is never shown."""

from __future__ import annotations

import pytest

from gateway.settings.problems import Path, Problem, closest, dotted, hidden, meant, secrets_in, shown


def test_a_problem_is_one_line() -> None:
    """Place, key and text; what concerns the whole has no key."""
    there = Problem(where="a.yaml:3", order=3, path=("models", 0, "id"), text="is missing")
    assert str(there) == "a.yaml:3: models[0].id: is missing"
    assert str(Problem(where="a.yaml", order=0, path=(), text="is empty")) == "a.yaml: is empty"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("models", 0, "price"), "models[0].price"),
        (("policies", "my-policy", "hours", 2), "policies.my-policy.hours[2]"),
        (("policies", "two words"), 'policies."two words"'),
        (("keys", 0, "tenant"), "keys[0].tenant"),
        (("keys", "sk-canary"), "keys.***"),
        ((), ""),
    ],
)
def test_a_path_is_written_with_dots(path: Path, text: str) -> None:
    """As one would say it; where names were given in place of a list of keys, the names may be the keys."""
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("path", "is_hidden"),
    [
        (("admin_key",), True),
        (("models", 3, "api_key"), True),
        (("models", 3, "api-key"), True),
        (("models", 3, "apiKey", 0, "x"), True),
        (("keys", 0, "key"), True),
        (("keys", 0, "kye"), True),
        (("keys",), True),
        (("keys", 0, "tenant"), False),
        (("models", 0, "id"), False),
        (("policies", "p", "features", "custom", 0, "key"), False),
    ],
)
def test_secrets_are_known_by_their_place(path: Path, is_hidden: bool) -> None:
    """However their keys are spelt and whatever type they have; the name of a custom feature is none."""
    assert hidden(path) is is_hidden


def test_secrets_are_collected_from_wherever_they_hide() -> None:
    """What is too short to search for, or a reference that could not be filled, is left out."""
    data = {
        "admin_key": ["secret-1", {"x": 12345678}],
        "keys": [{"tenant": "team-name", "key": "secret-2"}, "secret-3", {"tenant": "a", "key": "abc"}],
        "models": [{"id": "long-enough", "api_key": "${NOT_SET}"}],
    }
    assert set(secrets_in(data)) == {"secret-1", "12345678", "secret-2", "secret-3"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        (5, "5"),
        (0.5, "0.5"),
        ("a", "'a'"),
        ({"a": "canary"}, "keys and values"),
        (["canary"], "a list"),
        ("redis://user:canary@host:1/0", "'redis://***@host:1/0'"),
        ("x" * 100, f"'{'x' * 80}...'"),
    ],
)
def test_a_value_is_shown_without_its_inside(value: object, text: str) -> None:
    """Lists and mappings may hold secrets, addresses passwords; and a line stays a line."""
    assert shown(value) == text


def test_a_near_miss_is_recognized_whatever_its_case() -> None:
    """`LinUCB` means `linucb`; what is far from everything means nothing."""
    assert closest("LinUCB", ["linucb", "thompson"]) == "linucb"
    assert meant("Thomson", ["linucb", "thompson"]) == "; did you mean 'thompson'?"
    assert meant("xyz", ["linucb"]) == meant("", ["linucb"]) == meant("a", []) == ""
