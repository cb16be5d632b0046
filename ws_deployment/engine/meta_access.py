"""Comes to meta clusters outside a run's tasks: to their traffic, and to their Kubernetes API where they have one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ws_deployment.engine import backends, plugins
from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.pipeline import Task
from ws_deployment.errors import RefusedError
from ws_deployment.fleet.clusters import Fleet, MetaCluster
from ws_deployment.interfaces import ITrafficRouter, KubernetesAccess, NotYetError, Scope

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube

#: Seconds for one answer: less than a lease lasts.
_ANSWER = 5.0


@dataclass(frozen=True)
class MetaApi:
    """The Kubernetes API of the meta cluster `meta`, and the namespace of it that is ours to write to."""

    meta: str
    namespace: str
    kube: Kube


def unshared(metas: Iterable[MetaCluster]) -> tuple[str, ...]:
    """Names of the meta clusters without a Kubernetes API: a run's lock on them holds in its state store only."""
    return tuple(meta.name for meta in metas if not has_api(meta))


def lock_reach(metas: Iterable[MetaCluster]) -> str:
    """What a plan says of a lock that other state stores do not see; empty where all of them do."""
    names = ", ".join(unshared(metas))
    return f"locked in this state store only: no Kubernetes API is configured for {names}" if names else ""


def check_shared(fleet: Fleet, *, accepted: bool) -> None:
    """Raise RefusedError for a production run whose lock others do not see, unless that was `accepted`."""
    reach = lock_reach(fleet.meta_clusters)
    if reach and fleet.environment == "production" and not accepted:
        raise RefusedError(
            "locking",
            on=fleet.name,
            why=reach,
            remedy="Say where it is (`kubernetes` of the meta cluster), or accept that a run from another state store "
            "is not noticed: --unshared-lock.",
        )


def meta_apis(metas: Iterable[MetaCluster], run: RunSurroundings) -> tuple[MetaApi, ...]:
    """The Kubernetes APIs of those that have one, by name of the meta cluster. Raises what `meta_api` raises."""
    found = (meta_api(meta, run) for meta in sorted(metas, key=lambda meta: meta.name))
    return tuple(api for api in found if api)


def meta_api(meta: MetaCluster, run: RunSurroundings) -> MetaApi | None:
    """The Kubernetes API of a meta cluster, where it has one. A kubeconfig is read, no server is asked.

    Raises NotYetError where the lab has not started it, UsageError for a kubeconfig or context that is not there.
    """
    access = _access(meta)
    return _api(meta, access, run) if access else None


def router(fleet: Fleet, meta: MetaCluster, run: RunSurroundings) -> ITrafficRouter:
    """What moves the traffic of `meta`: as the pipeline's shift says, else the bridge itself.

    Its `context` has no time limit that a task would have set: see `TaskContext.restart_clock`.
    """
    task = Task(f"{meta.name}/traffic", "traffic", Scope.META, meta.name, (), ())
    context = TaskContext(run, fleet, task, {})
    context.restart_clock(run.config.defaults.timeouts.run)
    by = backends.router(run.config)
    return context.traffic_router(by.via, by.options, meta)


def has_api(meta: MetaCluster) -> bool:
    """Whether a Kubernetes API is configured for the meta cluster; the lab may have to start it first."""
    try:
        return _access(meta) is not None
    except NotYetError:
        return True


def _access(meta: MetaCluster) -> KubernetesAccess | None:
    return plugins.cluster_type(meta.type)().kubernetes(meta)


def _api(meta: MetaCluster, access: KubernetesAccess, run: RunSurroundings) -> MetaApi:
    from ws_deployment.clients.kube import Kube  # noqa: PLC0415  loaded when used
    from ws_deployment.clients.kubeconfig import write_one_context  # noqa: PLC0415  YAML is not free

    source = run.config_folder / Path(access.kubeconfig).expanduser() if access.kubeconfig else None
    target = run.scratch / f"meta-{meta.name}.kubeconfig"
    write_one_context(source, access.context, target)
    return MetaApi(meta.name, access.namespace, Kube(target, timeout=_ANSWER))


def known(apis: Sequence[MetaApi], meta: str) -> MetaApi | None:
    """The one of that meta cluster."""
    return next((api for api in apis if api.meta == meta), None)
