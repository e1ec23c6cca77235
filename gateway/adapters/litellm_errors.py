"""Read the facts of what litellm, openai and httpx raise, without importing any of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping

from gateway.adapters.upstream_errors import Facts, error_object, status_of, upstream_error, waiting_s
from gateway.errors import UpstreamError


def translate(
    error: BaseException, arm_id: str, *, connect_s: float | None = None, secrets: Collection[str] = ()
) -> UpstreamError:
    """Our error for a foreign one. `secrets`: values that no message may contain."""
    return upstream_error(_facts(error), arm_id, connect_s=connect_s, secrets=secrets)


def _facts(error: BaseException) -> Facts:
    chain = list(_chain(error))
    names = [frozenset(base.__name__ for base in type(link).__mro__) for link in chain]
    responses = [getattr(link, "response", None) for link in chain]
    # httpx raises this for a response that really came; the responses of other classes may be litellm's inventions.
    real = next((r for r, known in zip(responses, names, strict=True) if "HTTPStatusError" in known), None)
    bodies = [_error_object(link) for link in (*chain, real)]
    body = next((found for found in bodies if found), {})
    reason, param = body.get("message") or body.get("detail"), body.get("param")
    code, claims = body.get("code"), [getattr(link, "status_code", None) for link in chain]
    headers = [getattr(r, "headers", None) for r in (real, *responses)]
    headers += [getattr(link, name, None) for link in chain for name in ("litellm_response_headers", "headers")]
    return Facts(
        status=status_of(getattr(real, "status_code", None)),
        claimed=next((s for s in map(status_of, (code, *claims)) if s is not None), None),
        codes=frozenset(str(word) for word in (code, body.get("type"), *claims) if word),
        names=frozenset().union(*names),
        text=str(error),
        cause=type(chain[-1]).__name__ + (f": {chain[-1]}" if isinstance(chain[-1], ImportError) else ""),
        reason=reason if isinstance(reason, str) else None,
        param=param if isinstance(param, str) else None,
        retry_after_s=next((s for s in map(waiting_s, headers) if s is not None), None),
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = getattr(error, "original_exception", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__


def _error_object(holder: object) -> Mapping[str, object]:
    """OpenAI's error object, from an exception's `body` or a response's content; empty if there is none."""
    body = getattr(holder, "body", None)
    if body is None:
        try:
            content = getattr(holder, "content", None)
        except RuntimeError:  # httpx: the body of a stream was never read
            content = None
        try:
            body = json.loads(content) if isinstance(content, bytes | str) else None
        except (ValueError, RecursionError):
            body = None
    return error_object(body)
