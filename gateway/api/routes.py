"""Every route with the role it needs: what is not in this table is nobody's."""

from __future__ import annotations

from aiohttp import web

from gateway.api import admin, chat, feedback, models, operations
from gateway.api.keys import Role
from gateway.api.middleware import ROLES, Handler, door, unnamed
from gateway.api.services import SERVICES, Services

_TABLE: tuple[tuple[str, str, Role, Handler], ...] = (
    ("POST", "/v1/chat/completions", "client", chat.chat),
    ("POST", "/chat/completions", "client", chat.chat),
    ("GET", "/v1/models", "client", models.listing),
    ("GET", "/models", "client", models.listing),
    ("GET", "/v1/models/{id:.+}", "client", models.one),
    ("GET", "/models/{id:.+}", "client", models.one),
    ("POST", "/v1/feedback", "client", feedback.feedback),
    ("GET", "/healthz", "public", operations.healthz),
    ("GET", "/readyz", "public", operations.readyz),
    # Counts only, no prompts and no keys: open, as scrapers expect it.
    ("GET", "/metrics", "public", operations.metrics),
    ("GET", "/admin/policies", "admin", admin.policies),
    ("GET", "/admin/policies/{name}", "admin", admin.policy),
    ("PUT", "/admin/policies/{name}/rollout", "admin", admin.rollout),
    ("POST", "/admin/policies/{name}/kill", "admin", admin.kill),
    ("GET", "/admin/state", "admin", admin.state),
    ("GET", "/admin/decisions", "admin", admin.decisions),
    ("GET", "/admin/decisions/{id}", "admin", admin.decision),
)


def build(services: Services, *, max_body_bytes: int) -> web.Application:
    """The application: one door, then the table."""
    app = web.Application(middlewares=[door], client_max_size=max_body_bytes)
    app[SERVICES] = services
    app[chat.IN_FLIGHT] = set()
    app.on_response_prepare.append(unnamed)
    roles: dict[str, Role] = {}
    for method, path, role, handler in _TABLE:
        route = (
            app.router.add_get(path, handler)  # and HEAD
            if method == "GET"
            else app.router.add_route(method, path, handler)
        )
        assert route.resource is not None
        roles[route.resource.canonical] = role
    app[ROLES] = roles
    return app
