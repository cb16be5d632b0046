"""Runs the process that stands for a cluster's ws-manager: its keys, its settings, its start.

What that process does is written in `lab.ws_manager`; this module only makes sure that it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ws_deployment.lab import daemon
from ws_deployment.lab.daemon import Daemon
from ws_deployment.lab.manifests import Manifest, client_secrets
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.files import write_json, write_private
from ws_deployment.tools.folders import private_folder

_NAME = "ws-manager"


def ensure_material(cluster: LabCluster) -> None:
    """Make sure of the keys: the server's in `ws-manager`, a client's in `pki`, of an authority of their own."""
    folder = private_folder(cluster.folder / _NAME)
    if (folder / "config.json").exists():
        return
    from ws_deployment.lab import pki  # noqa: PLC0415  costs 100 ms, and is in memory after the control plane's keys

    authority = pki.authority("ws-manager")
    pki.client(authority, "ws-manager-bridge").write(cluster.folder / "pki", "ws-manager-client")
    pki.server(authority, "ws-manager", ["127.0.0.1", "localhost", "ws-manager"]).write(folder, "tls")
    write_private(folder / "ca.crt", authority.certificate_pem())
    write_config(cluster)


def write_config(cluster: LabCluster) -> None:
    """Write the settings that the process reads when it starts."""
    settings = {
        "port": cluster.ws_manager_port,
        "metrics_port": cluster.ws_manager_metrics_port,
        "kubeconfig": str(cluster.kubeconfig),
        "cluster": cluster.name,
    }
    write_json(cluster.folder / _NAME / "config.json", settings)


def secrets(cluster: LabCluster) -> list[Manifest]:
    """The Secrets by which a registration gets at the client's material."""
    pki = cluster.folder / "pki"
    authority = (cluster.folder / _NAME / "ca.crt").read_bytes()
    return client_secrets(
        authority, (pki / "ws-manager-client.crt").read_bytes(), (pki / "ws-manager-client.key").read_bytes()
    )


def ensure_running(cluster: LabCluster) -> Daemon:
    """Make sure that the process runs; it serves when `ready_file` is there."""
    if present := daemon.find(cluster.folder, _NAME):
        return present
    ready_file(cluster).unlink(missing_ok=True)
    argv = [sys.executable, "-m", "ws_deployment.lab.ws_manager", "--home", str(cluster.folder)]
    return daemon.start(_NAME, argv, home=cluster.folder)


def ready_file(cluster: LabCluster) -> Path:
    """The file that the process writes when it serves."""
    return cluster.folder / _NAME / "ready"
