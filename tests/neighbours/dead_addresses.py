"""Addresses on the loopback at which no connection comes about, each in its own way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def unconnectable() -> Iterator[str]:
    """The base URL of a server whose queue of connections is full, so that a new one is neither taken nor refused."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = sockets.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield "http://{}:{}/v1".format(*listener.getsockname())


def refusing() -> str:
    """A base URL on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return "http://{}:{}/v1".format(*listener.getsockname())
