"""What a provider's reply says went wrong, on OpenAI's wire or one near it, by the one table."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import orjson

from gateway.adapters.http_transport import TransportError
from gateway.adapters.upstream_errors import UNREACHABLE, Facts, error_object, status_of, upstream_error, waiting_s
from gateway.errors import UpstreamError, UpstreamInvalidError

_KINDS = ("type", "status")
"""Fields besides the code in which providers name the kind of an error."""


def refusal(
    arm_id: str, status: int, headers: Mapping[str, str], body: bytes, *, secrets: Collection[str] = ()
) -> UpstreamError:
    """Our error for a response that is not an answer. `headers`: those that are known, by any case of their names."""
    try:
        found = error_object(orjson.loads(body))
    except orjson.JSONDecodeError:
        found = {}
    return _said(found, arm_id, secrets, status=status_of(status), cause=f"status {status}", wait_s=waiting_s(headers))


def reported(arm_id: str, reply: object, *, secrets: Collection[str] = ()) -> UpstreamError:
    """Our error for an error object that came with status 200, as JSON or among the events of a stream."""
    return _said(error_object(reply), arm_id, secrets, cause="an error instead of an answer")


def broken(arm_id: str, error: TransportError) -> UpstreamError:
    """Our error for a response that did not arrive."""
    if error.fault in ("malformed", "encoding"):
        text = f"The reply of arm '{arm_id}' could not be read as an answer ({error})."
        return UpstreamInvalidError(text, arm_id=arm_id)
    if error.fault == "too_large":
        return UpstreamInvalidError(f"The reply of arm '{arm_id}' is too large ({error}).", arm_id=arm_id)
    text = f"The provider of arm '{arm_id}' could not be reached, or the connection broke ({error})."
    return UpstreamError(text, arm_id=arm_id, code=UNREACHABLE)


def _said(
    found: Mapping[str, object],
    arm_id: str,
    secrets: Collection[str],
    *,
    cause: str,
    status: int | None = None,
    wait_s: float | None = None,
) -> UpstreamError:
    code, reason, param = found.get("code"), found.get("message") or found.get("detail"), found.get("param")
    facts = Facts(
        status=status,
        claimed=status_of(code),
        codes=frozenset(str(word) for word in (code, *(found.get(name) for name in _KINDS)) if word),
        cause=cause,
        reason=reason if isinstance(reason, str) else None,
        param=param if isinstance(param, str) else None,
        retry_after_s=wait_s,
    )
    return upstream_error(facts, arm_id, secrets=secrets)
