"""What no schema sees: names that point nowhere, keys given twice, an open door. Works on raw data, valid or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address

from gateway.errors import ConfigurationError
from gateway.settings.document import Path
from gateway.settings.functions import load_function

Say = Callable[[Path, str], None]


def contradictions(data: object, say: Say) -> None:
    """Call `say(path, problem)` for each; parts of the wrong type are left to the schema."""
    whole = _mapping(data)
    ids = _models(_list(whole.get("models")), say)
    policies = _mapping(whole.get("policies"))
    for name, policy in policies.items():
        _policy(("policies", name), _mapping(policy), ids, say)
    _doors(whole, say)


def _models(models: list[object], say: Say) -> list[str]:
    ids: list[str] = []
    for i, model in enumerate(models):
        id = _mapping(model).get("id")
        if not isinstance(id, str):
            continue
        if id in ids:
            say(("models", i, "id"), f"'{id}' is given to two models; ids must differ")
        if id == "auto":
            say(("models", i, "id"), "'auto' is the gateway's own word; choose another id")
        ids.append(id)
    for i, model in enumerate(models):
        like = _mapping(_mapping(model).get("cold_start")).get("like")
        if isinstance(like, str) and (like not in ids or like == _mapping(model).get("id")):
            others = [id for id in ids if id != _mapping(model).get("id")]
            say(("models", i, "cold_start", "like"), f"'{like}' is not another model's id{_meant(like, others)}")
    return ids


def _policy(at: Path, policy: Mapping[str, object], ids: list[str], say: Say) -> None:
    chosen = [id for id in _list(policy.get("models")) if isinstance(id, str)]
    for i, id in enumerate(chosen):
        if id not in ids:
            say((*at, "models", i), f"'{id}' is not a configured model{_meant(id, ids)}")
        if id in chosen[:i]:
            say((*at, "models", i), f"'{id}' is listed twice")
    baseline = policy.get("baseline")
    if isinstance(baseline, str) and chosen and baseline not in chosen:
        say((*at, "baseline"), f"'{baseline}' is not among this policy's models{_meant(baseline, chosen)}")
    algorithm = _mapping(policy.get("algorithm"))
    named = [algorithm.get("arm"), *_mapping(algorithm.get("weights"))]
    for name in named:
        if isinstance(name, str) and chosen and name not in chosen:
            say((*at, "algorithm"), f"'{name}' is not among this policy's models{_meant(name, chosen)}")
    function = _mapping(policy.get("reward")).get("function")
    if isinstance(function, str):
        try:
            load_function(function)
        except ConfigurationError as error:
            say((*at, "reward", "function"), error.problems[0])


def _doors(whole: Mapping[str, object], say: Say) -> None:
    keys = [_mapping(entry).get("key") for entry in _list(whole.get("keys"))]
    host = _mapping(whole.get("server")).get("host", "127.0.0.1")
    if not keys and isinstance(host, str) and not is_loopback(host):
        say(("server", "host"), f"without keys the gateway listens on loopback only, not on '{host}'; add keys")
    given = [key for key in keys if isinstance(key, str)]
    if len(set(given)) < len(given):
        say(("keys",), "two entries have the same key; keys must differ")
    if whole.get("admin_key") is not None and whole.get("admin_key") in given:
        say(("admin_key",), "a client has the same key; the admin key must be its own")


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _meant(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known) or 'none'}"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
