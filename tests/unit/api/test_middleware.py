"""The door: every answer well-formed, every error OpenAI's, every route with its role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.api.middleware import read_body
from gateway.errors import GatewayError
from tests.neighbours.raw_client import connected
from tests.serving import Client, serving

KEYED: dict[str, Any] = {"keys": [{"tenant": "a", "key": "a-key"}], "admin_key": "root-key"}


def _well_formed(answer: Any) -> bool:
    return set(answer) == {"error"} and set(answer["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/models", 405, "method_not_allowed"),
        ("PUT", "/admin/policies/default", 405, "method_not_allowed"),
        ("GET", "/v1/models/none", 404, "model_not_found"),
        ("GET", "/admin/policies/none", 404, "policy_not_found"),
        ("GET", "/admin/decisions/none", 404, "not_found"),
    ],
)
async def test_wrong_addresses_are_json_errors(tmp_path: Path, method: str, path: str, status: int, code: str) -> None:
    """404 and 405 in OpenAI's shape, with a request id."""
    async with serving(tmp_path) as client:
        got, answer, headers = await client.send(method, path)
        assert (got, answer["error"]["code"]) == (status, code)
        assert _well_formed(answer)
        assert headers["x-request-id"]


async def test_a_large_body_is_refused_early(tmp_path: Path) -> None:
    """413 naming the limit; the connection is told, nothing reaches a provider."""
    async with serving(tmp_path, server={"port": 0, "max_body_bytes": 2000}) as client:
        status, answer, _ = await client.chat(messages=[{"role": "user", "content": "x" * 3000}])
        assert (status, answer["error"]["code"]) == (413, "request_too_large")
        assert "2000" in answer["error"]["message"]
        assert not client.upstream.calls


async def test_a_harmless_request_id_is_kept(tmp_path: Path) -> None:
    """A client's own id comes back; one that could break a log line does not."""
    async with serving(tmp_path) as client:
        _, _, headers = await client.chat(headers={"x-request-id": "my-id.1"})
        assert headers["x-request-id"] == "my-id.1"
        _, _, headers = await client.chat(headers={"x-request-id": "a b" * 100})
        assert headers["x-request-id"].startswith("req_")


async def test_an_unforeseen_error_is_a_500_without_its_text(tmp_path: Path) -> None:
    """The client learns that it failed, the log learns why, and the next request is served."""
    async with serving(tmp_path) as client:

        def broken(*_: Any) -> None:
            raise ZeroDivisionError("secret detail")

        policy = client.gateway.policies["default"]
        original = policy.describer.describe
        policy.describer.describe = broken  # type: ignore[method-assign,assignment]
        with structlog.testing.capture_logs() as logs:
            status, answer, _ = await client.chat()
        policy.describer.describe = original  # type: ignore[method-assign]
        assert status == 500
        assert _well_formed(answer)
        assert "secret" not in str(answer)
        assert "request_failed" in [entry["event"] for entry in logs]
        assert (await client.chat())[0] == 200


async def _walk(client: Client, headers: dict[str, str]) -> dict[str, int]:
    paths = {
        "/healthz": "GET",
        "/readyz": "GET",
        "/metrics": "GET",
        "/v1/models": "GET",
        "/v1/models/auto": "GET",
        "/v1/chat/completions": "POST",
        "/v1/feedback": "POST",
        "/admin/policies": "GET",
        "/admin/policies/default": "GET",
        "/admin/policies/default/rollout": "PUT",
        "/admin/policies/default/kill": "POST",
        "/admin/state": "GET",
        "/admin/decisions": "GET",
        "/admin/decisions/dec_x": "GET",
        "/unknown": "GET",
    }
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
    return {
        path: (await client.send(method, path, body if method == "POST" else {} if method == "PUT" else None, headers))[
            0
        ]
        for path, method in paths.items()
    }


@pytest.mark.parametrize("who", ["nobody", "stranger", "client", "admin"])
async def test_every_route_by_every_role(tmp_path: Path, who: str) -> None:
    """Default deny: open routes for all, client routes for clients, admin routes for the admin, nothing else."""
    key = {"nobody": None, "stranger": "x", "client": "a-key", "admin": "root-key"}[who]
    async with serving(tmp_path, **KEYED) as client:
        found = await _walk(client, {} if key is None else {"Authorization": f"Bearer {key}"})
        for path, status in found.items():
            if path in ("/healthz", "/readyz", "/metrics"):
                assert status == 200, path
            elif path.startswith("/admin"):
                assert (status == 401) == (who != "admin"), path
            else:
                assert (status == 401) == (who != "client"), path
        assert len(client.upstream.calls) == (who == "client")


async def test_a_malformed_key_is_not_echoed(tmp_path: Path) -> None:
    """A key in a header that we cannot read stays out of answer and log."""
    async with serving(tmp_path, **KEYED) as client:
        with structlog.testing.capture_logs() as logs:
            status, answer, _ = await client.chat(headers={"Authorization": "Basic canary-key"})
        assert status == 401
        assert "canary" not in str(answer) + repr(logs)


async def test_no_route_names_the_software(tmp_path: Path) -> None:
    """The Server header does not tell which versions to attack."""
    async with serving(tmp_path) as client:
        _, _, headers = await client.send("GET", "/healthz")
        assert "aiohttp" not in headers.get("Server", "")
        _, _, headers = await client.chat(stream=True)
        assert "aiohttp" not in headers.get("Server", "")


async def test_a_body_that_is_not_encoded_as_it_says_is_refused(tmp_path: Path) -> None:
    """400, not 500: the client is at fault."""
    async with serving(tmp_path) as client:
        status, answer, _ = await client.send(
            "POST",
            "/v1/chat/completions",
            b"not gzip",
            {"Content-Encoding": "gzip", "Content-Type": "application/json"},
        )
        assert (status, answer["error"]["code"]) == (400, "invalid_body")


async def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    """408: who sends half a request keeps no connection for ever."""
    told: list[GatewayError] = []

    async def handler(request: web.Request) -> web.Response:
        try:
            await read_body(request, within_s=0.01)
        except GatewayError as error:
            told.append(error)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handler)
    async with TestServer(app) as server, connected(f"http://{server.host}:{server.port}") as raw:
        await raw.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhalf")
        assert (await raw.hear()).status == 200
    assert [(error.status, error.code) for error in told] == [(408, "request_timeout")]


async def test_head_is_answered_where_get_is(tmp_path: Path) -> None:
    """Load balancers probe with HEAD."""
    async with serving(tmp_path) as client:
        assert (await client.send("HEAD", "/healthz"))[0] == 200
