"""Clusters that an entry of the config made under other ids: earlier ones beside those of a run. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from ws_deployment.fleet import names
from ws_deployment.fleet.clusters import Fleet, WorkspaceCluster


def sibling(fleet: Fleet, short_name: str) -> WorkspaceCluster | None:
    """The cluster of that short name that one of the fleet's entries makes, under whatever id; None where none does."""
    for cluster in fleet.workspace_clusters:
        if cluster.short_name == short_name:
            return cluster
    named = re.fullmatch(r"(.*[a-z])([1-9]\d*)", short_name)
    if named is None or int(named[2]) not in names.IDS:
        return None
    for cluster in fleet.workspace_clusters:
        # A name that the config gives is not of any one id.
        made = names.cloud_name(fleet.environment, cluster.prefix, fleet.cluster_id, cluster.region)
        if cluster.create and cluster.prefix == named[1] and cluster.name == made:
            return _under(cluster, fleet, int(named[2]))
    return None


def _under(cluster: WorkspaceCluster, fleet: Fleet, cluster_id: int) -> WorkspaceCluster:
    short_name = names.short_name(cluster.prefix, cluster_id)
    zone, url = fleet.project.dns_zone, cluster.url
    if zone and url == f"https://{names.host(cluster.prefix, fleet.cluster_id, zone)}":
        url = f"https://{names.host(cluster.prefix, cluster_id, zone)}"
    return replace(
        cluster,
        name=names.cloud_name(fleet.environment, cluster.prefix, cluster_id, cluster.region),
        short_name=short_name,
        url=url,
        metrics_label=names.metrics_label(fleet.environment, short_name),
    )
