"""What no schema sees: names that point nowhere, keys given twice, an open door; works on raw data, valid or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from gateway.core.providers import provider_of
from gateway.core.scoring import DEFAULT_WEIGHTS
from gateway.errors import ConfigurationError
from gateway.settings.functions import load_function
from gateway.settings.known import takes_number
from gateway.settings.problems import Path, closest, meant, shown
from gateway.settings.schema import Settings

Say = Callable[[Path, str], None]

RESERVED_POLICY = "pinned"
"""The policy that the gateway makes for models that stand in no configured one."""


def contradictions(data: object, say: Say) -> None:
    """Call `say(path, problem)` for each; parts of the wrong type are left to the schema."""
    whole = _mapping(data)
    ids = _models(_list(whole.get("models")), say)
    policies = _mapping(whole.get("policies"))
    if RESERVED_POLICY in policies:
        say(("policies", RESERVED_POLICY), f"'{RESERVED_POLICY}' is the gateway's own word; choose another name")
    for name, policy in policies.items():
        _policy(("policies", name), _mapping(policy), ids, say)
    _doors(whole, say)
    _later(whole, say)
    _truth_values(data, (), say)


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _models(models: list[object], say: Say) -> list[str]:
    ids: list[str] = []
    for i, model in enumerate(models):
        id = _mapping(model).get("id")
        if not isinstance(id, str):
            continue
        if id in ids:
            say(("models", i, "id"), f"{shown(id)} is given to two models; ids must differ")
        if id == "auto":
            say(("models", i, "id"), "'auto' is the gateway's own word; choose another id")
        ids.append(id)
    for i, model in enumerate(models):
        _lane(("models", i), _mapping(model), say)
    for i, model in enumerate(models):
        like, own = _mapping(_mapping(model).get("cold_start")).get("like"), _mapping(model).get("id")
        others = [id for id in ids if id != own]
        if isinstance(like, str) and like == own:
            say(("models", i, "cold_start", "like"), f"is the model itself; name another{_known(others)}")
        elif isinstance(like, str) and like not in ids:
            say(("models", i, "cold_start", "like"), f"{shown(like)} is not another model's id{_meant(like, others)}")
    return list(dict.fromkeys(ids))


def _lane(at: Path, model: Mapping[str, object], say: Say) -> None:
    name = model.get("model")
    if model.get("lane") != "direct" or not isinstance(name, str) or model.get("api_base") is not None:
        return
    provider = provider_of(name)
    if provider is None or provider.api_base is None:
        text = f"direct needs the address of {shown(name)}, which is not known; give the model an api_base"
        say((*at, "lane"), text)


def _policy(at: Path, policy: Mapping[str, object], ids: list[str], say: Say) -> None:
    listed = _list(policy.get("models"))
    for i, id in enumerate(listed):
        if isinstance(id, str) and id not in ids:
            say((*at, "models", i), f"{shown(id)} is not a configured model{_meant(id, ids)}")
        elif isinstance(id, str) and id in listed[:i]:
            say((*at, "models", i), f"{shown(id)} is listed twice; take one out")
    # A misspelt entry is one mistake, not two: who names the model rightly is right.
    chosen = [closest(id, ids) or id for id in listed if isinstance(id, str)]
    named = {
        (*at, "baseline"): policy.get("baseline"),
        (*at, "algorithm", "arm"): _mapping(policy.get("algorithm")).get("arm"),
    }
    for arm in _mapping(_mapping(policy.get("algorithm")).get("weights")):
        named[*at, "algorithm", "weights", arm] = arm
    for path, name in named.items():
        if isinstance(name, str) and chosen and name not in chosen:
            say(path, f"{shown(name)} is not among this policy's models{_meant(name, chosen)}")
    for signal in _mapping(_mapping(policy.get("scoring")).get("weights")):
        if signal not in DEFAULT_WEIGHTS:
            say((*at, "scoring", "weights", signal), f"is not a known signal{_meant(signal, list(DEFAULT_WEIGHTS))}")
    function = _mapping(policy.get("reward")).get("function")
    if isinstance(function, str):
        try:
            load_function(function)
        except ConfigurationError as error:
            say((*at, "reward", "function"), error.problems[0])


def _doors(whole: Mapping[str, object], say: Say) -> None:
    host = _mapping(whole.get("server")).get("host", "127.0.0.1")
    if not _list(whole.get("keys")) and isinstance(host, str) and host and not is_loopback(host):
        say(
            ("server", "host"),
            f"without keys the gateway listens on loopback only, not on {shown(host)}; add keys, or use 127.0.0.1",
        )
    first: dict[object, int] = {}
    for i, entry in enumerate(_list(whole.get("keys"))):
        key = _mapping(entry).get("key")
        if not isinstance(key, str):
            continue
        if key in first:
            say(("keys", i, "key"), f"is the same key as that of keys[{first[key]}]; keys must differ")
        first.setdefault(key, i)
    admin = whole.get("admin_key")
    if isinstance(admin, str) and admin in first:
        say(("admin_key",), f"is the same key as that of keys[{first[admin]}]; the admin key must be its own")


def _later(whole: Mapping[str, object], say: Say) -> None:
    """What the documentation promises and this version does not have: said so, instead of a puzzle."""
    store = whole.get("store")
    if isinstance(store, str) and store.startswith(("redis://", "rediss://")):
        say(("store",), "a Redis store is not available yet; use sqlite:///FILE, which several workers can share")
    for name, policy in _mapping(whole.get("policies")).items():
        if "budget" in _mapping(policy):
            say(("policies", name, "budget"), "budgets are not available yet; take the key out")


def _truth_values(value: object, path: Path, say: Say) -> None:
    """Pydantic would take true for the number 1."""
    if isinstance(value, bool) and takes_number(Settings, path):
        say(path, f"must be a number, not {shown(value)}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _truth_values(item, (*path, key), say)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _truth_values(item, (*path, i), say)


def _meant(given: str, known: list[str]) -> str:
    return meant(given, known) or _known(known)


def _known(known: list[str]) -> str:
    return f"; known: {', '.join(known) or 'none'}"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
