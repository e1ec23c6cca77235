"""Without a file: models from whatever provider keys the environment holds."""

from __future__ import annotations

import pytest

from gateway.adapters.litellm_catalog import lookup
from gateway.errors import ConfigurationError
from gateway.settings.discover import discover, no_keys
from gateway.settings.load import load

EVERY_KEY = {name: f"key-of-{name.lower()}" for name in no_keys().partition("one of ")[2].split(", ")}


def test_a_provider_key_is_enough() -> None:
    """One policy over that provider's models, the cheaper one as the baseline, nothing switched on."""
    found = load(None, {"OPENAI_API_KEY": "sk-mine-1", "ANTHROPIC_API_KEY": ""})
    assert [model.model for model in found.models] == ["openai/gpt-4o-mini", "openai/gpt-4o"]
    assert {model.api_key.get_secret_value() for model in found.models if model.api_key} == {"sk-mine-1"}
    default = found.policies["default"]
    assert (default.baseline, default.rollout.stage, found.server.host) == ("gpt-4o-mini", "off", "127.0.0.1")


def test_every_provider_key_adds_its_models() -> None:
    """Ids differ, and all are arms of the one policy."""
    found = load(None, EVERY_KEY)
    ids = [model.id for model in found.models]
    assert len(set(ids)) == len(ids) == 2 * len(EVERY_KEY)
    assert list(found.policies["default"].models) == ids


def test_every_model_is_one_that_litellm_knows_the_price_of() -> None:
    """Without a price there is nothing to weigh against quality; a name that was retired shows here."""
    models = load(None, EVERY_KEY).models
    known = {model.model: lookup(model.model) for model in models}
    assert [name for name, entry in known.items() if entry is None or entry.price is None] == []


def test_of_each_provider_the_cheap_model_comes_first() -> None:
    """The baseline, first of all, is then no surprise on the bill."""
    for variable in EVERY_KEY:
        prices = [entry.price for model in load(None, {variable: "a-key"}).models if (entry := lookup(model.model))]
        costs = [price.cost_usd(1000, 1000) for price in prices if price is not None]
        assert costs == sorted(costs)


def test_without_any_key_it_says_what_to_do() -> None:
    """A fresh machine: give a file, or one of these."""
    assert discover({}) == {}
    with pytest.raises(ConfigurationError) as caught:
        load(None, {})
    (said,) = caught.value.problems
    assert "no configuration file was given and no provider key is set" in said
    assert "OPENAI_API_KEY" in said


def test_models_may_come_from_the_environment_alone() -> None:
    """A container without a file and without a key of a listed provider."""
    found = load(
        None,
        {
            "GATEWAY__MODELS": '[{id: own, model: openai/own, api_base: "http://10.0.0.5/v1"}]',
            "GATEWAY__POLICIES": "{default: {models: [own], baseline: own}}",
        },
    )
    assert [model.id for model in found.models] == ["own"]


def test_a_mistake_without_a_file_names_no_line() -> None:
    """There is none to look at; the variable is."""
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"OPENAI_API_KEY": "two words", "GATEWAY__SERVER__PORT": "x"})
    said = caught.value.problems
    assert said[0].startswith("(no configuration file): models[0].api_key: must be visible ASCII characters")
    assert said[-1].startswith("environment GATEWAY__SERVER__PORT: server.port: must be a whole number")
