"""The command line's client: what it sends, and that every failure is a sentence with what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from gateway.adapters.urllib_admin import AdminClient
from gateway.errors import GatewayError
from tests.neighbours.admin_stub import AdminStub, admin_stub, policy
from tests.neighbours.dead_addresses import refusing

KEY = "canary-key"


@pytest.fixture
def stub() -> Iterator[AdminStub]:
    with admin_stub() as running:
        yield running


def failure(url: str, key: str | None = KEY) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        AdminClient(url, key, timeout_s=5.0).policies()
    assert KEY not in caught.value.message
    return caught.value


def test_each_verb_is_one_request(stub: AdminStub) -> None:
    """The key goes as Bearer, bodies as JSON, and a policy's name whatever is in it."""
    client = AdminClient(stub.url, KEY)
    assert client.policies() == {"policies": [policy()]}
    assert client.policy("default") == policy()
    assert client.rollout("default", {"stage": "canary", "percentage": 25.0}) == policy()
    assert client.kill("default") == policy(killed=True)
    with pytest.raises(GatewayError):
        client.policy("a/b c?d")
    whats, headers, bodies = zip(*stub.requests, strict=True)
    assert list(whats) == [
        "GET /admin/policies",
        "GET /admin/policies/default",
        "PUT /admin/policies/default/rollout",
        "POST /admin/policies/default/kill",
        "GET /admin/policies/a%2Fb%20c%3Fd",
    ]
    assert {given["authorization"] for given in headers} == {f"Bearer {KEY}"}
    assert bodies[2:4] == ({"stage": "canary", "percentage": 25.0}, {})


def test_without_a_key_none_is_sent(stub: AdminStub) -> None:
    """On the loopback a gateway without keys asks for none."""
    AdminClient(stub.url, None).policies()
    assert "authorization" not in stub.requests[0][1]


@pytest.mark.parametrize("written", ["{0}", "{0}/", "127.0.0.1:{1}"])
def test_an_address_may_be_written_short(stub: AdminStub, written: str) -> None:
    """People type host and port."""
    url = written.format(stub.url, stub.url.rpartition(":")[2])
    assert AdminClient(url, None).policies() == {"policies": [policy()]}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host", "", "http://", "http:///x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """No file is read and no other scheme tried because somebody typed it."""
    error = failure(url)
    assert (error.status, "is no address of a gateway" in error.message) == (400, True)


@pytest.mark.parametrize("key", ["two words", "line\n", "", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused(key: str) -> None:
    """And not shown, as the standard library would in its error."""
    error = failure("http://127.0.0.1:1", key)
    assert (error.status, error.message) == (
        400,
        "the admin key must be visible ASCII characters, without blanks or line breaks",
    )


def test_a_readiness_of_no_is_an_answer(stub: AdminStub) -> None:
    """503 on /readyz says what is degraded; that is no failure to ask."""
    body = {"status": "draining", "upstream": "ok", "store": "ok", "backlog": 3}
    stub.answer("GET /readyz", body, 503)
    assert AdminClient(stub.url, None).readiness() == body


def test_the_gateways_own_words_come_through(stub: AdminStub) -> None:
    """Its message, status and code; for a missing key also how to give one."""
    stub.refuse("GET /admin/policies", 404, "There is no policy 'x'. Known: default.", "policy_not_found")
    error = failure(stub.url)
    assert (error.status, error.code, error.message) == (
        404,
        "policy_not_found",
        "There is no policy 'x'. Known: default.",
    )
    stub.refuse("GET /admin/policies", 401, "This is not the admin key.", "invalid_api_key")
    said = "This is not the admin key. Give it as GATEWAY_ADMIN_KEY, --admin-key, or admin_key in --config."
    assert failure(stub.url).message == said


def test_nobody_there_is_told_with_what_to_do() -> None:
    """The most common case of all: the gateway is not running."""
    url = refusing().removesuffix("/v1")
    error = failure(url)
    assert (error.status, error.code) == (503, "unreachable")
    assert error.message == (
        f"no gateway answers at {url}: Connection refused. Start it with `gateway serve`, or say where it listens "
        "with --url or --config."
    )
    assert "no gateway answers at http://no-such-host.invalid" in failure("http://no-such-host.invalid").message


def test_a_gateway_that_does_not_answer_is_not_waited_for_for_ever() -> None:
    """A hanging process is told as such."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = "http://{}:{}".format(*listener.getsockname())
        with pytest.raises(GatewayError, match="timed out"):
            AdminClient(url, None, timeout_s=0.2).policies()


@pytest.mark.parametrize(
    ("body", "status"), [(b"<html>", 200), (b"[1]", 200), (b"<html>", 404), (b"{}", 500), (b'{"error": "no"}', 400)]
)
def test_somebody_else_there_is_told(stub: AdminStub, body: bytes, status: int) -> None:
    """Another program on the port answers something: it is not taken for the gateway, nor quoted."""
    stub.answer("GET /admin/policies", body, status)
    error = failure(stub.url)
    assert (error.status, error.code) == (502, "not_a_gateway")
    assert error.message.startswith(f"what answers at {stub.url} is no gateway")


def test_an_answer_that_is_no_http_is_told() -> None:
    """A port of a database, for instance."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = "http://{}:{}".format(*listener.getsockname())

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        error = failure(url)
        thread.join()
    assert error.status == 503
    assert "no gateway answers" in error.message


def test_a_redirect_is_not_followed(stub: AdminStub) -> None:
    """It would take the admin key along to wherever it points."""
    with admin_stub() as elsewhere:
        stub.answer("GET /admin/policies", b"", 307, Location=f"{elsewhere.url}/admin/policies")
        assert failure(stub.url).status == 502
        assert elsewhere.requests == []


def test_no_proxy_is_asked(stub: AdminStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for the outside world cannot reach the gateway on this machine."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, refusing())
    assert AdminClient(stub.url, None).policies() == {"policies": [policy()]}
