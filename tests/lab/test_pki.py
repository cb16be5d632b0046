"""Keys and certificates, judged by the TLS library that will meet them."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest

from ws_deployment.lab import pki


def handshake(folder: Path, host: str, client: str) -> str:
    """Who the server takes the client for; both sides check the other's certificate."""
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.crt")
    server_side.verify_mode = ssl.CERT_REQUIRED
    server_side.load_cert_chain(folder / "server.crt", folder / "server.key")
    client_side = ssl.create_default_context(cafile=folder / "ca.crt")
    client_side.load_cert_chain(folder / f"{client}.crt", folder / f"{client}.key")
    left, right = socket.socketpair()
    seen: list[str] = []

    def serve() -> None:
        try:
            with server_side.wrap_socket(left, server_side=True) as peer:
                names = dict(part[0] for part in peer.getpeercert()["subject"])
                seen.append(f"{names['commonName']} of {names.get('organizationName', 'none')}")
                peer.send(b"x")
        except ssl.SSLError as error:
            seen.append(error.reason or "")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client_side.wrap_socket(right, server_hostname=host) as peer:
            peer.recv(1)
    finally:
        right.close()
        thread.join()
    return seen[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki")
    authority = pki.authority("lab")
    authority.write(path, "ca")
    pki.server(authority, "api", ["127.0.0.1", "localhost"]).write(path, "server")
    pki.client(authority, "admin", "system:masters").write(path, "admin")
    pki.client(pki.authority("lab"), "admin", "system:masters").write(path, "stranger")
    return path


def test_both_sides_know_each_other(folder: Path) -> None:
    assert handshake(folder, "localhost", "admin") == "admin of system:masters"
    assert handshake(folder, "127.0.0.1", "admin") == "admin of system:masters"


def test_another_host_and_another_authority_are_refused(folder: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="evil"):
        handshake(folder, "evil", "admin")
    with pytest.raises(ssl.SSLError):
        assert handshake(folder, "localhost", "stranger") == "never"


def test_keys_are_private_and_not_shown(folder: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert (folder / "admin.key").read_text().startswith("-----BEGIN EC PRIVATE KEY-----")
    assert "PRIVATE" not in repr(pki.authority("lab"))
