"""The lab as a whole: what is in it, and how to be rid of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ws_deployment.lab import daemon, meta_kubernetes, prometheus, record
from ws_deployment.lab.cluster import delete_cluster, is_running, list_clusters
from ws_deployment.lab.faults import Fault, cluster_fault, meta_fault
from ws_deployment.lab.instance import forget
from ws_deployment.lab.layout import lab_home, names_in
from ws_deployment.lab.meta import LabMeta, delete_meta, list_metas
from ws_deployment.lab.record import LabCluster
from ws_deployment.lab.registrations import registrations


def lab_status() -> dict[str, Any]:
    """What the lab runs, as JSON values: `metaClusters` and `clusters`, each with its `state` and registrations.

    `faults` are those that were ordered, by field; `ails` tells them in words, and is empty for what is healthy.
    """
    known = registrations()
    metas = [
        {
            "name": meta.name,
            "api": meta.api,
            "endpoint": meta.endpoint,
            "metricsPort": meta.metrics_port,
            "state": "running" if meta.running() else "stopped",
            "kubeconfig": str(kubernetes.kubeconfig) if (kubernetes := meta_kubernetes.find(meta.name)) else None,
            "prometheus": _prometheus(meta),
            **_health(meta_fault(meta.folder)),
        }
        for meta in list_metas()
    ]
    clusters = [
        {
            **cluster.public(),
            "state": _state(cluster),
            "registrations": [
                {"meta": each.meta, "name": each.name, "score": each.score, "cordoned": each.cordoned}
                for each in known
                if each.url == cluster.url
            ],
            **_health(cluster_fault(cluster.folder)),
        }
        for cluster in list_clusters()
    ]
    return {"metaClusters": metas, "clusters": clusters}


def remove_everything(*, on_progress: Callable[[str], None] = lambda _line: None) -> None:
    """Remove all clusters and meta clusters of the lab, and end what still bears its mark."""
    for name in names_in("clusters"):
        known = record.read(name)
        delete_cluster(name)
        if known:
            forget(known)
        on_progress(f"{name}: removed")
    for name in sorted({*names_in("meta"), *names_in("meta-kubernetes")}):
        delete_meta(name)
        on_progress(f"{name}: removed")
    daemon.end(daemon.strays(lab_home()), grace=0)


def _prometheus(meta: LabMeta) -> dict[str, Any] | None:
    known = prometheus.find(meta.folder)
    return {"url": known.url, "running": known.running()} if known else None


def _health(fault: Fault) -> dict[str, Any]:
    return {"faults": asdict(fault), "ails": fault.words()}


def _state(cluster: LabCluster) -> str:
    if not cluster.complete:
        return "incomplete"
    if cluster_fault(cluster.folder).unreachable:
        return "unreachable"
    return "running" if is_running(cluster) else "stopped"
