"""Where workers listen: a port that is taken, or an address that is not ours, is told before anything starts."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.settings.schema import Settings
from gateway.workers import Supervisor, _reserve, run_here
from tests.unit.settings.mistakes import GOOD, settings


def taken(listener: socket.socket, **server: object) -> Settings:
    """Settings for the port that somebody listens on."""
    port = listener.getsockname()[1]
    return settings(GOOD, {"GATEWAY__SERVER": json.dumps({"port": port, "workers": 2, **server})})


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "with SO_REUSEPORT"])
def test_a_port_in_use_is_told(shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one worker and with several; also where the other would share it: two gateways would take turns."""
    monkeypatch.chdir(tmp_path)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        for serve in (Supervisor(taken(listener)).run, lambda: run_here(taken(listener, workers=1))):
            with pytest.raises(GatewayError, match="the port is in use; is a gateway running already"):
                serve()


@pytest.mark.parametrize(
    ("host", "said"),
    [("192.0.2.1", "this machine has no such address"), ("no-such-host.invalid", "there is no such name")],
)
def test_an_address_that_is_not_ours_is_told(host: str, said: str) -> None:
    """A host that was copied from another machine's file."""
    found = settings(
        f"{GOOD}keys: [{{tenant: a, key: abcdef}}]\n",
        {"GATEWAY__SERVER": json.dumps({"host": host, "workers": 2, "port": 8080})},
    )
    with pytest.raises(GatewayError, match=f"cannot listen on {host}:8080: {said}"):
        Supervisor(found).run()


def test_a_port_that_nobody_listens_on_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of the last run that are still closing are no obstacle to the next."""
    monkeypatch.chdir(tmp_path)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as asyncio's do
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        client = socket.create_connection(address)
        server, _ = listener.accept()
        server.close()  # the side that closes first keeps the address in TIME_WAIT
        client.close()
    with _reserve(settings(GOOD, {"GATEWAY__SERVER__PORT": str(address[1])}).server) as holder:
        assert holder.getsockname() == address
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(address)  # as a worker does
            other.listen()
