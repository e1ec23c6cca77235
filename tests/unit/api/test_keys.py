"""Keys: default deny, constant time, one key only."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from gateway.api.keys import ANYONE, Keys, digest, presented
from gateway.errors import ForbiddenError, UnauthorizedError

KEYS = Keys(clients=((digest("a-key"), "a"), (digest("b-key"), "b")), admin=digest("root"), loopback=False)
OPEN = Keys(clients=(), admin=None, loopback=True)


def test_a_key_names_its_tenant() -> None:
    """Each key is its own tenant's."""
    assert (KEYS.tenant("a-key"), KEYS.tenant("b-key")) == ("a", "b")


@pytest.mark.parametrize("key", [None, "", "a-ke", "a-key ", "root", "é\ud800"])
def test_any_other_key_is_refused(key: str | None) -> None:
    """401 for none, a wrong one, a part of one, and the admin key on a client's route."""
    with pytest.raises(UnauthorizedError):
        KEYS.tenant(key)


def test_no_keys_means_open() -> None:
    """Everybody is the default tenant, and may administer on loopback."""
    assert OPEN.tenant(None) == OPEN.tenant("whatever") == ANYONE
    OPEN.administer(None)


def test_administration_needs_the_admin_key() -> None:
    """A client's key does not administer; without an admin key nobody does, unless all is open on loopback."""
    KEYS.administer("root")
    for key in (None, "a-key", ""):
        with pytest.raises(UnauthorizedError):
            KEYS.administer(key)
    for keys in (
        Keys(clients=KEYS.clients, admin=None, loopback=True),
        Keys(clients=(), admin=None, loopback=False),
    ):
        with pytest.raises(ForbiddenError):
            keys.administer(None)


@pytest.mark.parametrize("name", ["x-api-key", "api-key"])
def test_all_three_headers_carry_a_key(name: str) -> None:
    """Bearer, x-api-key and api-key, whatever the case."""
    assert presented(CIMultiDict({name.upper(): "k"}), []) == "k"
    assert presented(CIMultiDict(), ["bearer k"]) == presented(CIMultiDict(), ["Bearer  k"]) == "k"
    assert presented(CIMultiDict(), []) is None


@pytest.mark.parametrize(
    ("headers", "authorization"),
    [
        ({}, ["Bearer a", "Bearer b"]),
        ({"x-api-key": "a"}, ["Bearer b"]),
        ({}, ["Basic a"]),
        ({}, ["Bearer"]),
        ({}, [""]),
    ],
)
def test_ambiguous_and_malformed_keys_are_refused(headers: dict[str, str], authorization: list[str]) -> None:
    """Never guess which of two keys was meant, and never echo them."""
    with pytest.raises(UnauthorizedError):
        presented(CIMultiDict(headers), authorization)
