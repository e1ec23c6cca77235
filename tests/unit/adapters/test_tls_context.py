"""The trust of the HTTP clients is strict."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway.adapters.tls_context import client_tls
from tests.neighbours.certificates import server_context


def test_certificates_and_names_are_verified() -> None:
    """By the system's store, of which nothing is said here."""
    context = client_tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_authorities_replace_the_systems(tmp_path: Path) -> None:
    """Exactly those of the file are trusted."""
    server_context(tmp_path)
    assert [found["subject"] for found in client_tls(str(tmp_path / "authority.pem")).get_ca_certs()] == [
        ((("commonName", "test"),),)
    ]
