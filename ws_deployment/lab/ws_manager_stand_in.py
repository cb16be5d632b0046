"""Runs the process that stands for a cluster's ws-manager: its keys, its settings, its start.

What that process does is written in `lab.ws_manager`; this module only makes sure that it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ws_deployment.errors import TransientError
from ws_deployment.lab import daemon
from ws_deployment.lab.daemon import Daemon
from ws_deployment.lab.manifests import Manifest, client_secrets
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.files import write_json, write_private
from ws_deployment.tools.folders import private_folder

#: The process's name, and its folder's in the cluster's.
NAME = "ws-manager"


def ensure_material(cluster: LabCluster) -> None:
    """Make sure of its settings and keys: the server's in `ws-manager`, a client's in `pki`, of their own authority."""
    folder = private_folder(cluster.folder / NAME)
    _write_config(cluster)
    if (folder / "ca.crt").exists():
        return
    from ws_deployment.lab import pki  # noqa: PLC0415  costs 100 ms, and is in memory after the control plane's keys

    authority = pki.authority("ws-manager")
    pki.client(authority, "ws-manager-bridge").write(cluster.folder / "pki", "ws-manager-client")
    pki.server(authority, "ws-manager", ["127.0.0.1", "localhost", "ws-manager"]).write(folder, "tls")
    write_private(folder / "ca.crt", authority.certificate_pem())


def _write_config(cluster: LabCluster) -> None:
    settings = {
        "port": cluster.ws_manager_port,
        "metrics_port": cluster.ws_manager_metrics_port,
        "kubeconfig": str(cluster.kubeconfig),
    }
    write_json(cluster.folder / NAME / "config.json", settings)


def secrets(cluster: LabCluster) -> list[Manifest]:
    """The Secrets by which a registration gets at the client's material."""
    pki = cluster.folder / "pki"
    authority = (cluster.folder / NAME / "ca.crt").read_bytes()
    return client_secrets(
        authority, (pki / "ws-manager-client.crt").read_bytes(), (pki / "ws-manager-client.key").read_bytes()
    )


def ensure_running(cluster: LabCluster) -> Daemon:
    """Make sure that the process runs. It serves half a second later, and looks for the API server until it answers."""
    if present := daemon.find(cluster.folder, NAME):
        return present
    _ready_file(cluster).unlink(missing_ok=True)
    argv = [sys.executable, "-m", "ws_deployment.lab.ws_manager", "--home", str(cluster.folder)]
    return daemon.start(NAME, argv, home=cluster.folder)


def await_serving(cluster: LabCluster, watch: Callable[[], None], *, timeout: float) -> None:
    """Wait until the process serves. `watch` raises when waiting is vain; TransientError after `timeout` seconds."""

    def serving() -> bool:
        watch()
        return _ready_file(cluster).exists()

    if not daemon.wait_until(serving, timeout=timeout):
        why = f"it does not serve after {timeout:g} s"
        raise TransientError("starting", on=f"ws-manager of {cluster.name}", why=why)


def _ready_file(cluster: LabCluster) -> Path:
    return cluster.folder / NAME / "ready"
