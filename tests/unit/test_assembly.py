"""From settings to objects: prices, fingerprints, owners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.assembly import PINNED, arm_of, keys_of, owners_of, policies_of, switches_of
from gateway.settings.load import parse
from gateway.settings.schema import ModelSettings, PriceSettings, Settings
from tests.serving import configuration


def _settings(folder: Path, **given: Any) -> Settings:
    return parse("test.yaml", yaml.safe_dump(configuration(folder, **given)), {})


def _policy(**given: Any) -> dict[str, Any]:
    return {"default": {"models": ["small", "org/large"], "baseline": "small"} | given}


def test_prices_come_from_the_configuration_first() -> None:
    """USD per million tokens become USD per token; litellm's table fills in what is not said."""
    said = ModelSettings(
        id="a",
        model="openai/gpt-4o-mini",
        price=PriceSettings(input_usd_per_million=3.0, output_usd_per_million=6.0),
    )
    arm = arm_of(said)
    assert arm.price is not None
    assert (arm.price.input_usd, arm.price.output_usd) == pytest.approx((3e-6, 6e-6))
    table = arm_of(ModelSettings(id="a", model="openai/gpt-4o-mini"))
    assert table.price is not None
    assert 0 < table.price.input_usd < table.price.output_usd < 1e-4
    assert table.max_context_tokens is not None
    assert table.supports is not None
    assert "tools" in table.supports


def test_an_unknown_model_has_no_price() -> None:
    """What no table knows stays unknown, it is not guessed."""
    arm = arm_of(ModelSettings(id="a", model="openai/our-own-model"))
    assert (arm.price, arm.max_context_tokens, arm.supports) == (None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"reward": {"preset": "cost"}},
        {"reward": {"max_cost_usd": 0.1}},
        {"features": {"set": "base10"}},
        {"features": {"custom": [{"key": "tier", "kind": "hashed"}]}},
        {"scoring": {"weights": {"language": 0}}},
        {"forgetting": {"half_life_s": 100}},
    ],
)
def test_sums_of_another_meaning_have_another_fingerprint(tmp_path: Path, change: dict[str, Any]) -> None:
    """Whatever changes what a sum means keeps the old sums apart."""
    plain = policies_of(_settings(tmp_path, policies=_policy()))["default"].learner.key
    again = policies_of(_settings(tmp_path, policies=_policy()))["default"].learner.key
    changed = policies_of(_settings(tmp_path, policies=_policy(**change)))["default"].learner.key
    assert plain == again
    assert plain.fingerprint != changed.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": {"kind": "thompson"}},
        {"algorithm": {"kind": "linucb", "alpha": 1.0}},
        {"rollout": {"stage": "full"}},
        {"baseline": "org/large"},
    ],
)
def test_what_reads_the_sums_does_not_change_their_fingerprint(tmp_path: Path, change: dict[str, Any]) -> None:
    """Another algorithm, or another stage, goes on with what was learned."""
    plain = policies_of(_settings(tmp_path, policies=_policy()))["default"].learner.key
    assert policies_of(_settings(tmp_path, policies=_policy(**change)))["default"].learner.key == plain


def test_a_model_in_no_policy_can_still_be_named(tmp_path: Path) -> None:
    """It is logged under a policy of its own, which is off and lets nobody route to it."""
    settings = _settings(tmp_path, policies={"default": {"models": ["small"], "baseline": "small"}})
    policies = policies_of(settings)
    assert owners_of(policies) == {"small": "default", "org/large": PINNED}
    assert switches_of(settings, policies).state(PINNED).stage == "off"


def test_keys_are_kept_as_hashes(tmp_path: Path) -> None:
    """The key itself is nowhere in what the routes hold."""
    keys = keys_of(_settings(tmp_path, keys=[{"tenant": "a", "key": "canary-key"}], admin_key="canary-admin"))
    assert "canary" not in repr(keys)
    assert keys.tenant("canary-key") == "a"
