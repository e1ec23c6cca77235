"""The error tree: each class exists because someone catches it or because an HTTP status hangs on it.

GatewayError 500
├── ConfigurationError            every configuration problem at once; never sent over HTTP
├── RequestError 400              the client's request is at fault; names the parameter
│   ├── UnauthorizedError 401
│   ├── ForbiddenError 403
│   ├── NotFoundError 404
│   ├── ConflictError 409
│   ├── GoneError 410
│   └── TooLargeError 413
├── OverloadedError 503           we cannot serve this now; carries Retry-After
├── StoreError 503                the state store did not do what it was asked
└── UpstreamError 502             a provider did not answer as asked; `infrastructure`: teaches no quality
    ├── UpstreamTimeoutError 504  connect, first token, idle or total limit
    ├── UpstreamRateLimitError 429
    ├── UpstreamRejectedError     the provider refused the request itself: passed on, never retried elsewhere
    ├── UpstreamCutError 502      a stream broke off after it had begun: infrastructure, whatever was read is kept
    └── UpstreamInvalidError 502  the reply is no answer: the model's own failure
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class GatewayError(Exception):
    """Root of all errors that this project raises on purpose."""

    status: int = 500
    type: str = "api_error"
    code: str | None = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which another try may succeed, where that is known."""
        return None

    def body(self) -> dict[str, object]:
        """The error as OpenAI's clients expect it."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class ConfigurationError(GatewayError):
    """The configuration cannot be used; `problems` names every one of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        count = len(problems)
        super().__init__(f"{count} configuration problem{'s' if count != 1 else ''}:\n" + "\n".join(problems))
        self.problems = tuple(problems)


class RequestError(GatewayError):
    """The client's request is at fault."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class UnauthorizedError(RequestError):
    """No key, or one that we do not know."""

    status = 401
    code = "invalid_api_key"


class ForbiddenError(RequestError):
    """A known key without the right to this."""

    status = 403
    type = "permission_error"
    code = "forbidden"


class NotFoundError(RequestError):
    """No such route, model, policy or decision (or not this tenant's)."""

    status = 404
    code = "not_found"


class ConflictError(RequestError):
    """The request contradicts what was said before."""

    status = 409
    code = "conflict"


class GoneError(RequestError):
    """It was there, but its time is over."""

    status = 410
    code = "expired"


class TooLargeError(RequestError):
    """The body is over the documented limit."""

    status = 413
    code = "request_too_large"


class OverloadedError(GatewayError):
    """We cannot serve this now, but may soon."""

    status = 503
    type = "overloaded_error"
    code = "overloaded"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self._retry_after_s = retry_after_s

    @property
    def retry_after_s(self) -> float | None:
        return self._retry_after_s


class StoreError(OverloadedError):
    """The state store failed; serving goes on, durable promises cannot be made."""

    code = "store_unavailable"


class UpstreamError(GatewayError):
    """A provider did not answer as asked. `infrastructure`: says nothing about the model's quality."""

    status = 502
    type = "upstream_error"
    code = "upstream_error"
    infrastructure: ClassVar[bool] = True
    retryable: ClassVar[bool] = True

    def __init__(
        self, message: str, *, arm_id: str, status: int | None = None, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message, code=code, param=param)
        self.arm_id = arm_id
        if status is not None:
            self.status = status


class UpstreamTimeoutError(UpstreamError):
    """A time limit ran out before the provider answered."""

    status = 504
    code = "upstream_timeout"


class UpstreamRateLimitError(UpstreamError):
    """The provider asks us to slow down."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, arm_id: str, retry_after_s: float | None = None) -> None:
        super().__init__(message, arm_id=arm_id)
        self._retry_after_s = retry_after_s

    @property
    def retry_after_s(self) -> float | None:
        return self._retry_after_s if self._retry_after_s is not None else 1.0


class UpstreamRejectedError(UpstreamError):
    """The provider refused the request itself (a 4xx about its content): another try would be refused as well."""

    status = 400
    type = "invalid_request_error"
    code = "upstream_rejected"
    retryable = False


class UpstreamCutError(UpstreamError):
    """A stream broke off midway, without a finish reason: the connection's fault, not the model's."""

    code = "upstream_stream_cut"


class UpstreamInvalidError(UpstreamError):
    """The provider's reply is no answer (no choices, broken JSON, a stream without end): the model's own failure."""

    code = "upstream_invalid_response"
    infrastructure = False
