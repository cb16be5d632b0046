"""The objects that the lab puts into a new cluster: nodes, the mark of its owner, client material. Data alone."""

from __future__ import annotations

import base64
import json
from typing import Any

from ws_deployment.fleet.marks import marks
from ws_deployment.lab.record import LabCluster

Manifest = dict[str, Any]

#: Where the charts of real workspace clusters want their Pods (node selectors and affinities of the charts).
_WORKLOADS = ("meta", "ide", "workspace_services", "workspace_regular", "workspace_headless")
_SIZE = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "1000"}

#: The secrets that a registration reads, by the bridge's generation: 2026's first.
CLIENT_SECRETS = ("ws-manager-mk2-client-tls", "ws-manager-client-tls")


def nodes(cluster: LabCluster) -> list[Manifest]:
    """The cluster's simulated nodes."""
    labels = {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **{f"gitpod.io/workload_{workload}": "true" for workload in _WORKLOADS},
        **({"topology.kubernetes.io/region": cluster.region} if cluster.region else {}),
    }
    return [_node(f"{cluster.name}-{number}", labels) for number in range(1, cluster.nodes + 1)]


def mark(cluster: LabCluster) -> Manifest:
    """The ConfigMap that says whose cluster it is."""
    data = {
        "cluster": cluster.name,
        "runId": cluster.run_id,
        "fleet": cluster.fleet,
        "labels": json.dumps(cluster.labels, sort_keys=True),
    }
    labels = {key: value for key, value in marks(cluster.run_id, cluster.fleet).items() if value}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ws-deployment", "namespace": "kube-system", "labels": labels},
        "data": data,
    }


def client_secrets(authority: bytes, certificate: bytes, key: bytes) -> list[Manifest]:
    """The client material of the cluster's ws-manager (PEM), under the names of both generations."""
    data = {"ca.crt": authority, "tls.crt": certificate, "tls.key": key}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": "default"},
            "data": {file: base64.b64encode(content).decode() for file, content in data.items()},
        }
        for name in CLIENT_SECRETS
    ]


def _node(name: str, labels: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**labels, "kubernetes.io/hostname": name},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "status": {"capacity": _SIZE, "allocatable": _SIZE},
    }
