"""What the error table reads from exceptions that look like the libraries' own; the contract shows the real ones."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from gateway.adapters.litellm_errors import translate
from gateway.errors import (
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRateLimitError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
)


class Response:
    def __init__(self, status: int, body: object = None, headers: dict[str, str] | None = None) -> None:
        self.status_code = status
        self.content = json.dumps(body).encode()
        self.headers = headers or {}


class HTTPStatusError(Exception):
    """httpx raises one of this name for a response that really came."""

    def __init__(self, response: Response) -> None:
        super().__init__("Client error for url 'https://host/?key=sk-canary-123456'")
        self.response = response


class OpenAIError(Exception):
    def __init__(self, status: int, **attributes: object) -> None:
        super().__init__("litellm.InternalServerError: OpenAIException - Empty")
        self.status_code = status
        self.__dict__.update(attributes)


def named(*names: str, text: str = "it went wrong", **attributes: object) -> Exception:
    """An exception whose class and base classes have these names, the last the outermost base."""
    base: type[Exception] = Exception
    for name in reversed(names):
        base = type(name, (base,), {})
    error = base(text)
    error.__dict__.update(attributes)
    return error


def chained(*errors: Exception) -> Exception:
    """The first, caused by the second, and so on."""
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


def sent(status: int, body: object = None, headers: dict[str, str] | None = None) -> HTTPStatusError:
    return HTTPStatusError(Response(status, body, headers))


@pytest.mark.parametrize(
    ("name", "expected", "status", "code"),
    [
        ("ContextWindowExceededError", UpstreamRejectedError, 400, "context_length_exceeded"),
        ("ContentPolicyViolationError", UpstreamRejectedError, 400, "content_policy_violation"),
        ("BadRequestError", UpstreamRejectedError, 400, "upstream_rejected"),
        ("UnprocessableEntityError", UpstreamRejectedError, 400, "upstream_rejected"),
        ("AuthenticationError", UpstreamError, 502, "upstream_auth"),
        ("PermissionDeniedError", UpstreamError, 502, "upstream_auth"),
        ("NotFoundError", UpstreamError, 502, "upstream_not_found"),
        ("RateLimitError", UpstreamRateLimitError, 429, "rate_limit_exceeded"),
        ("Timeout", UpstreamTimeoutError, 504, "upstream_timeout"),
        ("APITimeoutError", UpstreamTimeoutError, 504, "upstream_timeout"),
        ("ConnectTimeout", UpstreamTimeoutError, 504, "upstream_timeout"),
        ("TransportError", UpstreamError, 502, "upstream_unreachable"),
        ("JSONDecodeError", UpstreamInvalidError, 502, "upstream_invalid_response"),
        ("InternalServerError", UpstreamError, 502, "upstream_error"),
        ("APIConnectionError", UpstreamError, 502, "upstream_error"),
        ("SomethingNew", UpstreamError, 502, "upstream_error"),
    ],
)
def test_a_class_alone(name: str, expected: type[UpstreamError], status: int, code: str) -> None:
    """Where no response came, the class decides, also as a base class or as a cause."""
    for error in (named(name), named("Wrapper", name), chained(named("Wrapper"), named(name))):
        translated = translate(error, "arm")
        assert (type(translated), translated.status, translated.code) == (expected, status, code)
        assert translated.arm_id == "arm"


def test_builtin_errors() -> None:
    """Broken sockets, and a broken library, are not the model's fault."""
    refused = translate(ConnectionRefusedError(), "arm")
    assert refused.code == "upstream_unreachable"
    assert refused.message.endswith("broke (ConnectionRefusedError).")
    missing = translate(chained(named("APIConnectionError"), ModuleNotFoundError("No module named 'boto3'")), "arm")
    assert (missing.code, missing.infrastructure) == ("upstream_error", True)
    assert missing.message == "Arm 'arm' failed (ModuleNotFoundError: No module named 'boto3')."
    assert isinstance(translate(TimeoutError(), "arm"), UpstreamTimeoutError)


def test_the_response_outranks_the_class() -> None:
    """litellm reads "rate limit" in a prompt that a 400 quotes, and says RateLimitError: the 400 is what happened."""
    error = chained(named("RateLimitError", status_code=429), OpenAIError(429), sent(400, {"error": {"message": "no"}}))
    assert isinstance(translate(error, "arm"), UpstreamRejectedError)


def test_the_special_kinds_of_a_bad_request_outrank_its_status() -> None:
    """By litellm's class or by the provider's own code, but only where the provider refused at all."""
    body = {"error": {"message": "too long", "code": "context_length_exceeded"}}
    assert translate(chained(named("BadRequestError"), sent(400, body)), "arm").code == "context_length_exceeded"
    by_class = chained(named("ContextWindowExceededError", "BadRequestError"), sent(400))
    assert translate(by_class, "arm").code == "context_length_exceeded"
    at_fault = chained(named("ContextWindowExceededError"), sent(500))
    assert translate(at_fault, "arm").code == "upstream_error"


def test_a_status_that_only_a_class_claims() -> None:
    """An error inside a 200, or among a stream's events, has its status in its code."""
    assert isinstance(translate(named("APIError", status_code=429), "arm"), UpstreamRateLimitError)
    assert isinstance(translate(named("APIError", body={"message": "m", "code": "429"}), "arm"), UpstreamRateLimitError)
    in_body = named("APIError", body={"message": "m", "type": "authentication_error"})
    assert translate(in_body, "arm").code == "upstream_auth"


@pytest.mark.parametrize("body", [{"error": {"message": "why", "param": "p"}}, [{"error": {"message": "why"}}],
                                  {"message": "why"}, {"detail": "why"},
                                  {"error": "why"}])  # fmt: skip
def test_the_reason_is_found_in_the_body(body: object) -> None:
    """OpenAI's shape, Gemini's list around it, and the plainer ones of others, a bare text too."""
    translated = translate(chained(named("BadRequestError"), sent(400, body)), "arm")
    assert translated.message == "The provider of arm 'arm' refused the request: why"


def test_the_parameter_is_kept() -> None:
    """The client is told which field was refused."""
    error = named("BadRequestError", body={"message": "why", "param": "messages[0]", "code": "c"}, status_code=400)
    assert translate(error, "arm").param == "messages[0]"


@pytest.mark.parametrize("content", [b"\xff", b"<html>", b"[" * 100_000, b'"text"', b'{"error": 7}', b"[]"])
def test_any_body_can_be_read(content: bytes) -> None:
    """A body that is no error object gives no reason, and no error of its own."""
    response = Response(500)
    response.content = content
    assert translate(HTTPStatusError(response), "arm").message == "Arm 'arm' failed (500)."


def test_a_body_that_was_never_read() -> None:
    """httpx raises where the body of a stream is asked for."""

    class Unread(Response):
        @property
        def content(self) -> bytes:
            raise RuntimeError("not read")

        @content.setter
        def content(self, value: bytes) -> None: ...

    assert isinstance(translate(HTTPStatusError(Unread(400)), "arm"), UpstreamRejectedError)


def test_a_chain_that_bites_its_tail() -> None:
    """Causes may form a ring."""
    one, two = named("A"), named("B")
    one.__cause__, two.__cause__ = two, one
    assert translate(one, "arm").status == 502


def test_an_error_wrapped_for_a_fallback() -> None:
    """litellm's router wraps what happens in a stream, and keeps the original in an attribute."""
    wrapped = named("MidStreamFallbackError", "ServiceUnavailableError", original_exception=sent(429))
    assert isinstance(translate(wrapped, "arm"), UpstreamRateLimitError)


def test_where_retry_after_is_looked_for() -> None:
    """In the response that came, in litellm's copy of the headers, and in those of any cause; milliseconds win."""
    assert translate(sent(429, headers={"Retry-After": "7"}), "arm").retry_after_s == 7.0
    copied = named("RateLimitError", litellm_response_headers={"retry-after": "8"})
    assert translate(copied, "arm").retry_after_s == 8.0
    cause = chained(named("RateLimitError"), OpenAIError(429, headers={"retry-after": "9"}))
    assert translate(cause, "arm").retry_after_s == 9.0
    both = sent(429, headers={"retry-after": "7", "retry-after-ms": "1500"})
    assert translate(both, "arm").retry_after_s == 1.5


def test_which_limit() -> None:
    """A connection that did not come about names the limit that it had."""
    translated = translate(chained(named("Timeout"), named("ConnectTimeout", "TimeoutException")), "arm", connect_s=2.5)
    assert translated.message == "Arm 'arm' was not connected within 2.5 s (connect_s)."


def test_no_url_in_any_message() -> None:
    """Gemini's address carries the key, and hosts are the operator's affair."""
    for status in (400, 401, 404, 408, 429, 500):
        assert "canary" not in translate(sent(status), "arm").message
        assert "host" not in translate(sent(status), "arm").message
