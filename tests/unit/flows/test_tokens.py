"""Ids that nobody can guess, and nobody gets twice."""

from __future__ import annotations

import os

from gateway.flows.tokens import Tokens, token


def test_every_one_is_new() -> None:
    """Over the ends of many blocks, and of any length."""
    tokens = Tokens()
    made = [tokens.hex(1 + number % 40) for number in range(5000)]
    assert [len(one) // 2 for one in made] == [1 + number % 40 for number in range(5000)]
    long = [one for one in made if len(one) >= 32]
    assert len(set(long)) == len(long)


def test_after_a_fork_both_go_on_differently() -> None:
    """A child that was given the parent's block would hand out the parent's ids."""
    token(16)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, token(16).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 64).decode() != token(16)
    os.close(reading)
    os.close(writing)
