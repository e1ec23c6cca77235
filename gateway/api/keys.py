"""Who is calling: client and admin keys, held only as hashes and compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from gateway.errors import ForbiddenError, UnauthorizedError

Role = Literal["public", "client", "admin"]
ANYONE = "default"
"""The tenant of every caller where no keys are configured."""


def digest(key: str) -> bytes:
    """What is kept of a key."""
    return sha256(key.encode(errors="surrogatepass")).digest()


def presented(headers: Mapping[str, str], all_authorization: Iterable[str]) -> str | None:
    """The key a request carries as Bearer, x-api-key or api-key; UnauthorizedError if it carries several."""
    found: list[str] = []
    for value in all_authorization:
        scheme, _, token = value.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthorizedError("The Authorization header must read 'Bearer <key>'.")
        found.append(token.strip())
    found.extend(headers[name] for name in ("x-api-key", "api-key") if name in headers)
    if len(set(found)) > 1:
        raise UnauthorizedError("The request carries more than one key; send exactly one.")
    return found[0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Decides who may do what. `clients`: (digest, tenant) pairs; without any, everybody is the default tenant."""

    clients: tuple[tuple[bytes, str], ...]
    admin: bytes | None
    loopback: bool
    """Whether the server listens on loopback only: then no keys means open."""

    def tenant(self, key: str | None) -> str:
        """The tenant behind a client key; UnauthorizedError if there is none."""
        if not self.clients:
            return ANYONE
        if key is None:
            raise UnauthorizedError("No API key was given. Send 'Authorization: Bearer <key>'.")
        mine = digest(key)
        tenant: str | None = None
        # Every key is compared, so that the time taken tells nothing of which one matched.
        for known, name in self.clients:
            if hmac.compare_digest(known, mine):
                tenant = name
        if tenant is None:
            raise UnauthorizedError("The API key is not known here.")
        return tenant

    def administer(self, key: str | None) -> None:
        """Returns if the key may administer; ForbiddenError or UnauthorizedError if not."""
        if self.admin is None:
            if self.clients or not self.loopback:
                raise ForbiddenError("Administration is off: set admin_key in the configuration to use /admin.")
            return
        if key is None:
            raise UnauthorizedError("No admin key was given. Send 'Authorization: Bearer <admin key>'.")
        if not hmac.compare_digest(self.admin, digest(key)):
            raise UnauthorizedError("This is not the admin key.")
