"""What Cluster API says of its objects: whose they are, which fields recreate nodes, who is paused or under way.

From https://cluster-api.sigs.k8s.io/reference/api/labels-and-annotations and the contract of conditions, v1beta2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ws_deployment.releases.paths import FieldPath
from ws_deployment.releases.patterns import Pattern

Object = Mapping[str, Any]

GROUP = "cluster.x-k8s.io"
CLUSTER = "Cluster"
#: Which cluster an object is of.
CLUSTER_LABEL = "cluster.x-k8s.io/cluster-name"
_PAUSED = "cluster.x-k8s.io/paused"
#: Fields whose change makes machines anew: the machine's version, what it is bootstrapped by, what it is made of.
_RECREATING = {
    "Cluster": ("spec.topology.version", "spec.topology.classRef", "spec.topology.class"),
    "KubeadmControlPlane": (
        "spec.version",
        "spec.kubeadmConfigSpec",
        "spec.machineTemplate.spec.infrastructureRef",
        "spec.machineTemplate.infrastructureRef",
    ),
    "MachineDeployment": (
        "spec.template.spec.version",
        "spec.template.spec.bootstrap",
        "spec.template.spec.infrastructureRef",
    ),
    "MachinePool": (
        "spec.template.spec.version",
        "spec.template.spec.bootstrap",
        "spec.template.spec.infrastructureRef",
    ),
}
#: Fields that hold a Kubernetes version: it goes forward only.
_VERSION = {
    "Cluster": "spec.topology.version",
    "KubeadmControlPlane": "spec.version",
    "MachineDeployment": "spec.template.spec.version",
    "MachinePool": "spec.template.spec.version",
}
_DISRUPTIVE = {kind: tuple(map(Pattern.of, paths)) for kind, paths in _RECREATING.items()}
_IRREVERSIBLE = {kind: Pattern.of(path) for kind, path in _VERSION.items()}


def marks(kind: str, path: FieldPath) -> tuple[bool, bool]:
    """Whether a change of the field recreates nodes, and whether it can't be taken back."""
    disruptive = any(one.covers(path) or one.reaches_below(path) for one in _DISRUPTIVE.get(kind, ()))
    return disruptive, holds_version(kind, path)


def holds_version(kind: str, path: FieldPath) -> bool:
    """Whether the field holds a Kubernetes version."""
    pattern = _IRREVERSIBLE.get(kind)
    return pattern is not None and pattern.covers(path)


def version_path(kind: str) -> FieldPath | None:
    """Where objects of a kind hold the Kubernetes version of their machines; None where they hold none."""
    return tuple(_VERSION[kind].split(".")) if kind in _VERSION else None


def paused(objects: Iterable[Object]) -> str:
    """Why nothing may be done to a cluster of these objects: somebody has paused it; empty if nobody has."""
    for one in objects:
        metadata = one["metadata"]
        if one["kind"] == CLUSTER and (one.get("spec") or {}).get("paused"):
            return f"Cluster {metadata['name']} is paused (spec.paused)"
        if _PAUSED in (metadata.get("annotations") or {}):
            return f"{one['kind']} {metadata['name']} is paused (annotation {_PAUSED})"
    return ""


def under_way(objects: Iterable[Object]) -> str:
    """Why a cluster of these objects is not at rest: a change of it is under way; empty if it is at rest."""
    return next((why for one in objects if (why := _under_way(one))), "")


def _under_way(one: Object) -> str:
    name = f"{one['kind']} {one['metadata']['name']}"
    if one["metadata"].get("deletionTimestamp"):
        return f"{name} is being deleted"
    status = one.get("status") or {}
    seen, generation = status.get("observedGeneration"), one["metadata"].get("generation")
    if isinstance(seen, int) and isinstance(generation, int) and seen < generation:
        return f"{name} has changes that its controller has not seen yet (generation {generation}, seen {seen})"
    for condition in _conditions(status):
        kind, value, reason = condition.get("type"), condition.get("status"), condition.get("reason") or ""
        if kind == "RollingOut" and value == "True":
            return f"{name} is rolling out ({condition.get('message') or reason})"
        if kind == "TopologyReconciled" and value == "False" and "Upgrad" in reason:
            return f"{name} is upgrading ({condition.get('message') or reason})"
    return ""


def _conditions(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The conditions, those of v1beta2 kept apart in objects of v1beta1 too."""
    for found in (status.get("conditions"), ((status.get("v1beta2") or {}).get("conditions"))):
        yield from found or ()
