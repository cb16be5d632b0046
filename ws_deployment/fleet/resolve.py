"""From config and id to fleet. Pure: the same config and id always give the same fleet."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from ws_deployment.config import v1
from ws_deployment.fleet import names
from ws_deployment.fleet.clusters import Fleet, Governance, MetaCluster, WorkspaceCluster

_T = TypeVar("_T")


def fleet_name(config: v1.ConfigV1) -> str:
    """The fleet's name: the config's, or project-environment."""
    return config.name or f"{config.project.id}-{config.environment}"


def resolve(
    config: v1.ConfigV1, cluster_id: int, *, only: Collection[str] = (), exclude: Collection[str] = ()
) -> Fleet:
    """The fleet that `config` describes with `cluster_id`.

    `only` and `exclude` select clusters by prefix or name; meta clusters that govern none of the selected ones are
    left out as well.
    """
    clusters = tuple(
        _cluster(config, cluster, cluster_id)
        for cluster in config.workspace_clusters
        if (not only or _matches(cluster, only)) and not _matches(cluster, exclude)
    )
    governing = {governance.meta for cluster in clusters for governance in cluster.governed_by}
    return Fleet(
        name=fleet_name(config),
        environment=config.environment,
        project=config.project,
        cluster_id=cluster_id,
        workspace_clusters=clusters,
        meta_clusters=tuple(meta for meta in meta_clusters(config) if meta.name in governing),
    )


def meta_clusters(config: v1.ConfigV1) -> tuple[MetaCluster, ...]:
    """All meta clusters of `config`, whatever they govern."""
    return tuple(
        MetaCluster(meta.name, meta.region, meta.type, meta.bridge, meta.kubernetes, meta.prometheus)
        for meta in config.meta_clusters
    )


def _matches(cluster: v1.WorkspaceCluster, wanted: Collection[str]) -> bool:
    return cluster.prefix in wanted or cluster.name in wanted


def _cluster(config: v1.ConfigV1, cluster: v1.WorkspaceCluster, cluster_id: int) -> WorkspaceCluster:
    defaults = config.defaults.workspace_cluster
    region = cluster.region or defaults.region or ""
    create = _first(cluster.create, defaults.create, default=True)
    zone = config.project.dns_zone
    short_name = names.short_name(cluster.prefix, cluster_id) if create else cluster.name or cluster.prefix
    host = names.host(cluster.prefix, cluster_id, zone) if zone and create else None
    return WorkspaceCluster(
        name=cluster.name or names.cloud_name(config.environment, cluster.prefix, cluster_id, region),
        short_name=short_name,
        prefix=cluster.prefix,
        region=region,
        type=cluster.type or defaults.type or "gke",
        create=create,
        governed_by=_governance(cluster, defaults),
        url=cluster.url or defaults.url or (f"https://{host}" if host else None),
        metrics_label=names.metrics_label(config.environment, short_name),
        labels={**(defaults.labels or {}), **(cluster.labels or {})},
        values_files=_first(cluster.values_files, defaults.values_files, default=()),
        replaces=cluster.replaces,
        kubeconfig=cluster.kubeconfig or defaults.kubeconfig,
        context=cluster.context or defaults.context,
        command=_first(cluster.command, defaults.command, default=()),
        capacity=cluster.capacity,
    )


def _governance(cluster: v1.WorkspaceCluster, defaults: v1.WorkspaceClusterDefaults) -> tuple[Governance, ...]:
    governed_by = cluster.governed_by or defaults.governed_by or ()
    hints = cluster.hints or defaults.hints or v1.Hints()
    if isinstance(governed_by, str):
        return (Governance(meta=governed_by, preferability=hints.preferability),)
    return tuple(
        Governance(
            meta=one.meta,
            govern=one.govern,
            cordoned=one.cordoned,
            preferability=(one.hints or hints).preferability,
        )
        for one in governed_by
    )


def _first(*candidates: _T | None, default: _T) -> _T:
    return next((candidate for candidate in candidates if candidate is not None), default)
