"""Configs whose pipeline takes clusters of a management cluster to another release, and their objects there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.cluster_api import EXAMPLES, apply_as_user
from harness.configs import write_config

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.cluster_api import ORDER, ClusterApi
from ws_deployment.lab.record import LabCluster

KCP = ("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane")
POOL = ("cluster.x-k8s.io/v1beta2", "MachineDeployment")
CLUSTER = ("cluster.x-k8s.io/v1beta2", "Cluster")
NAMES = ("alpha", "bravo", "carol")
#: Seconds that the lab's controllers take for a machine.
PACE = 0.2


def make_clusters(kube: Kube, space: str, names: tuple[str, ...] = NAMES) -> None:
    """Clusters as the release 20.0.0 made them."""
    text = (EXAMPLES / "clusters" / "alpha.yaml").read_text().replace("namespace: clusters", f"namespace: {space}")
    for name in names:
        apply_as_user(kube, text.replace("alpha", name))


def order(kube: Kube, space: str, name: str, how: str) -> None:
    """Have the lab's controllers play the upgrade of a cluster so from now on."""
    metadata = {"name": name, "namespace": space, "annotations": {ORDER: how}}
    kube.apply_fields({"apiVersion": CLUSTER[0], "kind": CLUSTER[1], "metadata": metadata}, "orders")


@contextmanager
def controllers(kube: Kube, space: str) -> Iterator[None]:
    """The lab's controllers, as long as the context lasts."""
    stop, played = threading.Event(), ClusterApi(kube, space, pace=PACE)
    played.reconcile()
    thread = threading.Thread(target=played.play, args=(stop,), kwargs={"every": 0.1})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def upgrade_config(folder: Path, cluster: LabCluster, space: str, *, wait: str = "60s", **parts: Any) -> Path:
    """Three clusters that are managed by `cluster`: alpha first, then the rest, one at once."""
    management = {"kubeconfig": str(cluster.kubeconfig), "namespace": space, "releases": str(EXAMPLES)}
    clusters = [
        {
            "prefix": name[0],
            "name": name,
            "region": "europe-west1",
            "governedBy": "meta",
            "type": "existing",
            "create": False,
            "kubeconfig": str(cluster.kubeconfig),
        }
        for name in NAMES
    ]
    return write_config(
        folder,
        **{
            "metaClusters": [{"name": "meta", "region": "europe-west1", "type": "existing"}],
            "workspaceClusters": clusters,
            "waves": [{"prefixes": ["a"], "soak": "500ms"}, {"atMost": 1}],
            "pipeline": [
                {"step": "upgrade-diff", "with": {"management": management, "to": "20.1.0"}},
                {"step": "apply-upgrade", "with": {"management": management}},
                {"step": "wait-upgraded", "with": {"management": management, "time": wait, "patience": "1s"}},
            ],
            **parts,
        },
    )


def everything(kube: Kube, space: str, name: str) -> dict[str, Any]:
    """What the objects of a cluster say: labels and spec, by kind and name."""
    found = {}
    for kind in (KCP, POOL, CLUSTER):
        for one in kube.list(*kind, space, selector={"cluster.x-k8s.io/cluster-name": name}):
            found[f"{one['kind']} {one['metadata']['name']}"] = {
                "labels": one["metadata"].get("labels"),
                "spec": one["spec"],
            }
    return found


def release_of(kube: Kube, space: str, name: str) -> str:
    """The release that a cluster bears the mark of."""
    found = kube.get(*CLUSTER, name, space)
    assert found
    return str(found["metadata"]["labels"]["ws-deployment.dev/release"])
