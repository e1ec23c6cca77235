"""The table of routes."""

from __future__ import annotations

from pathlib import Path

from gateway.api.middleware import ROLES
from gateway.api.routes import build
from tests.serving import serving


async def test_every_route_has_a_role(tmp_path: Path) -> None:
    """A route that nobody gave a role is a hole or dead: there is none."""
    async with serving(tmp_path) as client:
        app = build(client.gateway.services, max_body_bytes=1000)
        roles = app[ROLES]
        assert {r.canonical for r in app.router.resources()} == set(roles)
        assert all(roles[path] == "admin" for path in roles if path.startswith("/admin"))
        assert all(roles[path] != "public" for path in roles if path.startswith("/v1"))
