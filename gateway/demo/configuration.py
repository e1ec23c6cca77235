"""The demo's gateway as one writes it in YAML, and the drift it may have to live through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.core.reward import RewardSettings
from gateway.demo.profiles import PROFILES, SCHOLAR, Degradation

POLICY = "default"
EXPLORATION_FLOOR = 0.01
"""Half of the usual: what forgets goes on exploring by itself."""
ALGORITHMS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        kind: {"kind": kind, "exploration_floor": EXPLORATION_FLOOR}
        for kind in ("linucb", "contextual_thompson", "thompson")
    }
)
"""`algorithm:` sections that the demo can run, by name."""

REWARD = RewardSettings(preset="balanced", max_cost_usd=0.0022, max_latency_s=1.0)
"""What the demo pays for; an answer as dear as the scholar's longest programs earns nothing for its cost."""

HALF_LIFE_REQUESTS = 250
"""One setting for the calm world and the drifting one: who runs a gateway does not know which of them is to come."""

SKILL_FACTOR = 0.3
"""What a drift leaves of a model's skills."""


def degradation(requests: int, model: str = SCHOLAR.id) -> Degradation:
    """The drift: halfway through, one model loses most of its skills, unless told otherwise the most able one."""
    return Degradation(model_id=model, from_question=requests // 2, skill_factor=SKILL_FACTOR)


def configuration(
    addresses: Mapping[str, str], *, key: str, algorithm: str, folder: Path, port: int = 0
) -> dict[str, object]:
    """The gateway's whole configuration. `addresses` are the providers' base URLs by model, `key` opens them all.

    The store is a file in `folder`; port 0 is any that is free. KeyError for an unknown algorithm.
    """
    models = [
        {
            "id": profile.id,
            "model": f"openai/{profile.id}",
            "api_base": addresses[profile.id],
            "api_key": key,
            "lane": "litellm",
            "price": {
                "input_usd_per_million": profile.input_usd_per_million,
                "output_usd_per_million": profile.output_usd_per_million,
            },
            "max_context_tokens": 128_000,
            "supports": ["json_object", "json_schema", "tools"],
        }
        for profile in PROFILES
    ]
    policy = {
        "models": [profile.id for profile in PROFILES],
        "baseline": SCHOLAR.id,
        "algorithm": dict(ALGORITHMS[algorithm]),
        "forgetting": {"half_life_requests": HALF_LIFE_REQUESTS},
        "reward": {
            "preset": REWARD.preset,
            "max_cost_usd": REWARD.max_cost_usd,
            "max_latency_s": REWARD.max_latency_s,
        },
        "rollout": {"stage": "full"},
    }
    return {
        "server": {"host": "127.0.0.1", "port": port},
        "store": f"sqlite:///{folder / 'demo.db'}",
        "models": models,
        "policies": {POLICY: policy},
    }
