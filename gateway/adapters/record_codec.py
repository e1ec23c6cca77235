"""Records as bytes and back, exactly, and the same for every store.

JSON holds everything but the feature vector, which is raw little-endian float64. Encoding refuses with ValueError what
would not come back as it was: numbers that are not finite, foreign types. Decoding fills fields that an older row does
not have from their defaults and ignores fields that only a newer program knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast

import numpy as np
import orjson

from gateway.core.rollout import RolloutState
from gateway.core.values import Decision, FailedAttempt, Feedback, FloatArray, Outcome, RequestContext, Reward

_T = TypeVar("_T")
_FLOAT64 = np.dtype("<f8")


def text(value: str) -> str:
    """The text, with lone surrogates (which no encoding of Unicode has) replaced by '?'.

    They come in with a client's header or a provider's escapes, and must not make a whole batch impossible to store.
    """
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="replace").decode()
    return value


def encode_features(x: FloatArray) -> bytes:
    """A vector of shape (d,) as d little-endian float64."""
    if x.ndim != 1:
        raise ValueError(f"a feature vector has one dimension, not shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("a feature vector must be finite")
    return x.astype(_FLOAT64, copy=False).tobytes()


def decode_features(data: bytes) -> FloatArray:
    """The vector of `encode_features`, read-only."""
    if len(data) % 8:
        raise ValueError(f"a stored feature vector has {len(data)} bytes, which is no multiple of 8")
    x = np.frombuffer(data, dtype="<f8").astype(np.float64)
    if not np.isfinite(x).all():
        raise ValueError("a stored feature vector is not finite")
    x.flags.writeable = False
    return x


def encode_decision(decision: Decision) -> bytes:
    """Everything but `context.features`."""
    context = decision.context
    document = {
        "id": decision.id,
        "tenant": decision.tenant,
        "unit": decision.unit,
        "policy": decision.policy,
        "version": decision.version,
        "mode": decision.mode,
        "arm_id": decision.arm_id,
        "propensity": decision.propensity,
        "proposal": decision.proposal,
        "order": decision.order,
        "scores": decision.scores,
        "reason": decision.reason,
        "context": {
            "unit": context.unit,
            "task_type": context.task_type,
            "tokens_in": context.tokens_in,
            "schema": context.schema,
        },
        "created_s": decision.created_s,
    }
    return _quick(document, nones=decision.proposal is None) or _dump(document, "decision")


def decode_decision(data: bytes | str, features: bytes) -> Decision:
    """The decision of `encode_decision`, with the vector of `encode_features`."""
    raw = _load(data, "decision")
    raw["context"] = _build(RequestContext, raw.get("context"), features=decode_features(features))
    raw["order"] = tuple(_items(raw, "order"))
    return _build(Decision, raw)


def encode_outcome(outcome: Outcome) -> bytes:
    """As JSON."""
    nones = (outcome.completion_id is None) + (outcome.quality is None)
    return _quick(outcome, nones=nones) or _dump(_public(outcome), "outcome")


def decode_outcome(data: bytes | str) -> Outcome:
    """The outcome of `encode_outcome`."""
    raw = _load(data, "outcome")
    raw["failed"] = tuple(_build(FailedAttempt, item) for item in _items(raw, "failed"))
    return _build(Outcome, raw)


def encode_reward(reward: Reward) -> bytes:
    """As JSON. ValueError unless the value is in [0, 1], so that no other ever gets near the sums."""
    if not 0.0 <= reward.value <= 1.0:
        raise ValueError(f"a reward must be a finite number in [0, 1], not {reward.value!r}")
    return _quick(reward, nones=0) or _dump(_public(reward), "reward")


def decode_reward(data: bytes | str) -> Reward:
    """The reward of `encode_reward`."""
    return _build(Reward, _load(data, "reward"))


def encode_feedback(feedback: Feedback) -> bytes:
    """As JSON."""
    return _dump(_public(feedback), "feedback")


def decode_feedback(data: bytes | str) -> Feedback:
    """The feedback of `encode_feedback`."""
    return _build(Feedback, _load(data, "feedback"))


def encode_rollout(state: RolloutState) -> bytes:
    """As JSON."""
    return _dump(_public(state), "rollout")


def decode_rollout(data: bytes | str) -> RolloutState:
    """The state of `encode_rollout`."""
    return _build(RolloutState, _load(data, "rollout"))


def _public(value: Any) -> dict[str, object]:
    """The fields of a dataclass, not copied: `dataclasses.asdict` would copy the vector, and stumbles over proxies."""
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _quick(value: object, *, nones: int) -> bytes | None:
    """The value as orjson writes it, if that is all there is to do; None where `_dump` has to look at every part.

    orjson refuses lone surrogates and foreign types, and writes a number that is not finite as null: then there are
    more nulls than the value has `nones`.
    """
    try:
        data = orjson.dumps(value)
    except TypeError:
        return None
    return data if data.count(b":null") == nones else None


def _dump(value: Mapping[str, object], kind: str) -> bytes:
    try:
        return orjson.dumps(_plain(value, kind))
    except TypeError as error:
        raise ValueError(f"a {kind} cannot be stored: {error}") from error


def _plain(value: object, path: str) -> object:
    """The value in JSON's own types. orjson would write NaN as null and refuse numpy's numbers."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{path} must be a finite number, not {number!r}")
        return number
    if is_dataclass(value):
        value = _public(value)
    if isinstance(value, Mapping):
        return {_plain(key, path): _plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, path) for item in value]
    raise ValueError(f"{path} cannot be stored: it is a {type(value).__name__}")


def _load(data: bytes | str, kind: str) -> dict[str, object]:
    try:
        raw = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"a stored {kind} is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"a stored {kind} is no object")  # noqa: TRY004 - the data is wrong, not a type of ours
    return raw


def _items(raw: Mapping[str, object], name: str) -> list[Any]:
    """A list that older rows may not have."""
    items = raw.get(name, [])
    if not isinstance(items, list):
        raise ValueError(f"a stored {name} is no list")  # noqa: TRY004 - the data is wrong, not a type of ours
    return items


def _build(kind: type[_T], raw: object, **given: object) -> _T:
    """The dataclass from those of the stored fields that it knows, and what is given."""
    if not isinstance(raw, dict):
        raise ValueError(f"a stored {kind.__name__} is no object")  # noqa: TRY004 - as above
    known = {f.name: raw[f.name] for f in fields(cast("Any", kind)) if f.name in raw}
    try:
        return kind(**known | given)
    except TypeError as error:
        raise ValueError(f"a stored {kind.__name__} is incomplete: {error}") from error
