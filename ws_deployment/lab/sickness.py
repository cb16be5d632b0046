"""Makes clusters and meta clusters of the lab sick, and heals them: notes the fault, ends and starts what it takes.

What a fault is, and where it is noted, is told in `faults`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ws_deployment.config.suggest import did_you_mean
from ws_deployment.errors import UsageError
from ws_deployment.lab import daemon, prometheus
from ws_deployment.lab.cluster import is_running, list_clusters, restart_cluster
from ws_deployment.lab.faults import ClusterFault, Fault, MetaFault, cluster_fault, keep, meta_fault
from ws_deployment.lab.layout import lock_file
from ws_deployment.lab.meta import LabMeta, ensure_meta, list_metas
from ws_deployment.lab.record import LabCluster
from ws_deployment.lab.registrations import registrations
from ws_deployment.tools.lock import locked

Progress = Callable[[str], None]


def find_patient(name: str) -> LabCluster | LabMeta:
    """What in the lab has that name: a meta cluster, or a cluster by its own name or by its registration's.

    One that is not registered yet is found by a part of its name too: eu17 in gp-stag-ws-eu17-eu-west1. Raises
    UsageError where there is none, or where several fit.
    """
    clusters, metas = list_clusters(), list_metas()
    short = {cluster.name: {each.name for each in registrations() if each.url == cluster.url} for cluster in clusters}
    fitting = (
        [each for each in clusters if each.name == name]
        or [each for each in clusters if name in short[each.name]]
        or [each for each in clusters if name in each.name.split("-")]
    )
    found: list[LabCluster | LabMeta] = [*fitting, *(meta for meta in metas if meta.name == name)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found)
        raise UsageError("looking in the lab for", on=name, why=f"several fit: {names}", remedy="Give a full name.")
    known = [*sorted(set().union(*short.values())), *short, *(meta.name for meta in metas)]
    remedy = did_you_mean(name, known, what="what the lab has") or "It is empty: ws-deployment lab up"
    raise UsageError("looking in the lab for", on=name, why="there is none", remedy=remedy)


def fault_of(patient: LabCluster | LabMeta) -> Fault:
    """How it is sick now."""
    return cluster_fault(patient.folder) if isinstance(patient, LabCluster) else meta_fault(patient.folder)


def make_sick(patient: LabCluster | LabMeta, ordered: dict[str, Any]) -> Fault:
    """Add the fields `ordered` to how it is sick, and return that. Raises UsageError where it can't be sick so."""
    present = fault_of(patient)
    if unknown := sorted(ordered.keys() - vars(present).keys()):
        kind = "a cluster" if isinstance(patient, LabCluster) else "a meta cluster"
        flags = ", ".join(f"--{each.replace('_', '-')}" for each in unknown)
        can = ", ".join(f"--{each.replace('_', '-')}" for each in vars(present))
        raise UsageError(
            "making sick", on=patient.name, why=f"it is {kind}, which has no {flags}", remedy=f"It has {can}."
        )
    fault = replace(present, **ordered)
    with locked(lock_file(patient.folder)):
        keep(patient.folder, fault)
        if isinstance(fault, ClusterFault) and fault.unreachable:
            daemon.end_all(patient.folder)
        if isinstance(fault, MetaFault) and fault.prometheus_down:
            prometheus.stop(patient.folder, grace=0)
    return fault


def heal(patient: LabCluster | LabMeta, on_progress: Progress = lambda _line: None) -> None:
    """End all that ails it, and start again what was ended for it. Raises TransientError when that does not come up."""
    was = fault_of(patient)
    with locked(lock_file(patient.folder)):
        keep(patient.folder, type(was)())
    if isinstance(patient, LabMeta):
        ensure_meta(patient.name, patient.api, on_progress=on_progress)
    elif not is_running(patient):
        restart_cluster(patient, on_progress=on_progress)
