"""What the schema expects at a path, in words."""

from __future__ import annotations

import pytest

from gateway.core.reward import Weights
from gateway.settings.known import expected, expected_key, known_keys, known_words, takes_number, takes_text
from gateway.settings.problems import Path
from gateway.settings.schema import Settings

POLICY = ("policies", "any")


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        (("server",), ["drain_s", "host", "max_body_bytes", "port", "sync_interval_s", "workers"]),
        (("keys", 4), ["key", "tenant"]),
        (("models", 0, "price"), ["input_usd_per_million", "output_usd_per_million"]),
        ((*POLICY, "reward", "hours", 0, "weights"), sorted(Weights.__dataclass_fields__)),
        ((*POLICY, "algorithm", "fixed"), ["arm", "kind"]),
        ((*POLICY, "algorithm", "split"), ["kind", "weights"]),
        ((*POLICY, "models"), []),
        (("no", "such", "place"), []),
    ],
)
def test_the_known_keys_at_a_path(path: Path, keys: list[str]) -> None:
    """Through lists, mappings, optional sections and tagged unions, in pydantic's models and the core's dataclasses."""
    assert known_keys(Settings, path) == keys


def test_every_algorithms_keys_are_known_where_none_is_chosen() -> None:
    """Without a kind, all of them could be meant."""
    keys = known_keys(Settings, (*POLICY, "algorithm"))
    assert {"alpha", "draws", "noise", "arm", "weights", "kind"} <= set(keys)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ((*POLICY, "algorithm"), ["linucb", "thompson", "contextual_thompson", "fixed", "split"]),
        ((*POLICY, "rollout", "stage"), ["off", "shadow", "canary", "full"]),
        (("models", 0, "supports", 0), ["tools", "vision", "audio", "json_object", "json_schema"]),
        ((*POLICY, "reward", "preset"), ["balanced", "quality", "cost", "latency"]),
        (("server", "port"), []),
    ],
)
def test_the_known_words_at_a_path(path: Path, words: list[str]) -> None:
    """Where only certain words may stand, these are they."""
    assert known_words(Settings, path) == words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("server", "port"), "a whole number from 0 to 65535"),
        (("server", "max_body_bytes"), "a whole number of at least 1024"),
        (("feedback", "ttl_s"), "a number above 0"),
        (("log", "level"), "debug, info, warning or error"),
        (("models", 0, "supports"), "a list, each entry tools, vision, audio, json_object or json_schema"),
        (("keys", 0), "keys and values (key, tenant)"),
        ((*POLICY, "features", "custom", 0, "key"), "text of at most 64 characters"),
        ((*POLICY, "forgetting", "half_life_s"), "a number above 0"),
        ((*POLICY, "scoring", "weights"), "keys and values"),
        (("nowhere",), None),
    ],
)
def test_what_would_be_right_is_said_in_words(path: Path, words: str | None) -> None:
    """Taken from the schema, so that a changed bound changes the message."""
    assert expected(Settings, path) == words


def test_names_of_policies_are_described() -> None:
    """A mapping's keys have a rule as well."""
    assert str(expected_key(Settings, ("policies",))).startswith("a name of at most 128 letters")
    assert expected_key(Settings, ("server",)) is None


def test_numbers_and_texts_are_told_apart() -> None:
    """A truth value for a number is a mistake; a number for a text wants quotes."""
    assert takes_number(Settings, ("server", "port"))
    assert takes_number(Settings, (*POLICY, "reward", "quality_floor"))
    assert not takes_number(Settings, ("server", "host"))
    assert takes_text(Settings, ("admin_key",))
    assert not takes_text(Settings, ("server", "port"))
