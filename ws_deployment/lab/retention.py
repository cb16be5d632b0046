"""Removes the lab's old clusters, so that rollout after rollout does not fill the machine.

One that takes traffic, or on which workspaces still run, is never removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.cluster import delete_cluster, list_clusters
from ws_deployment.lab.meta import list_metas
from ws_deployment.lab.record import LabCluster
from ws_deployment.lab.registrations import registrations


def _delete(cluster: LabCluster) -> None:
    delete_cluster(cluster.name)


def remove_surplus(
    prefix: str,
    *,
    keep: int = 2,
    destroy: Callable[[LabCluster], None] = _delete,
    on_progress: Callable[[str], None] = lambda _line: None,
) -> list[LabCluster]:
    """Deregister and destroy the clusters that `surplus_clusters` chooses; return those that are gone.

    `destroy` removes one: by Terraform, where Terraform made it. A cluster that a meta cluster does not let go, because
    workspaces run on it or the meta cluster is not there, is told of and stays.
    """
    removed = []
    for cluster in surplus_clusters(prefix, keep=keep):
        try:
            _deregister(cluster)
        except WsDeploymentError as error:
            on_progress(f"{cluster.name}: stays ({error})")
            continue
        destroy(cluster)
        on_progress(f"{cluster.name}: removed, the newest {keep} stay")
        removed.append(cluster)
    return removed


def surplus_clusters(prefix: str, *, keep: int = 2) -> list[LabCluster]:
    """The lab clusters of `prefix` beyond the newest `keep`, oldest first, but for those that take traffic.

    A cluster is of a prefix when its name or a registration of it says so (`gp-stag-ws-eu17-eu-west1`, `eu17`).
    """
    known = registrations()
    names = {cluster.name: {each.name for each in known if each.url == cluster.url} for cluster in list_clusters()}
    busy = {each.url for each in known if each.takes_traffic}
    of_prefix = [cluster for cluster in list_clusters() if _is_of(prefix, cluster.name, names.get(cluster.name, set()))]
    oldest_first = sorted(of_prefix, key=lambda cluster: (cluster.created, cluster.name))
    return [cluster for cluster in oldest_first[: max(0, len(oldest_first) - keep)] if cluster.url not in busy]


def _is_of(prefix: str, name: str, short_names: set[str]) -> bool:
    short = re.compile(rf"{re.escape(prefix)}\d{{1,3}}")
    in_name = re.compile(rf"gp-(?:prod|stag)-ws-{short.pattern}(?:-.*)?")
    return bool(in_name.fullmatch(name)) or any(short.fullmatch(each) for each in short_names)


def _deregister(cluster: LabCluster) -> None:
    known = [each for each in registrations() if each.url == cluster.url]
    metas = {meta.name: meta for meta in list_metas()}
    if not known:
        return
    from ws_deployment.clients.bridge.client import BridgeClient  # noqa: PLC0415  gRPC is heavy, and often not needed

    for each in known:
        with BridgeClient(metas[each.meta].endpoint, metas[each.meta].api) as bridge:
            bridge.deregister(each.name)
