"""Mistakes that no schema sees: names that point nowhere, keys given twice, an open door, what is not there yet."""

from __future__ import annotations

import pytest

from gateway.assembly import PINNED
from gateway.core.scoring import DEFAULT_WEIGHTS
from gateway.settings.contradictions import RESERVED_POLICY, is_loopback
from tests.unit.settings.mistakes import GOOD, large, policy, problems, top

OPEN = "without keys the gateway listens on loopback only"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.replace("baseline: large", "baseline: larg"),
            "7: policies.default.baseline: 'larg' is not among this policy's models; did you mean 'large'?",
        ),
        (
            GOOD.replace("baseline: large", "baseline: other"),
            "7: policies.default.baseline: 'other' is not among this policy's models; known: small, large",
        ),
        (
            GOOD.replace("[small, large]", "[small, lrge]"),
            "6: policies.default.models[1]: 'lrge' is not a configured model; did you mean 'large'?",
        ),
        (
            GOOD.replace("[small, large]", "[small, large, small]"),
            "6: policies.default.models[2]: 'small' is listed twice; take one out",
        ),
        (
            policy("algorithm: {kind: fixed, arm: larg}"),
            "8: policies.default.algorithm.arm: 'larg' is not among this policy's models; did you mean 'large'?",
        ),
        (
            policy("algorithm: {kind: split, weights: {smal: 1, large: 1}}"),
            "8: policies.default.algorithm.weights.smal: 'smal' is not among this policy's models; "
            "did you mean 'small'?",
        ),
        (
            policy("scoring: {weights: {finsh: 1}}"),
            "8: policies.default.scoring.weights.finsh: is not a known signal; did you mean 'finish'?",
        ),
        (
            policy("scoring: {weights: {beauty: 1}}"),
            "8: policies.default.scoring.weights.beauty: is not a known signal; known: " + ", ".join(DEFAULT_WEIGHTS),
        ),
        (
            large("cold_start: {like: large, weight: 1}"),
            "3: models[1].cold_start.like: is the model itself; name another; known: small",
        ),
        (
            large("cold_start: {like: smal, weight: 1}"),
            "3: models[1].cold_start.like: 'smal' is not another model's id; did you mean 'small'?",
        ),
        (
            GOOD.replace("  - {id: large", "  - {id: small, model: a}\n  - {id: large"),
            "3: models[1].id: 'small' is given to two models; ids must differ",
        ),
        (
            GOOD.replace("policies", "  - {id: auto, model: a}\npolicies"),
            "4: models[2].id: 'auto' is the gateway's own word; choose another id",
        ),
        (
            GOOD.replace("default:", "pinned:"),
            "5: policies.pinned: 'pinned' is the gateway's own word; choose another name",
        ),
    ],
)
def test_a_name_points_to_something(text: str, said: str) -> None:
    """A name that nothing has is told at its own place, with the one that was probably meant."""
    assert problems(text) == [f"gw.yaml:{said}"]


def test_the_reserved_name_is_the_one_in_use() -> None:
    """The policy that the gateway makes for itself must not replace a configured one."""
    assert RESERVED_POLICY == PINNED


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "gateway.example.com"])
def test_without_keys_the_door_is_shut(host: str) -> None:
    """Who reaches the gateway can spend money: without keys, only this machine does, whoever sets the host."""
    said = f"{OPEN}, not on '{host}'; add keys, or use 127.0.0.1"
    assert problems(top(f"server: {{host: '{host}'}}")) == [f"gw.yaml:8: server.host: {said}"]
    assert problems(GOOD, {"GATEWAY__SERVER__HOST": host}) == [
        f"environment GATEWAY__SERVER__HOST: server.host: {said}"
    ]
    assert problems(GOOD, options={"server.host": host}) == [f"option --host: server.host: {said}"]
    keys = "keys: [{tenant: a, key: abcdef}]"
    assert problems(top(f"server: {{host: '{host}'}}\n{keys}")) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_keys(host: str) -> None:
    """On one's own machine a first try needs nothing."""
    assert is_loopback(host)
    assert problems(top(f"server: {{host: '{host}'}}")) == []


def test_keys_differ() -> None:
    """One key for two tenants, or for a client and the operator, would be the rights of both."""
    keys = "keys:\n  - {tenant: a, key: same-key}\n  - {tenant: b, key: same-key}\nadmin_key: same-key\n"
    assert problems(top(keys)) == [
        "gw.yaml:10: keys[1].key: is the same key as that of keys[0]; keys must differ",
        "gw.yaml:11: admin_key: is the same key as that of keys[0]; the admin key must be its own",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            top("store: redis://:pass-word@host:6379/0"),
            "8: store: a Redis store is not available yet; use sqlite:///FILE, which several workers can share",
        ),
        (
            GOOD.replace("openai/gpt-4o}", "anthropic/claude, lane: direct}"),
            "3: models[1].lane: direct needs the address of 'anthropic/claude', which is not known; "
            "give the model an api_base",
        ),
        (
            policy("budget: {usd_per_day: 5}"),
            "8: policies.default.budget: budgets are not available yet; take the key out",
        ),
    ],
)
def test_what_is_not_there_yet_is_said_so(text: str, said: str) -> None:
    """What the documentation promises for later is no spelling mistake, and is not told as one."""
    assert problems(text) == [f"gw.yaml:{said}"]


def test_a_truth_value_is_no_number() -> None:
    """Pydantic takes true for 1: `workers: true` is a mistake and not one worker."""
    assert problems(top("server: {workers: true, drain_s: false}")) == [
        "gw.yaml:8: server.workers: must be a number, not true",
        "gw.yaml:8: server.drain_s: must be a number, not false",
    ]


def test_two_mistakes_in_one_section_are_both_told() -> None:
    """The core refuses a section with its first complaint; what is found besides must not hide it."""
    assert problems(policy("algorithm: {kind: split, weights: {smal: 1, large: -1}}")) == [
        "gw.yaml:8: policies.default.algorithm.weights.smal: 'smal' is not among this policy's models; "
        "did you mean 'small'?",
        "gw.yaml:8: policies.default.algorithm: weights must be finite and >= 0, not {'large': -1.0}",
    ]
