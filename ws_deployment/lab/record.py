"""What is known of one lab cluster, and its file `cluster.json`. Nothing in it is secret."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ws_deployment.lab.layout import cluster_folder
from ws_deployment.tools.files import read_json, write_json

_FILE = "cluster.json"


@dataclass(frozen=True)
class LabCluster:
    """A Kubernetes control plane on this machine.

    `folder` holds all that is its own: keys, data, logs, records of its processes. `run_id` and `fleet` are its owner's
    marks. `nodes` counts simulated nodes. `created` is UTC, ISO 8601. `complete` is false while it is being made, and
    stays so when its maker dies.
    """

    name: str
    folder: Path
    run_id: str
    fleet: str
    region: str
    labels: dict[str, str]
    nodes: int
    api_port: int
    ws_manager_port: int
    ws_manager_metrics_port: int
    complete: bool = False
    created: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"))

    @property
    def endpoint(self) -> str:
        """Its API server's address."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of its administrator, mode 0600."""
        return self.folder / "kubeconfig"

    @property
    def url(self) -> str:
        """Its ws-manager's address: what the meta cluster is told when the cluster is registered."""
        return f"https://127.0.0.1:{self.ws_manager_port}"

    @property
    def ca_certificate(self) -> str:
        """The certificate authority of its API server, PEM."""
        return (self.folder / "pki" / "ca.crt").read_text()

    def write(self) -> None:
        """Write the record into the cluster's folder, with what others read of it: `terraform/local` reads it too."""
        write_json(self.folder / _FILE, {**asdict(self), "folder": str(self.folder), **self.public()})

    def public(self) -> dict[str, Any]:
        """What is of use to others."""
        return {
            "name": self.name,
            "endpoint": self.endpoint,
            "url": self.url,
            "http": f"http://127.0.0.1:{self.ws_manager_metrics_port}",
            "kubeconfig": str(self.kubeconfig),
            "run_id": self.run_id,
            "fleet": self.fleet,
            "region": self.region,
            "labels": self.labels,
            "nodes": self.nodes,
            "created": self.created,
        }


def read(name: str) -> LabCluster | None:
    """The record of the lab cluster `name`; None when there is none."""
    folder = cluster_folder(name)
    value = read_json(folder / _FILE)
    if not value:
        return None
    # The folder is where it was found, not where it once was.
    known = {field.name: value[field.name] for field in fields(LabCluster) if field.name in value}
    return LabCluster(**known | {"folder": folder})
