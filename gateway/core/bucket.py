"""Stable hashing of a unit into [0, 1): the one primitive under rollout and experiments."""

from __future__ import annotations

from hashlib import blake2b


def position(salt: str, unit: str) -> float:
    """Where `unit` lies in [0, 1) under `salt`: uniform over units, the same on every replica and for ever."""
    # The length prefix keeps ("ab", "c") apart from ("a", "bc").
    digest = blake2b(f"{len(salt)}:{salt}{unit}".encode(errors="surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53
