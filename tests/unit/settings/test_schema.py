"""The configuration's shape: what is good, what defaults it has, and that secrets stay secret."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from gateway.core.policies.fixed import Fixed
from gateway.core.policies.linucb import LinUcb
from gateway.core.values import ColdStart
from tests.unit.settings.mistakes import GOOD, large, policy, problems, settings, top

ROOT = Path(__file__).parents[3]


def test_the_shortest_configuration_has_good_defaults() -> None:
    """Two models and a policy are enough: loopback, one worker, LinUCB, and nothing switched on blindly."""
    found = settings(GOOD)
    default = found.policies["default"]
    assert (found.server.host, found.server.port, found.server.workers) == ("127.0.0.1", 8080, 1)
    assert found.store == "sqlite:///gateway.db"
    assert isinstance(default.algorithm, LinUcb)
    assert (default.rollout.stage, default.rollout.percentage) == ("off", 0.0)


def test_every_key_of_the_documented_example_is_read() -> None:
    """The public face's example is a good configuration and means what it says, `stage: off` included."""
    text = (
        GOOD.replace("openai/gpt-4o}", "openai/gpt-4o, price: {input_usd_per_million: 1, output_usd_per_million: 2}}")
        + "    algorithm: {kind: linucb, alpha: 0.1, exploration_floor: 0.03}\n"
        + "    rollout: {stage: off, percentage: 0}\n"
        + "    timeouts: {connect_s: 5, first_token_s: 30, idle_s: 60, total_s: 600}\n"
        + "    retries: {max_attempts: 3, budget_percent: 20}\n"
    )
    found = settings(text)
    default = found.policies["default"]
    assert found.models[1].price is not None
    assert found.models[1].price.output_usd_per_million == 2.0
    assert isinstance(default.algorithm, LinUcb)
    assert (default.algorithm.alpha, default.algorithm.exploration_floor) == (0.1, 0.03)
    assert default.rollout.stage == "off"


def test_the_shipped_configuration_is_good() -> None:
    """What the README tells people to begin with needs nothing but a provider's key."""
    text = (ROOT / "config" / "gateway.yaml").read_text()
    assert problems(text, {"OPENAI_API_KEY": "sk-example"}) == []
    # And to a reader of YAML 1.1 `off` would be a truth value, so that only our own reader is right.
    assert yaml.safe_load(text)["policies"]["default"]["rollout"]["stage"] is False


def test_a_percentage_alone_means_canary() -> None:
    """The file means the same as the command: nobody serves 0 % because he forgot the stage."""
    rollout = settings(policy("rollout: {percentage: 25}")).policies["default"].rollout
    assert (rollout.stage, rollout.percentage) == ("canary", 25.0)


def test_an_algorithm_is_the_cores_own_dataclass() -> None:
    """The section of a policy is the algorithm itself, with the core's defaults."""
    assert settings(policy("algorithm: {kind: fixed, arm: small}")).policies["default"].algorithm == Fixed(arm="small")
    found = settings(large("cold_start: {like: small, weight: 0.3}"))
    assert found.models[1].cold_start == ColdStart(like="small", weight=0.3)


def test_settings_travel_to_worker_processes() -> None:
    """The supervisor sends them to its workers, secrets included."""
    found = settings(top('admin_key: "the-admin-key"'))
    assert ForkingPickler.loads(ForkingPickler.dumps(found)) == found


def test_secrets_are_known_and_not_shown() -> None:
    """The log has to know what to blank out; a repr in some message must not give it away."""
    text = large("api_key: sk-provider") + "keys: [{tenant: a, key: client-key-1}]\nadmin_key: admin-key-1\n"
    found = settings(text)
    assert found.secrets() == {"sk-provider", "client-key-1", "admin-key-1"}
    assert not [secret for secret in found.secrets() if secret in repr(found)]
    assert found.admin_key == SecretStr("admin-key-1")


@pytest.mark.parametrize("given", ["", "two words", "line\n", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused(given: str) -> None:
    """A line break at the end, as files have it, would otherwise fail on the first request; it is not shown."""
    for place in ("admin_key: ${A}", "keys: [{tenant: a, key: '${A}'}]"):
        (said,) = problems(top(place), {"A": given})
        assert "must be visible ASCII characters" in said or "the environment variable A is empty" in said
        assert given == "" or given.strip() not in said.partition(": ")[2].replace("without blanks or line breaks", "")
