"""The cluster behind a name: whether it is there, whose it is, since when, and what is installed on it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.pipeline import Task
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.clusters import Fleet, WorkspaceCluster
from ws_deployment.fleet.folders import cluster_folder, instance_folder
from ws_deployment.fleet.marks import FLEET, RUN
from ws_deployment.interfaces import NotYetError, Scope
from ws_deployment.tools.files import read_json

if TYPE_CHECKING:
    from ws_deployment.clients.helm_releases import Release
    from ws_deployment.clients.kube import Kube

#: Seconds for one answer of a cluster, and for all that a cluster's type has to ask.
_ANSWER, _TYPE = 5.0, 30.0


@dataclass(frozen=True)
class Behind:
    """A cluster. `there` is None where it can't be known; `problem` says what could not be asked.

    `run` and `fleet` are its owner's marks, empty where it bears none. `created` is ISO 8601, UTC. `folder` is its
    Terraform instance, where this machine has it.
    """

    name: str
    short_name: str
    there: bool | None = None
    problem: str = ""
    run: str = ""
    fleet: str = ""
    created: str = ""
    url: str = ""
    releases: tuple[Release, ...] = ()
    folder: str = ""


def exists(fleet: Fleet, cluster: WorkspaceCluster, run: RunSurroundings) -> Behind:
    """Whether the cluster is there, as its type and this machine's folders know. Its API is not asked."""
    return _exists(fleet, cluster, run)[0]


def examine(fleet: Fleet, cluster: WorkspaceCluster, run: RunSurroundings) -> Behind:
    """All that can be known of the cluster. What can't be asked is told in `problem`, never raised."""
    found, kubeconfig = _exists(fleet, cluster, run)
    if kubeconfig is None:
        return found
    from ws_deployment.clients.kube import Kube  # noqa: PLC0415  the library behind it is heavy

    try:
        return _asked(found, Kube(kubeconfig, cluster.context, timeout=_ANSWER))
    except WsDeploymentError as error:
        return replace(found, problem=error.why)


def _exists(fleet: Fleet, cluster: WorkspaceCluster, run: RunSurroundings) -> tuple[Behind, Path | None]:
    context = TaskContext(
        run, fleet, Task(f"{cluster.short_name}/status", "status", Scope.CLUSTER, cluster.short_name, (), ()), {}
    )
    context.restart_clock(_TYPE)
    found = _owned_by_folder(Behind(cluster.name, cluster.short_name), fleet, run)
    kind = context.cluster_type(cluster.type)
    try:
        kubeconfig = kind.kubeconfig(context)
    except NotYetError as error:
        # Raised from another error, it was not this cluster that was missing but the way to ask.
        if not cluster.create or error.__cause__ is not None:
            return replace(found, problem=error.why), None
        with contextlib.suppress(WsDeploymentError):
            if cluster.name not in kind.taken_names(fleet):
                return replace(found, there=False, problem=error.why), None
        return replace(found, problem=error.why), None
    except WsDeploymentError as error:
        return replace(found, problem=error.why), None
    with contextlib.suppress(WsDeploymentError):
        found = replace(found, url=kind.url(context) or cluster.url or "")
    return replace(found, there=True), kubeconfig


def _owned_by_folder(found: Behind, fleet: Fleet, run: RunSurroundings) -> Behind:
    folder = instance_folder(cluster_folder(run.state, fleet.name, found.name))
    owner = read_json(folder / "owner.json")
    if not isinstance(owner, dict):
        return found
    return replace(found, run=owner.get("run", ""), fleet=owner.get("fleet", fleet.name), folder=str(folder))


def _asked(found: Behind, kube: Kube) -> Behind:
    from ws_deployment.clients.helm_releases import deployed  # noqa: PLC0415  loaded when used
    from ws_deployment.clients.owner_marks import owner_marks  # noqa: PLC0415  loaded when used

    system = kube.get("v1", "Namespace", "kube-system") or {"metadata": {}}
    releases = deployed(kube)
    owner = owner_marks(kube, releases, RUN)
    return replace(
        found,
        run=found.run or owner.get(RUN, ""),
        fleet=found.fleet or owner.get(FLEET, ""),
        created=system["metadata"].get("creationTimestamp", ""),
        releases=releases,
    )


def age(created: str, now: datetime) -> str:
    """How long ago that was: `4m`, `7h`, `12d`; empty where it is not known."""
    if not created:
        return ""
    seconds = (now - datetime.fromisoformat(created)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"
