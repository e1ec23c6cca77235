"""The body of a request as it goes up OpenAI's wire: the client's fields but for those that steer, in the dialect."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import orjson

from gateway.adapters.litellm_body import FIELDS, OURS, steers
from gateway.core.providers import Dialect
from gateway.core.values import Json

_LONGEST_REMEMBERED: Final = 64


def upstream_body(body: Json, *, model: str, stream: bool, dialect: Dialect) -> bytes:
    """The client's `body` for this model, which is copied, never changed. Fields that are null are left out.

    Unknown fields pass, as they must; none that chooses a host, a key, a model or a number of tries does.
    """
    sent: dict[str, object] = {
        name: value
        for name, value in body.items()
        if value is not None and name not in OURS and (name in FIELDS or not _steering(name))
    }
    sent["model"] = model
    if not dialect.plain:
        sent = _translated(sent, dialect)
    if stream:
        sent["stream"] = True
        if dialect.usage_on_request:
            sent["stream_options"] = {"include_usage": True}
    return orjson.dumps(sent)


def _translated(sent: dict[str, object], dialect: Dialect) -> dict[str, object]:
    told: dict[str, object] = {}
    for name, value in sent.items():
        other = dialect.renamed.get(name)
        if name in dialect.dropped or (other is not None and sent.get(other) is not None):
            continue  # where a client gives both names, the provider's own counts
        word = dialect.words.get((name, value)) if isinstance(value, str) else None
        told[other or name] = value if word is None else word
    return told


def _steering(name: str) -> bool:
    # Remembered for the short ones only: a client may send names of megabytes.
    return _remembered(name) if len(name) <= _LONGEST_REMEMBERED else steers(name)


_remembered = lru_cache(maxsize=512)(steers)
