"""Finds the lab cluster behind a registration: the registration has the short name, the lab's folder the full one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.bridge.store import Cluster
from ws_deployment.tools.files import read_json


def all_kubeconfigs(lab_home: Path) -> list[Path]:
    """The kubeconfigs of all clusters that the lab has."""
    return sorted((lab_home / "clusters").glob("*/kubeconfig"))


def kubeconfig_of(cluster: Cluster, lab_home: Path) -> Path:
    """The kubeconfig of the lab cluster whose ws-manager is at the registered URL. Raises WsDeploymentError."""
    port = urlsplit(cluster.url).port
    for kubeconfig in all_kubeconfigs(lab_home):
        if port in _ports(kubeconfig.parent / "ws-manager"):
            return kubeconfig
    raise WsDeploymentError("reaching cluster", on=cluster.name, why=f"no cluster of this lab is at {cluster.url}")


def _ports(folder: Path) -> set[int]:
    """The port that a ws-manager was given, and the one that it serves if it was left to choose."""
    ports = set()
    for name in ("config.json", "ready"):
        told = read_json(folder / name)
        if told:
            ports.add(told["port"])
    return ports
