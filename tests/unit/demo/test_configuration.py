"""The demo's configuration is one that users could write, and says what the demo's ledger assumes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.demo.configuration import ALGORITHMS, POLICY, REWARD, configuration, degradation
from gateway.demo.profiles import PROFILES, SCHOLAR
from gateway.settings.load import parse
from gateway.settings.schema import Settings

ADDRESSES = {profile.id: f"http://127.0.0.1:{7000 + place}/v1" for place, profile in enumerate(PROFILES)}


def settings(algorithm: str = "linucb") -> Settings:
    document = configuration(ADDRESSES, key="k", algorithm=algorithm, folder=Path("/somewhere"))
    return parse("demo", yaml.safe_dump(document), {})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_passes_every_check_of_a_users_file(algorithm: str) -> None:
    """Written down as YAML it has no problem of any kind, with every algorithm on offer."""
    assert settings(algorithm).policies[POLICY].algorithm.kind == algorithm


def test_an_unknown_algorithm_is_refused() -> None:
    """A typo must not run the demo with something else."""
    with pytest.raises(KeyError):
        settings("linucp")


def test_models_are_reached_through_litellm_at_their_own_price() -> None:
    """What the ledger computes from the profiles is what the gateway computes from its configuration."""
    for profile, model in zip(PROFILES, settings().models, strict=True):
        assert (model.id, model.model, model.api_base) == (profile.id, f"openai/{profile.id}", ADDRESSES[profile.id])
        assert model.lane == "litellm"
        assert model.price is not None
        assert model.price.input_usd_per_million == profile.input_usd_per_million
        assert model.price.output_usd_per_million == profile.output_usd_per_million


def test_the_policy_learns_on_all_traffic_with_the_ledgers_reward() -> None:
    """Full rollout, the ablest model as the baseline, and the same reward settings as the counterfactuals."""
    policy = settings().policies[POLICY]
    assert policy.rollout.stage == "full"
    assert policy.baseline == SCHOLAR.id
    assert policy.reward == REWARD


def test_calm_and_drift_share_one_setting() -> None:
    """Whoever runs a gateway does not know which world is to come: forgetting is on, and the drift changes no key."""
    assert settings().policies[POLICY].forgetting.active


def test_the_drift_comes_halfway() -> None:
    """Half of the questions come before it."""
    fall = degradation(1_000)
    assert (fall.model_id, fall.from_question) == (SCHOLAR.id, 500)
    assert degradation(1_000, "coder").model_id == "coder"
    assert 0.0 < fall.skill_factor < 1.0
