"""The one table of failures: which kind a failure is, and what of a foreign message may be said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.adapters.upstream_errors import (
    MAX_RETRY_AFTER_S,
    Facts,
    clean,
    retry_after_s,
    status_of,
    upstream_error,
)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("This model's maximum context length is 4096 tokens", "context_length_exceeded"),
        ("the request exceeds the available context size", "context_length_exceeded"),
        ("prompt is too long: 250000 tokens > 200000 maximum", "context_length_exceeded"),
        ("triggered Azure OpenAI's content management policy", "content_policy_violation"),
        ("too many messages", "upstream_rejected"),
    ],
)
def test_phrases_of_servers_without_codes(reason: str, code: str) -> None:
    """The two special kinds of a refusal are told by their usual words, but only where it was a refusal."""
    assert upstream_error(Facts(status=400, reason=reason), "arm").code == code
    assert upstream_error(Facts(status=500, reason=reason), "arm").code == "upstream_error"


@pytest.mark.parametrize(
    ("value", "status"), [(429, 429), ("503", 503), (200, None), (600, None), ("x", None), (None, None), (4.5, None)]
)
def test_what_is_a_status(value: object, status: int | None) -> None:
    """Numbers and digits from 400 to 599; providers put words and nulls there as well."""
    assert status_of(value) == status


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("", None), ("12", 12.0), (" 3 ", 3.0), ("0", 0.0), ("1e9", 3600.0), ("inf", None), ("nan", None),
     ("-1", None), ("soon", None), ("12 s", None), ("Wed, 99 Foo 2020", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_values(value: str | None, seconds: float | None) -> None:
    """Seconds, dates, and everything else."""
    assert retry_after_s(value) == seconds


def test_retry_after_dates() -> None:
    """Measured from now, and capped like seconds; a date without a zone is taken as UTC."""
    soon = datetime.now(UTC) + timedelta(seconds=90)
    for text in (format_datetime(soon, usegmt=True), format_datetime(soon.replace(tzinfo=None))):
        seconds = retry_after_s(text)
        assert seconds is not None
        assert 80 < seconds <= 90
    assert retry_after_s(format_datetime(soon + timedelta(days=9), usegmt=True)) == MAX_RETRY_AFTER_S


@pytest.mark.parametrize(
    "secret",
    ["sk-proj-abcDEF123456", "sk-ant-api03-xyz", "gsk_abcdef123456", "xai-abcdef1234", "AIzaSyA1234567890abcdef",
     "Bearer abc.def.ghi", "AKIAIOSFODNN7EXAMPLE", "api_key=abcdef123", "?key=abcdef123&x", '"token": "abcdef123"'],
)  # fmt: skip
def test_anything_like_a_key_is_struck_out(secret: str) -> None:
    """Whoever's it is."""
    cleaned = clean(f"Got {secret} here.")
    assert "***" in cleaned
    assert not any(part in cleaned for part in ("abc", "AKIA", "AIza", "xyz"))


def test_known_secrets_are_struck_out() -> None:
    """The arm's own, whatever they look like."""
    assert clean("wrong: hunter2!", ["hunter2", ""]) == "wrong: ***!"


def test_ordinary_words_stay() -> None:
    """A reason is there to be read."""
    text = "Unknown key 'risk-averse' in metadata; the token count is 12, see key facts."
    assert clean(text) == text


def test_messages_are_tidy() -> None:
    """Without the names of classes in front, on one line, and not endless."""
    text = "litellm.BadRequestError: OpenAIException - Invalid 'n':\n  too many."
    assert clean(text) == "Invalid 'n': too many."
    assert clean("litellm.RateLimitError: RateLimitError: VertexAIException - slow") == "slow"
    assert len(clean("x" * 10_000)) == 500
