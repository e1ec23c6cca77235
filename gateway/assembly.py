"""Settings to the objects they describe: arms, policies, keys, routes to the providers."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from gateway.adapters.direct_upstream import DirectRoute, DirectUpstream
from gateway.adapters.http_client import HttpTransport
from gateway.adapters.lanes import Lanes
from gateway.adapters.litellm_catalog import lookup
from gateway.adapters.litellm_transform import TransformUpstream
from gateway.adapters.litellm_upstream import LitellmUpstream, Route
from gateway.api.keys import Keys, digest
from gateway.core.features import Describer
from gateway.core.policies.fixed import Fixed
from gateway.core.providers import provider_of
from gateway.core.reward import definition
from gateway.core.rollout import RolloutState
from gateway.core.values import Arm, Price
from gateway.flows.learner import Learner
from gateway.flows.policy import Policy
from gateway.flows.ports import Limits, StateKey, Upstream
from gateway.flows.retries import RetryBudget
from gateway.flows.switches import Switches
from gateway.settings.contradictions import is_loopback
from gateway.settings.functions import load_function
from gateway.settings.schema import ModelSettings, PolicySettings, Settings

PINNED = "pinned"
"""The policy of models that stand in no configured one: only clients that name them reach them."""


def arm_of(model: ModelSettings) -> Arm:
    """An arm as configured, completed from litellm's table where the configuration is silent."""
    known = lookup(model.model)
    price = known.price if known is not None else None
    if model.price is not None:
        price = Price(
            input_usd=model.price.input_usd_per_million / 1e6, output_usd=model.price.output_usd_per_million / 1e6
        )
    supports = model.supports if model.supports is not None else (known.supports if known is not None else None)
    return Arm(
        id=model.id,
        model=model.model,
        price=price,
        max_context_tokens=model.max_context_tokens or (known.max_context_tokens if known is not None else None),
        supports=None if supports is None else frozenset(supports),
        cold_start=model.cold_start,
    )


def _policy(name: str, settings: PolicySettings, arms: dict[str, Arm]) -> Policy:
    describer = Describer(settings.features)
    scored = sorted(settings.scoring.weights.items())
    meaning = f"{definition(settings.reward)}|{settings.forgetting!r}|{scored!r}".encode()
    key = StateKey(
        policy=name, fingerprint=f"{describer.schema.fingerprint}+{blake2b(meaning, digest_size=6).hexdigest()}"
    )
    chosen = tuple(arms[id] for id in settings.models)
    learner = Learner(
        key=key,
        arms=chosen,
        algorithm=settings.algorithm,
        forgetting=settings.forgetting,
        dimension=describer.schema.dimension,
        bias=describer.schema.bias,
    )
    function = settings.reward.function
    return Policy(
        name=name,
        arms=chosen,
        baseline=settings.baseline,
        describer=describer,
        learner=learner,
        scoring=settings.scoring,
        reward=settings.reward,
        reward_function=None if function is None else load_function(function),
        limits=Limits(**settings.timeouts.model_dump()),
        max_attempts=settings.retries.max_attempts,
        retry_budget=RetryBudget(settings.retries.budget_percent),
    )


def policies_of(settings: Settings) -> dict[str, Policy]:
    """Every policy by name, with one more for models that stand in none."""
    arms = {model.id: arm_of(model) for model in settings.models}
    policies = {name: _policy(name, policy, arms) for name, policy in settings.policies.items()}
    routed = {arm.id for policy in policies.values() for arm in policy.arms}
    alone = tuple(id for id in arms if id not in routed)
    if alone:
        pinned = PolicySettings(models=alone, baseline=alone[0], algorithm=Fixed(arm=alone[0]))
        policies[PINNED] = _policy(PINNED, pinned, arms)
    return policies


def keys_of(settings: Settings) -> Keys:
    """Who may come in; from here on keys exist as hashes only."""
    admin = settings.admin_key
    return Keys(
        clients=tuple((digest(entry.key.get_secret_value()), entry.tenant) for entry in settings.keys),
        admin=None if admin is None else digest(admin.get_secret_value()),
        loopback=is_loopback(settings.server.host),
    )


def upstream_of(settings: Settings) -> Lanes:
    """The way to every configured model: direct where its provider speaks OpenAI's wire, else translated by litellm."""
    direct: dict[str, DirectRoute] = {}
    translated: dict[str, Route] = {}
    forced: dict[str, Route] = {}
    for model in settings.models:
        key = None if model.api_key is None else model.api_key.get_secret_value()
        if speaks_openai(model):
            direct[model.id] = DirectRoute.of(model.model, api_key=key, api_base=model.api_base)
        else:
            routes = forced if model.lane == "litellm" else translated
            routes[model.id] = Route(model=model.model, api_key=key, api_base=model.api_base)
    lanes: dict[str, Upstream] = dict.fromkeys(direct, DirectUpstream(direct, HttpTransport())) if direct else {}
    if not translated and not forced:
        return Lanes(lanes)
    litellm = LitellmUpstream({**translated, **forced})
    transform = TransformUpstream(translated, HttpTransport(), litellm)
    lanes |= {**dict.fromkeys(translated, transform), **dict.fromkeys(forced, litellm)}
    return Lanes(lanes, loading=(transform,))


def speaks_openai(model: ModelSettings) -> bool:
    """Whether the model is reached by the direct lane."""
    if model.lane != "auto":
        return model.lane == "direct"
    provider, known = provider_of(model.model), lookup(model.model)
    # Some of OpenAI's models answer on another route only, which litellm translates to.
    chats = known is None or known.mode != "responses" or model.api_base is not None
    return chats and provider is not None and (model.api_base or provider.api_base) is not None


def owners_of(policies: Mapping[str, Policy]) -> dict[str, str]:
    """By model id, the policy under which it is logged when a client names it: the first that lists it."""
    owners: dict[str, str] = {}
    for name, policy in policies.items():
        for arm in policy.arms:
            owners.setdefault(arm.id, name)
    return owners


def switches_of(settings: Settings, policies: Mapping[str, Policy]) -> Switches:
    """The configured first stages; a policy that nobody configured stays off."""
    first = {
        name: RolloutState(stage=policy.rollout.stage, percentage=policy.rollout.percentage)
        for name, policy in settings.policies.items()
    }
    return Switches({name: first.get(name, RolloutState()) for name in policies})
