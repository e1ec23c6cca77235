"""A tiny HTTP server on the loopback that answers as `/admin` and `/readyz` do, or as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ARM: dict[str, Any] = {
    "id": "small",
    "model": "openai/small",
    "pulls": 40,
    "rewarded": 38,
    "rated": 2,
    "failures": 1,
    "mean_reward": 0.7512,
    "reward_stderr": 0.0213,
    "mean_cost_usd": 0.000123,
    "mean_latency_s": 1.2345,
    "tokens_in": 400,
    "tokens_out": 800,
    "state": "active",
}
"""An arm as /admin tells it."""

NEW_ARM = ARM | {
    "id": "a-large-model-with-a-long-name",
    **dict.fromkeys(("pulls", "rewarded", "failures"), 0),
    **dict.fromkeys(("mean_reward", "reward_stderr", "mean_cost_usd", "mean_latency_s")),
    "state": "warming_up",
}
"""An arm without evidence."""


def policy(name: str = "default", **changes: Any) -> dict[str, Any]:
    """A policy as /admin tells it."""
    told = {
        "name": name,
        "stage": "canary",
        "percentage": 25.0,
        "killed": False,
        "baseline": "small",
        "algorithm": "linucb",
        "spend_usd": 1.23456,
        "arms": [ARM, NEW_ARM],
    }
    return told | changes


@dataclass
class AdminStub:
    """What it answers, by method and path, and what it was asked."""

    url: str
    answers: dict[str, tuple[int, bytes, Mapping[str, str]]] = field(default_factory=dict)
    requests: list[tuple[str, Mapping[str, str], Any]] = field(default_factory=list)
    """Method and path, headers with lower-case names, body."""

    def answer(self, what: str, body: object, status: int = 200, **headers: str) -> None:
        """Answer `GET /path` like this: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers[what] = (status, content, headers)

    def refuse(self, what: str, status: int, message: str, code: str) -> None:
        """Answer with an error in the gateway's shape."""
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        self.answer(what, {"error": error}, status)


@contextmanager
def admin_stub() -> Iterator[AdminStub]:
    """A server that knows one policy, `default`, and is ready."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            what = f"{self.command} {self.path}"
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            stub.requests.append((what, {name.lower(): value for name, value in self.headers.items()}, body))
            status, content, headers = stub.answers.get(what, (404, b"nothing here", {}))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = _serve  # noqa: N815 # the base class looks for these names

        def log_message(self, format: str, *args: object) -> None:
            """Tests read `requests` instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = AdminStub(url=f"http://127.0.0.1:{server.server_port}")
    stub.answer("GET /admin/policies", {"policies": [policy()]})
    stub.answer("GET /admin/policies/default", policy())
    stub.answer("PUT /admin/policies/default/rollout", policy())
    stub.answer("POST /admin/policies/default/kill", policy(killed=True))
    stub.answer("GET /readyz", {"status": "ok", "upstream": "ok", "store": "ok", "backlog": 0})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
