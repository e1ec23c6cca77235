"""What the protocol's own values show of themselves."""

from __future__ import annotations

from gateway.adapters.http_transport import Endpoint, TransportError, TransportTimeoutError


def test_an_endpoint_shows_no_header() -> None:
    """One of them is the key."""
    endpoint = Endpoint(scheme="https", host="a", port=443, target="/", headers=(("authorization", "Bearer canary"),))
    assert "canary" not in repr(endpoint)


def test_an_error_says_what_broke_and_whether_anything_had_come() -> None:
    """The kind for the program, the sentence for the reader."""
    error = TransportError("cut", "it broke", begun=True)
    assert (error.fault, error.begun, str(error)) == ("cut", True, "it broke")
    assert not TransportError("unreachable", "nobody there").begun


def test_a_timeout_names_its_limit() -> None:
    """In its attribute and in its text."""
    error = TransportTimeoutError("idle")
    assert (error.limit, str(error)) == ("idle", "the idle limit ran out")
