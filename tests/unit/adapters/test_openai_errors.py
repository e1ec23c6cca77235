"""What the direct lane says of replies that are no answers; the contract suite drives the whole table."""

from __future__ import annotations

import orjson
import pytest

from gateway.adapters.http_transport import Fault, TransportError
from gateway.adapters.openai_errors import broken, refusal, reported
from gateway.errors import UpstreamError, UpstreamInvalidError, UpstreamRateLimitError, UpstreamRejectedError


def body(**error: object) -> bytes:
    return orjson.dumps({"error": error})


def test_the_status_decides_and_the_reason_is_passed_on() -> None:
    """A refused request keeps the provider's words and the parameter."""
    error = refusal("arm", 400, {}, body(message="too many", param="messages", code="x"))
    assert isinstance(error, UpstreamRejectedError)
    assert (error.param, error.message) == ("messages", "The provider of arm 'arm' refused the request: too many")


def test_how_long_to_wait() -> None:
    """By the response's headers, whatever the case of their names."""
    error = refusal("arm", 429, {"Retry-After": "7"}, b"")
    assert isinstance(error, UpstreamRateLimitError)
    assert error.retry_after_s == 7.0


@pytest.mark.parametrize("content", [b"", b"<html>canary</html>", b"\xff", b"null", b"[" * 5000])
def test_any_body_can_be_read(content: bytes) -> None:
    """What is no error object gives no reason, and no excerpt of it is passed on."""
    assert refusal("arm", 500, {}, content).message == "Arm 'arm' failed (500)."


def test_a_redirect_is_a_failure() -> None:
    """It is not followed: hosts come from the configuration only."""
    error = refusal("arm", 307, {"location": "http://elsewhere/"}, b"")
    assert (error.code, error.infrastructure) == ("upstream_error", True)
    assert "307" in error.message
    assert "elsewhere" not in error.message


def test_an_error_inside_a_200() -> None:
    """Its code is a status, or else it is an error of the provider's own."""
    assert isinstance(reported("arm", {"error": {"message": "busy", "code": 429}}), UpstreamRateLimitError)
    assert isinstance(reported("arm", {"error": {"message": "m", "type": "invalid_request_error"}}),
                      UpstreamRejectedError)  # fmt: skip
    assert reported("arm", {"error": {"message": "overloaded"}}).infrastructure
    assert reported("arm", {"error": "overloaded"}).message == "Arm 'arm' failed: overloaded"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("unreachable", UpstreamError, "upstream_unreachable"),
        ("tls", UpstreamError, "upstream_unreachable"),
        ("cut", UpstreamError, "upstream_unreachable"),
        ("malformed", UpstreamInvalidError, "upstream_invalid_response"),
        ("encoding", UpstreamInvalidError, "upstream_invalid_response"),
        ("too_large", UpstreamInvalidError, "upstream_invalid_response"),
    ],
)
def test_what_did_not_arrive(fault: Fault, kind: type[UpstreamError], code: str) -> None:
    """A broken connection says nothing of the model; a reply that is no reply does."""
    error = broken("arm", TransportError(fault, "why"))
    assert (type(error), error.code, error.arm_id) == (kind, code, "arm")
    assert "why" in error.message
