"""Mistakes that the schema finds: each is one line with place, key, what was given and what would be right."""

from __future__ import annotations

import pytest

from tests.unit.settings.mistakes import GOOD, large, policy, problems, top

KEYS = "admin_key, feedback, keys, log, models, policies, server, store"
KINDS = "linucb, thompson, contextual_thompson, fixed"
NAME = "a name of at most 128 letters, digits and . _ / - that begins with a letter or digit"
SIZES = "drain_s, host, max_body_bytes, port, sync_interval_s, workers"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (top("servr: {}"), f"8: servr: is not a known key; did you mean 'server'? Known here: {KEYS}"),
        (top("xyz: {}"), f"8: xyz: is not a known key. Known here: {KEYS}"),
        (top("server: {prot: 1}"), f"8: server.prot: is not a known key; did you mean 'port'? Known here: {SIZES}"),
        (
            large("apikey: s3cret-s3cret"),
            "3: models[1].apikey: is not a known key; did you mean 'api_key'? Known here: "
            "api_base, api_key, cold_start, id, lane, max_context_tokens, model, price, supports",
        ),
        (
            large("price: {input: 1, input_usd_per_million: 1, output_usd_per_million: 2}"),
            "3: models[1].price.input: is not a known key. Known here: input_usd_per_million, output_usd_per_million",
        ),
        (
            policy("timeouts: {idle: 4}"),
            "8: policies.default.timeouts.idle: is not a known key; did you mean 'idle_s'? "
            "Known here: connect_s, first_token_s, idle_s, total_s",
        ),
        (
            policy("reward: {weights: {qualty: 1}}"),
            "8: policies.default.reward.weights.qualty: is not a known key; did you mean 'quality'? "
            "Known here: cost, latency, quality, satisfaction",
        ),
        (
            policy("algorithm: {kind: thompson, draw: 4}"),
            "8: policies.default.algorithm.draw: is not a known key; did you mean 'draws'? "
            "Known here: draws, exploration_floor, kind, prior, warm_up_pulls, warm_up_share",
        ),
        (
            policy("forgetting: {half_life: 4}"),
            "8: policies.default.forgetting.half_life: is not a known key; did you mean 'half_life_s'? "
            "Known here: half_life_requests, half_life_s",
        ),
    ],
)
def test_an_unknown_key_is_told_with_those_that_are_known(text: str, said: str) -> None:
    """A misspelt key would otherwise be a setting that silently is not set; its value is not shown, it may be a key."""
    assert problems(text) == [f"gw.yaml:{said}"]


PORT = "must be a whole number from 0 to 65535"
STAGE = "must be off, shadow, canary or full"
SUPPORTS = "must be tools, vision, audio, json_object or json_schema"
STORE = "must be sqlite:///FILE, with a fourth slash for an absolute path"
BOTH_LIVES = "half_life_s: 5, half_life_requests: 7"


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ("server: {port: 99999}", "server.port", f"{PORT}, not 99999"),
        ("server: {port: 80a}", "server.port", f"{PORT}, not '80a'"),
        ("server: {port: 80.5}", "server.port", f"{PORT}, not 80.5"),
        ("server: {port: true}", "server.port", "must be a number, not true"),
        ("server: {drain_s: .inf}", "server.drain_s", "must be a number from 0 to 3600, not inf"),
        ("server: {sync_interval_s: 1}", "server.sync_interval_s", "must be a number from 0.01 to 0.8, not 1"),
        ("server: [1]", "server", f"must be keys and values ({SIZES}), not a list"),
        ("server: 8080", "server", f"must be keys and values ({SIZES}), not 8080"),
        ("server: {host: 12}", "server.host", "must be an address or a name to listen on, not 12; put it in quotes"),
        ("store: gateway.db", "store", f"{STORE}, not 'gateway.db'"),
        ("feedback: {ttl_s: 0}", "feedback.ttl_s", "must be a number above 0, not 0"),
        ("log: {format: jsn}", "log.format", "must be auto, json or console, not 'jsn'; did you mean 'json'?"),
    ],
)
def test_a_wrong_value_is_told_with_what_would_be_right(given: str, path: str, said: str) -> None:
    """Whoever reads the line knows what to write instead, without opening a manual."""
    assert problems(top(given)) == [f"gw.yaml:8: {path}: {said}"]


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ("rollout: {stage: canary, percentage: 150}", "rollout.percentage", "must be a number from 0 to 100, not 150"),
        ("rollout: {stage: canry}", "rollout.stage", f"{STAGE}, not 'canry'; did you mean 'canary'?"),
        ("rollout: {stage: OFF}", "rollout.stage", f"{STAGE}, not 'OFF'; did you mean 'off'?"),
        ("rollout: {stage: canary}", "rollout", "stage canary needs a percentage, such as percentage: 5"),
        ("timeouts: {connect_s: -1}", "timeouts.connect_s", "must be a number above 0 and at most 600, not -1"),
        (
            "reward: {hours: [{from_hour: 25, to_hour: 3, preset: cost}]}",
            "reward.hours[0].from_hour",
            "must be a whole number from 0 to 23, not 25",
        ),
        (
            "reward: {preset: balancd}",
            "reward.preset",
            "must be balanced, quality, cost or latency, not 'balancd'; did you mean 'balanced'?",
        ),
        ("reward: {preset: cost, weights: {cost: 1}}", "reward", "give either a preset or weights, not both"),
        ("scoring: {weights: {json: -1}}", "scoring.weights.json", "must be a number of at least 0, not -1"),
        (
            f"forgetting: {{{BOTH_LIVES}}}",
            "forgetting",
            "give half_life_s or half_life_requests, not both: half_life_s is 5.0, half_life_requests is 7.0",
        ),
        (
            "algorithm: {kind: linuc}",
            "algorithm.kind",
            f"must be one of {KINDS}, split, not 'linuc'; did you mean 'linucb'?",
        ),
        ("algorithm: {alpha: 1}", "algorithm.kind", f"is missing; it must be one of {KINDS}, split"),
        (
            "algorithm: linucb",
            "algorithm",
            f"must be keys and values with kind: {KINDS} or split, not 'linucb'; write {{kind: linucb}}",
        ),
        ("algorithm: {kind: fixed}", "algorithm.arm", "is missing; give it text"),
        (
            "features: {text_dimensions: 999}",
            "features.text_dimensions",
            "must be a whole number from 0 to 256, not 999",
        ),
        (
            "features: {custom: [{key: a, kind: numbr}]}",
            "features.custom[0].kind",
            "must be number, category or hashed, not 'numbr'; did you mean 'number'?",
        ),
        (
            "features: {custom: [{key: plan, kind: category}]}",
            "features.custom[0]",
            "custom feature 'plan': a category needs values, each of them once",
        ),
    ],
)
def test_a_wrong_value_in_a_policy_is_told_the_same_way(given: str, path: str, said: str) -> None:
    """What the core's own settings refuse, by a bound or by a sentence, is one line with its path as well."""
    assert problems(policy(given)) == [f"gw.yaml:8: policies.default.{path}: {said}"]


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ("lane: litelm", "lane", "must be auto, litellm or direct, not 'litelm'; did you mean 'litellm'?"),
        ("supports: [tols]", "supports[0]", f"{SUPPORTS}, not 'tols'; did you mean 'tools'?"),
        (
            "api_base: localhost",
            "api_base",
            "must be an address that begins with http:// or https://, not 'localhost'",
        ),
        ("max_context_tokens: 0", "max_context_tokens", "must be a whole number of at least 1, not 0"),
        (
            "price: {input_usd_per_million: 1}",
            "price.output_usd_per_million",
            "is missing; give it a number of at least 0, such as 0.60",
        ),
        ("cold_start: {like: small}", "cold_start.weight", "is missing; give it a number from 0 to 1"),
    ],
)
def test_a_wrong_model_is_told_by_its_place_in_the_list(given: str, path: str, said: str) -> None:
    """The second of many models is found by its line and number."""
    assert problems(large(given)) == [f"gw.yaml:3: models[1].{path}: {said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["gw.yaml: models: is missing; give it a list of models, such as [{", "gw.yaml: policies: is missing"]),
        ("- a", [f"gw.yaml:1: must be keys and values ({KEYS}), not a list"]),
        ("models", [f"gw.yaml:1: must be keys and values ({KEYS}), not 'models'"]),
        (top("server:"), [f"gw.yaml:8: server: is empty; give it keys and values ({SIZES}), or take the key out"]),
        (
            GOOD.replace("[small, large]", "[]"),
            [
                "gw.yaml:6: policies.default.models: must not be empty; "
                "give it a list of model ids, such as [small, large]"
            ],
        ),
        (
            GOOD.replace("[small, large]", "small"),
            ["gw.yaml:6: policies.default.models: must be a list of model ids, not 'small'"],
        ),
        (GOOD.replace("default:", "a b:"), [f'gw.yaml:5: policies."a b": is not a good name; it must be {NAME}']),
        (
            GOOD.replace("id: large", "id: 7"),
            [
                f"gw.yaml:3: models[1].id: must be {NAME}, not 7; put it in quotes",
                "gw.yaml:6: policies.default.models[1]: 'large' is not a configured model; known: small",
            ],
        ),
        (
            "models: [{id: a}]\npolicies: {default: {}}",
            [
                "gw.yaml:1: models[0].model: is missing; give it litellm's provider/model, such as openai/gpt-4o-mini",
                "gw.yaml:2: policies.default.models: is missing; give it a list of model ids",
                "gw.yaml:2: policies.default.baseline: is missing; give it the id of the model that serves when",
            ],
        ),
    ],
)
def test_what_is_not_there_is_asked_for_with_an_example(text: str, said: list[str]) -> None:
    """An empty file, an empty section, a wrong top level: the line says what has to stand there."""
    found = problems(text)
    assert [line[: len(begin)] for line, begin in zip(found, said, strict=True)] == said
