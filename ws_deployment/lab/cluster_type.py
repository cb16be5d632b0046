"""The cluster type `local`: the lab's clusters as a pipeline sees them, made through Terraform like other types."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ws_deployment.config.prometheus import Prometheus
from ws_deployment.config.v1 import Bridge, KubernetesAccess
from ws_deployment.interfaces import (
    Finding,
    Fleet,
    IClusterType,
    MetaCluster,
    NotYetError,
    StepContext,
    TerraformModule,
    Verdict,
)
from ws_deployment.lab import daemon, meta_kubernetes, record
from ws_deployment.lab import meta as lab_meta
from ws_deployment.lab import prometheus as lab_prometheus
from ws_deployment.lab.cluster import list_clusters
from ws_deployment.lab.layout import cluster_folder, meta_folder
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.bundled import bundled
from ws_deployment.tools.catalogue import CONTROL_PLANE
from ws_deployment.tools.files import write_private
from ws_deployment.tools.folders import private_folder, state_path
from ws_deployment.tools.provide import find_all, provide

#: How Terraform calls the lab, wherever it is installed.
_PROGRAM = (sys.executable, "-m", "ws_deployment.lab")

#: What a run needs of the lab.
_PROGRAMS = (*CONTROL_PLANE, lab_prometheus.NAME)

#: In a cluster's private folder, where the lab that made the cluster is another state folder's.
_KUBECONFIG = "kubeconfig"

#: Bytes that one cluster's processes take (measured: 0.6 GiB with the ws-manager's).
_MEMORY = 640 * 2**20


class LocalCluster(IClusterType):
    """A real Kubernetes control plane on this machine, with simulated nodes."""

    summary: ClassVar[str] = "a real Kubernetes control plane on this machine, with simulated nodes"
    plans_offline: ClassVar[bool] = True

    def check(self, context: StepContext) -> Verdict:
        """Refuse a name that another run's cluster has; defer what a run has to build first."""
        name = context.cluster.name
        cluster_folder(name)
        known = record.read(name)
        if known and known.run_id != context.run_id:
            return Verdict.refuse(
                f"the lab has a cluster {name} of run {known.run_id}",
                f"Take another --cluster-id, or remove it: ws-deployment lab cluster delete {name}",
            )
        _found, missing = find_all(*_PROGRAMS)
        if missing and context.dry_run:
            return Verdict.deferred(f"a run builds {', '.join(sorted(missing))} first (minutes, once)")
        return Verdict.proceed()

    def terraform(self, context: StepContext) -> TerraformModule:
        """The module `terraform/local`. In a run the programs are built first, where that has not been done."""
        if not context.dry_run:
            provide(*CONTROL_PLANE, on_progress=context.progress)
        cluster = context.cluster
        variables = {
            "name": cluster.name,
            "region": cluster.region,
            "labels": dict(cluster.labels),
            "run_id": context.run_id,
            "fleet": context.fleet.name,
            "program": list(_PROGRAM),
            "state_home": str(state_path().parent),
        }
        return TerraformModule(source=str(bundled("terraform/local")), variables=variables)

    def kubeconfig(self, context: StepContext) -> Path:
        """The administrator's kubeconfig: the lab's own, or what is kept of a cluster in another one's state folder."""
        kept = context.folder / _KUBECONFIG
        known = record.read(context.cluster.name)
        return kept if known is None and kept.exists() else _complete(context).kubeconfig

    def reached(self, context: StepContext, outputs: Mapping[str, Any]) -> None:
        """Keep the kubeconfig of a cluster that is not in the lab of this state folder."""
        content = outputs.get("kubeconfig")
        if content and record.read(context.cluster.name) is None:
            write_private(private_folder(context.folder) / _KUBECONFIG, content)

    def url(self, context: StepContext) -> str | None:
        """Where its ws-manager is. Raises NotYetError while there is no cluster."""
        told = context.outputs("create-cluster").get("url") if context.shared else None
        return str(told) if told else _complete(context).url

    def taken_names(self, fleet: Fleet) -> frozenset[str]:  # noqa: ARG002  the lab has one name space for all fleets
        """The names of all lab clusters."""
        return frozenset(cluster.name for cluster in list_clusters())

    def remains(self, context: StepContext) -> Sequence[str]:
        """Its processes and its folder."""
        folder = cluster_folder(context.cluster.name)
        left = [f"the process {process.name} ({process.pid})" for process in daemon.strays(folder)]
        return [*left, str(folder)] if folder.exists() else left

    def diagnose(self, fleet: Fleet) -> Sequence[Finding]:
        """Whether the programs are here, and the memory that the fleet's lab clusters take."""
        found, missing = find_all(*_PROGRAMS)
        here = ", ".join(f"{name} {tool.version}" for name, tool in sorted(found.items()))
        programs = Finding("lab programs", "ok", here)
        if missing:
            text = f"a first run builds {', '.join(sorted(missing))} (minutes, once)"
            programs = Finding("lab programs", "warning", text, "ws-deployment lab tools")
        count = sum(cluster.type == "local" and cluster.create for cluster in fleet.workspace_clusters)
        return programs, _memory(count)

    def prepare_meta(self, meta: MetaCluster, progress: Callable[[str], None]) -> None:
        """Start the lab's meta cluster of that name where it does not run; build what a run needs and is not here."""
        provide(*_PROGRAMS, "helm", "terraform", on_progress=progress)
        lab_meta.ensure_meta(meta.name, meta.bridge.api if meta.bridge else "2026", on_progress=progress)
        if _has_own_kubernetes(meta):
            meta_kubernetes.ensure(meta.name, on_progress=progress)

    def bridge(self, meta: MetaCluster) -> Bridge:
        """The address of the lab's meta cluster. Raises NotYetError while the lab has none of that name."""
        for known in lab_meta.list_metas():
            if known.name == meta.name:
                return Bridge.model_validate({"api": known.api, "address": known.endpoint})
        raise NotYetError("finding the bridge of", on=meta.name, why="the lab starts it in a run")

    def prometheus(self, meta: MetaCluster) -> Prometheus | None:
        """The lab's own; it says where another one is. Raises NotYetError while the lab has none for that name."""
        if told := super().prometheus(meta):
            return told
        if known := lab_prometheus.find(meta_folder(meta.name)):
            return Prometheus.model_validate({"url": known.url})
        raise NotYetError("finding the Prometheus of", on=meta.name, why="the lab starts it in a run")

    def kubernetes(self, meta: MetaCluster) -> KubernetesAccess | None:
        """The lab's own where the config asks for it; it says where another one is."""
        told = meta.kubernetes
        if told is None or not _has_own_kubernetes(meta):
            return super().kubernetes(meta)
        known = meta_kubernetes.find(meta.name)
        if known is None:
            raise NotYetError("finding the Kubernetes API of", on=meta.name, why="the lab starts it in a run")
        return KubernetesAccess(kubeconfig=str(known.kubeconfig), namespace=told.namespace)


def _has_own_kubernetes(meta: MetaCluster) -> bool:
    told = meta.kubernetes
    return told is not None and not told.kubeconfig and not told.context


def _memory(clusters: int) -> Finding:
    import psutil  # noqa: PLC0415  a diagnosis alone asks

    needed, free = clusters * _MEMORY, psutil.virtual_memory().available
    text = f"{clusters} lab clusters take about {needed / 2**30:.1f} GiB; {free / 2**30:.1f} GiB are available"
    if needed < free:
        return Finding("memory", "ok", text)
    return Finding(
        "memory", "warning", text, "Select fewer clusters (--only), or remove old ones (ws-deployment lab down)."
    )


def _complete(context: StepContext) -> LabCluster:
    known = record.read(context.cluster.name)
    if known and known.complete:
        return known
    raise NotYetError("reaching", on=context.cluster.name, why="the lab has no such cluster yet")
