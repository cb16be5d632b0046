"""Tells Prometheus which ws-managers there are: a file in the form of its file_sd, which it watches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.bridge.kubeconfigs import kubeconfig_of
from ws_deployment.lab.bridge.settings import Settings
from ws_deployment.lab.bridge.store import Cluster
from ws_deployment.lab.prometheus import NAME, TARGETS_FILE
from ws_deployment.tools.files import read_json, write_json
from ws_deployment.tools.folders import private_folder


class Targets:
    """The file of one meta cluster: the ws-managers of this lab that are registered at it."""

    def __init__(self, settings: Settings) -> None:
        self._file = private_folder(settings.home / NAME) / TARGETS_FILE
        self._api = settings.api
        self._lab_home = settings.lab_home

    def tell(self, clusters: Sequence[Cluster]) -> None:
        """Write the file anew where it would change. A cluster that is not of this lab is left out."""
        found = [target for each in clusters if (target := self._target(each))]
        if found != read_json(self._file):
            write_json(self._file, found)

    def _target(self, cluster: Cluster) -> dict[str, Any] | None:
        try:
            folder = kubeconfig_of(cluster, self._lab_home).parent / "ws-manager"
        except WsDeploymentError:
            return None
        # The parameter asks for the names of this generation's metrics; labels that begin so are not kept.
        labels = {"cluster": cluster.name, "__param_generation": self._api.value}
        return {"targets": [f"127.0.0.1:{_metrics_port(folder)}"], "labels": labels}


def _metrics_port(folder: Path) -> int:
    """The port that it serves if it was left to choose, else the one that it was given."""
    told = read_json(folder / "ready") or read_json(folder / "config.json")
    return int(told["metrics_port"])
