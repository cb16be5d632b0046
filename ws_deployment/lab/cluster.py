"""Creates, finds and deletes lab clusters: real Kubernetes control planes with simulated nodes.

Creating twice is creating once: what another attempt of the same run left half-done is gone on with.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.lab import control_plane, daemon, manifests, record, ws_manager_stand_in
from ws_deployment.lab.control_plane import PortTakenError, Tools
from ws_deployment.lab.faults import cluster_fault
from ws_deployment.lab.layout import cluster_folder, lock_file, names_in
from ws_deployment.lab.ports import free_ports
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.catalogue import CONTROL_PLANE
from ws_deployment.tools.folders import private_folder
from ws_deployment.tools.lock import locked
from ws_deployment.tools.provide import provide

Progress = Callable[[str], None]

#: Seconds within which a part must have come up; a machine under load takes ten times what an idle one does.
_PATIENCE = 120.0
#: Times that other ports are tried when one was taken meanwhile.
_PORT_ATTEMPTS = 4
_NODE_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


def create_cluster(
    name: str,
    *,
    run_id: str,
    fleet: str,
    labels: Mapping[str, str] | None = None,
    region: str = "",
    nodes: int = 3,
    on_progress: Progress = lambda _line: None,
) -> LabCluster:
    """Create the lab cluster `name`, about two seconds, and return it when Pods can run in it.

    `run_id` and `fleet` are its owner's marks; `labels` are kept with it. One that bears the same run's mark is gone
    on with, or returned; its processes are started again where they have ended (after a reboot).

    Raises RefusedError when it is another run's or was ordered to be unreachable, MissingToolError without the
    programs, TransientError when a part does not come up.
    """
    began = time.monotonic()
    with _changing(name, on_progress) as folder:
        cluster = _adopted(name, run_id, on_progress)
        if cluster_fault(folder).unreachable:
            raise _unreachable(name)
        tools = provide(*CONTROL_PLANE, on_progress=on_progress)
        if not cluster:
            private_folder(folder)
            api, ws_manager, metrics = free_ports(3)
            cluster = LabCluster(
                name, folder, run_id, fleet, region, dict(labels or {}), nodes, api, ws_manager, metrics
            )
            cluster.write()
        cluster = _started(cluster, tools, on_progress)
        on_progress(f"{name}: ready after {time.monotonic() - began:.1f} s at {cluster.endpoint}")
    return cluster


def restart_cluster(cluster: LabCluster, *, on_progress: Progress = lambda _line: None) -> LabCluster:
    """Start the processes of a cluster that have ended. Raises as `create_cluster` does."""
    return create_cluster(cluster.name, run_id=cluster.run_id, fleet=cluster.fleet, on_progress=on_progress)


def delete_cluster(name: str, *, run_id: str | None = None) -> bool:
    """End the cluster's processes and remove its folder; return whether there was one.

    With `run_id`, raises RefusedError when the cluster is another run's.
    """
    with _changing(name) as folder:
        if not folder.exists():
            return False
        known = record.read(name)
        if run_id is not None and known and known.run_id != run_id:
            raise _not_ours(known, run_id, "deleting")
        daemon.end_all(folder)
        shutil.rmtree(folder)
    return True


def get_cluster(name: str) -> LabCluster:
    """The lab cluster `name`, complete or not. Raises UsageError when there is none."""
    if known := record.read(name):
        return known
    there = ", ".join(names_in("clusters")) or "none"
    raise UsageError("looking for lab cluster", on=name, why="there is none", remedy=f"Lab clusters here: {there}.")


def list_clusters() -> list[LabCluster]:
    """All lab clusters, complete or not, by name."""
    return [known for name in names_in("clusters") if (known := record.read(name))]


def is_running(cluster: LabCluster) -> bool:
    """Whether all of the cluster's processes are alive."""
    processes = daemon.recorded(cluster.folder)
    return len(processes) >= len(CONTROL_PLANE) and all(process.alive() for process in processes)


@contextmanager
def _changing(name: str, on_progress: Progress = lambda _line: None) -> Iterator[Path]:
    folder = cluster_folder(name)
    with locked(lock_file(folder), on_wait=lambda: on_progress(f"{name}: another process is changing it, waiting")):
        yield folder


def _adopted(name: str, run_id: str, on_progress: Progress) -> LabCluster | None:
    """What an earlier attempt has left, if it is ours. A folder without a record is nobody's: it is cleared."""
    known = record.read(name)
    if known and known.run_id != run_id:
        raise _not_ours(known, run_id, "creating")
    folder = cluster_folder(name)
    if not known and folder.exists():
        daemon.end_all(folder)
        shutil.rmtree(folder)
    if known and not known.complete:
        on_progress(f"{name}: going on with what an earlier attempt has left")
        daemon.end_strays(folder)
    return known


def _started(cluster: LabCluster, tools: Tools, on_progress: Progress) -> LabCluster:
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        try:
            return _ensure(cluster, tools, on_progress)
        except PortTakenError:
            if attempt == _PORT_ATTEMPTS:
                raise
            on_progress(f"{cluster.name}: a port was taken meanwhile, choosing others")
            cluster = _with_other_ports(cluster)
    raise AssertionError  # the last attempt returns or raises


def _with_other_ports(cluster: LabCluster) -> LabCluster:
    # The one who came too late has ended; those who got their ports are at them, and keep them.
    present = {process.name for process in daemon.recorded(cluster.folder) if process.alive()}
    api, ws_manager, metrics = free_ports(3)
    if "kube-apiserver" not in present:
        cluster = replace(cluster, api_port=api)
    if ws_manager_stand_in.NAME not in present:
        cluster = replace(cluster, ws_manager_port=ws_manager, ws_manager_metrics_port=metrics)
    cluster.write()
    return cluster


def _ensure(cluster: LabCluster, tools: Tools, on_progress: Progress) -> LabCluster:
    home = cluster.folder
    etcd = control_plane.ensure_storage(home, tools)
    control_plane.ensure_keys(home)
    control_plane.write_kubeconfig(home, cluster.name, cluster.api_port)
    server = control_plane.ensure_api_server(home, tools, cluster.api_port, etcd)
    ws_manager_stand_in.ensure_material(cluster)
    stand_in = ws_manager_stand_in.ensure_running(cluster)
    on_progress(f"{cluster.name}: waiting for the API server")
    from ws_deployment.lab.api import Api  # noqa: PLC0415  imported while the API server starts

    pki = home / "pki"
    api = Api(cluster.api_port, authority=pki / "ca.crt", certificate=pki / "admin.crt", key=pki / "admin.key")
    processes = [etcd, server]

    def watch() -> None:
        control_plane.check(home, processes)

    # An administrator by certificate is served before the API server calls itself ready.
    api.wait("/api/v1/nodes", timeout=_PATIENCE, watch=watch)
    for node in manifests.nodes(cluster):
        api.create("/api/v1/nodes", node)
    api.wait("/readyz", timeout=_PATIENCE, watch=watch)
    if cluster.complete and not daemon.find(home, "kwok"):
        # The kwok that has ended holds the nodes for 40 s more; another one would leave their Pods alone until then.
        api.delete_all(_NODE_LEASES)
    on_progress(f"{cluster.name}: waiting for the nodes")
    processes += [*control_plane.ensure_controllers(home, tools), stand_in]
    api.create("/api/v1/namespaces/kube-system/configmaps", manifests.mark(cluster))
    for secret in ws_manager_stand_in.secrets(cluster):
        api.create("/api/v1/namespaces/default/secrets", secret)
    api.wait("/api/v1/nodes", lambda body: _ready_nodes(body) >= cluster.nodes, timeout=_PATIENCE, watch=watch)
    # No Pod is admitted before its namespace has its service account.
    api.wait("/api/v1/namespaces/default/serviceaccounts/default", timeout=_PATIENCE, watch=watch)
    api.close()
    ws_manager_stand_in.await_serving(cluster, watch, timeout=_PATIENCE)
    cluster = replace(cluster, complete=True)
    cluster.write()
    return cluster


def _ready_nodes(body: Any) -> int:
    return sum(
        any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
        for conditions in (node["status"].get("conditions", []) for node in body["items"])
    )


def _unreachable(name: str) -> RefusedError:
    remedy = f"Heal it: ws-deployment lab fault {name} --clear"
    return RefusedError("starting", on=f"lab cluster {name}", why="it was ordered to be unreachable", remedy=remedy)


def _not_ours(known: LabCluster, run_id: str, attempted: str) -> RefusedError:
    return RefusedError(
        attempted,
        on=f"lab cluster {known.name}",
        why=f"it belongs to run {known.run_id or '(none)'}, not to {run_id or '(none)'}",
        remedy=f"Use another name, or remove it: ws-deployment lab cluster delete {known.name}",
    )
