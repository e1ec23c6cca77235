"""The one table from a provider's failure to our error, whichever lane it happened in."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from gateway.errors import (
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
)

MAX_RETRY_AFTER_S: Final = 3600.0
UNREACHABLE: Final = "upstream_unreachable"
"""The code of a connection that could not be made, or broke before it had carried the answer."""

_MAX_REASON: Final = 500

Kind = Literal[
    "context_length", "content_policy", "auth", "rate_limit", "missing", "connect_timeout", "timeout", "rejected",
    "invalid", "unreachable", "failed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    """What makes a failure this kind: the provider's status, its error code or type, else a class or phrase."""

    kind: Kind
    statuses: frozenset[int]
    codes: frozenset[str]
    names: frozenset[str]
    phrases: tuple[str, ...] = ()


def _row(kind: Kind, *, statuses: str = "", codes: str = "", names: str = "", phrases: tuple[str, ...] = ()) -> _Row:
    numbers = frozenset(map(int, statuses.split()))
    return _Row(kind, numbers, frozenset(codes.split()), frozenset(names.split()), phrases)


# The status that the provider really sent decides first: litellm guesses classes from words in the message, which may
# be the client's own words echoed back. Only the two special kinds of a bad request are taken from class, code and,
# for the many servers that give no code, their usual phrases.
_TABLE: Final = (
    _row(
        "context_length",
        codes="context_length_exceeded exceed_context_size_error",
        names="ContextWindowExceededError",
        phrases=("maximum context length", "context window", "available context size", "prompt is too long",
                 "exceeds the maximum number of tokens"),
    ),
    _row(
        "content_policy",
        codes="content_policy_violation content_filter",
        names="ContentPolicyViolationError",
        phrases=("content management policy", "our safety system"),
    ),
    _row(
        "auth",
        statuses="401 402 403",
        codes="authentication_error permission_error invalid_api_key",
        names="AuthenticationError PermissionDeniedError PaymentRequiredError",
    ),
    _row("rate_limit", statuses="429", codes="rate_limit_error rate_limit_exceeded insufficient_quota",
         names="RateLimitError"),
    _row("missing", statuses="404", codes="model_not_found not_found_error", names="NotFoundError"),
    _row("connect_timeout", names="ConnectTimeout ConnectionTimeoutError"),
    _row("timeout", statuses="408 504", codes="timeout_error",
         names="Timeout APITimeoutError TimeoutException TimeoutError"),
    _row(
        "invalid",
        names="JSONDecodeError UnicodeDecodeError DecodingError APIResponseValidationError",
        phrases=("Empty or invalid response", "Invalid response object", "Unable to get json response"),
    ),
    _row("rejected", statuses="400 413 415 422", codes="invalid_request_error",
         names="BadRequestError UnprocessableEntityError"),
    _row("unreachable", names="TransportError StreamError ClientConnectionError ClientPayloadError OSError"),
)  # fmt: skip

_SPECIAL: Final = ("context_length", "content_policy")
_REFUSALS: Final = (400, 413, 422)
"""Statuses under which a provider without codes of its own may have meant something special."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a failure: from a response, or from an exception and its causes."""

    status: int | None
    """The status of the provider's own response."""
    claimed: int | None = None
    """A status that only an exception claims: litellm makes some up."""
    codes: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """Classes of the exceptions."""
    text: str = ""
    cause: str = ""
    """What happened in a word or two, the class of the innermost exception say, for whoever runs the gateway."""
    reason: str | None = None
    """The provider's own message."""
    param: str | None = None
    retry_after_s: float | None = None


def upstream_error(
    facts: Facts, arm_id: str, *, connect_s: float | None = None, secrets: Collection[str] = ()
) -> UpstreamError:
    """Our error for these facts. `secrets`: values that no message may contain."""
    kind = _kind(facts)
    reason = clean(facts.reason, secrets) if facts.reason else None
    said = f": {reason}" if reason else "."
    status = facts.status or facts.claimed
    given = f" ({status})" if status else ""
    if kind in ("rejected", *_SPECIAL):
        # Without a response litellm itself refused, and its text says why; with one its text may quote the address.
        why = reason or (clean(facts.text, secrets) if facts.status is None else "") or "no reason given"
        code = {"context_length": "context_length_exceeded", "content_policy": "content_policy_violation"}.get(kind)
        kept = status if status in (400, 413, 415, 422) and kind == "rejected" else 400
        message = f"The provider of arm '{arm_id}' refused the request: {why}"
        return UpstreamRejectedError(message, arm_id=arm_id, status=kept, code=code, param=facts.param)
    asks_to_wait = kind == "failed" and facts.retry_after_s is not None and status in (503, 529)
    if kind == "rate_limit" or asks_to_wait:
        message = f"The provider of arm '{arm_id}' asks to slow down{given}{said}"
        return UpstreamRateLimitError(message, arm_id=arm_id, retry_after_s=facts.retry_after_s)
    if kind in ("connect_timeout", "timeout"):
        within = f" within {connect_s:g} s (connect_s)" if connect_s is not None else ""
        happened = f"was not connected{within}." if kind == "connect_timeout" else f"timed out at its provider{given}."
        return UpstreamTimeoutError(f"Arm '{arm_id}' {happened}", arm_id=arm_id)
    if kind == "invalid":
        return UpstreamInvalidError(f"The reply of arm '{arm_id}' could not be read as an answer.", arm_id=arm_id)
    message, code = _operators(kind, arm_id, f"{given}{said}", facts)
    return UpstreamError(message, arm_id=arm_id, code=code)


def _operators(kind: Kind, arm_id: str, said: str, facts: Facts) -> tuple[str, str]:
    """Message and code of the failures that are neither the client's nor the model's."""
    if kind == "auth":
        # Providers like to quote the key in this reason, so it is never passed on.
        status = f" ({facts.status})" if facts.status else ""
        return f"The provider of arm '{arm_id}' refused the gateway's credentials{status}.", "upstream_auth"
    if kind == "missing":
        return f"The provider of arm '{arm_id}' knows no such model or address{said}", "upstream_not_found"
    if kind == "unreachable":
        text = f"The provider of arm '{arm_id}' could not be reached, or the connection broke ({facts.cause})."
        return text, UNREACHABLE
    if facts.status is None and facts.claimed is None and facts.reason is None:
        return f"Arm '{arm_id}' failed ({facts.cause}).", "upstream_error"
    return f"Arm '{arm_id}' failed{said}", "upstream_error"


def _kind(facts: Facts) -> Kind:
    special = facts.status is None or 400 <= facts.status < 500
    for row in _TABLE:
        if special and row.kind in _SPECIAL and (row.names & facts.names or row.codes & facts.codes):
            return row.kind
        if row.kind in _SPECIAL and facts.status in _REFUSALS and _says(facts.reason, row.phrases):
            return row.kind
        if facts.status is not None and facts.status in row.statuses:
            return row.kind
    if facts.status is not None:
        return "failed"
    for row in _TABLE:
        said = row.kind not in _SPECIAL and any(text in facts.text for text in row.phrases)
        if row.codes & facts.codes or row.names & facts.names or said:
            return row.kind
    return next((row.kind for row in _TABLE if facts.claimed in row.statuses), "failed")


def _says(reason: str | None, phrases: tuple[str, ...]) -> bool:
    lowered = reason.lower() if reason else ""
    return any(phrase in lowered for phrase in phrases)


def error_object(body: object) -> Mapping[str, object]:
    """OpenAI's error object out of a reply's JSON, or what comes near; empty if there is none."""
    if isinstance(body, list) and body:  # Gemini wraps its error in a list.
        body = body[0]
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error", body)
    return inner if isinstance(inner, Mapping) else {"message": inner} if isinstance(inner, str) else {}


def status_of(value: object) -> int | None:
    """An error's status, 400 to 599, whether a number or digits; None for anything else."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    return number if isinstance(number, int) and 400 <= number <= 599 else None


def waiting_s(headers: object) -> float | None:
    """How long response headers ask to wait, in seconds; None where they do not."""
    if not isinstance(headers, Mapping):
        return None
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    milliseconds = retry_after_s(lowered.get("retry-after-ms"))
    return milliseconds / 1000 if milliseconds is not None else retry_after_s(lowered.get("retry-after"))


def retry_after_s(value: str | None) -> float | None:
    """A Retry-After header in seconds, capped: seconds or an HTTP date; None where it is absent or makes no sense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return None
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        seconds = max(0.0, (date - datetime.now(UTC)).total_seconds())
    return min(seconds, MAX_RETRY_AFTER_S) if math.isfinite(seconds) and seconds >= 0 else None


_KEYS: Final = re.compile(
    r"\bBearer\s+\S+"
    r"|\b(?:sk|pk|rk|gsk|xai|pplx|hf|nvapi|csk|fw|r8)[-_][\w*.\-]{4,}"
    r"|\bAIza[\w-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|(?i:\b(?:api[-_ ]?key|token|secret|password|key)\b['\"]?\s*[=:]\s*['\"]?[^\s'\",;&]{6,})"
)
_PREFIX: Final = re.compile(r"^(?:litellm\.)?\w+(?:Error|Exception)\s*(?::|-|\.)\s*|^litellm\.\w+:\s*")


def clean(text: str, secrets: Collection[str] = ()) -> str:
    """A foreign message without class names in front, without anything like a key, on one line and not too long."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = " ".join(_KEYS.sub("***", text).split())
    while (shorter := _PREFIX.sub("", text, count=1)) != text:
        text = shorter
    return text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 1]}…"
