"""Unguessable ids: the system's randomness, fetched in blocks, because each fetch is a system call."""

from __future__ import annotations

import os
import secrets

_BLOCK = 4096


class Tokens:
    """Hands out random bytes, each once."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def hex(self, count: int) -> str:
        """`count` random bytes, at most 4096, as hexadecimal digits."""
        at = self._at
        if at + count > len(self._block):
            self._block, at = secrets.token_bytes(_BLOCK), 0
        self._at = at + count
        return self._block[at : at + count].hex()

    def forget(self) -> None:
        """Throw away what was fetched: two processes must not hand out the same."""
        self._block = b""


_tokens = Tokens()
os.register_at_fork(after_in_child=_tokens.forget)


def token(count: int) -> str:
    """`count` random bytes as hexadecimal digits."""
    return _tokens.hex(count)
