"""Certificates for servers on the loopback, signed by an authority that is made for one test run."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def server_context(folder: Path, names: str = "DNS:localhost, IP:127.0.0.1") -> ssl.SSLContext:
    """A server's TLS with a certificate for these names; that of their authority is left in `authority.pem`."""
    (folder / "openssl.cnf").write_text(_CONFIG.format(names=names))
    request = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config openssl.cnf"
    _openssl(folder, f"{request} -x509 -days 2 -extensions authority -keyout authority.key -out authority.pem")
    _openssl(folder, f"{request} -keyout server.key -out server.csr")
    sign = "x509 -req -days 2 -CA authority.pem -CAkey authority.key -CAcreateserial -extfile openssl.cnf"
    _openssl(folder, f"{sign} -extensions server -in server.csr -out server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
