"""Whom the lanes' HTTP clients trust."""

from __future__ import annotations

import ssl


def ended_by_peer(tls: ssl.SSLObject) -> bool:
    """Whether the end of this connection is the peer's own word, rather than a break that anybody can bring about."""
    try:
        return tls.read(1) == b""
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:
        return False


def client_tls(authorities: str | None = None) -> ssl.SSLContext:
    """TLS that verifies certificates and names by this file of authorities, or by the system's trust store.

    It reads files, for tens of milliseconds: not to be called on the event loop.
    """
    context = ssl.create_default_context(cafile=authorities)
    context.set_alpn_protocols(["http/1.1"])
    return context
