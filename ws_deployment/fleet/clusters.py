"""The fleet: the config resolved to clusters with names, ids and who governs whom. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ws_deployment.config.prometheus import Prometheus
from ws_deployment.config.v1 import Bridge, Environment, KubernetesAccess, Preferability, Project


@dataclass(frozen=True)
class Governance:
    """That a workspace cluster is registered at a meta cluster, and how."""

    meta: str
    govern: bool = True
    cordoned: bool = False
    preferability: Preferability = "none"


@dataclass(frozen=True)
class WorkspaceCluster:
    """A workspace cluster of a run.

    `name` is the cloud's (`gp-prod-ws-eu17-eu-west1`), `short_name` the meta cluster's (`eu17`). `url` is where the
    meta cluster reaches it; None when neither the config nor a DNS zone says so. `replaces` is None when the config
    leaves it to the rule (available clusters of the same prefix at the same meta cluster). `capacity` is its part of
    the starts beside others of the run: one with 2 takes twice those of one with 1.
    """

    name: str
    short_name: str
    prefix: str
    region: str
    type: str
    create: bool
    governed_by: tuple[Governance, ...]
    url: str | None
    metrics_label: str
    labels: Mapping[str, str]
    values_files: tuple[str, ...]
    replaces: tuple[str, ...] | None
    kubeconfig: str | None
    context: str | None
    command: tuple[str, ...]
    capacity: float = 1.0

    def governance(self, meta: str) -> Governance:
        """How it is registered at `meta`. Raises KeyError where it is not."""
        for governance in self.governed_by:
            if governance.meta == meta:
                return governance
        raise KeyError(meta)


@dataclass(frozen=True)
class MetaCluster:
    """A control plane that sends users to workspace clusters.

    `bridge`, `kubernetes` and `prometheus` are None where the config names none.
    """

    name: str
    region: str
    type: str
    bridge: Bridge | None
    kubernetes: KubernetesAccess | None = None
    prometheus: Prometheus | None = None


@dataclass(frozen=True)
class Fleet:
    """What a run is about: the clusters that shall exist, the meta clusters that govern them, the id they share."""

    name: str
    environment: Environment
    project: Project
    cluster_id: int
    workspace_clusters: tuple[WorkspaceCluster, ...]
    meta_clusters: tuple[MetaCluster, ...]

    def cluster(self, short_name: str) -> WorkspaceCluster:
        """The workspace cluster of that short name. Raises KeyError where there is none."""
        for cluster in self.workspace_clusters:
            if cluster.short_name == short_name:
                return cluster
        raise KeyError(short_name)

    def meta(self, name: str) -> MetaCluster:
        """The meta cluster of that name. Raises KeyError where there is none."""
        for meta in self.meta_clusters:
            if meta.name == name:
                return meta
        raise KeyError(name)

    def governed_by(self, meta: str) -> tuple[WorkspaceCluster, ...]:
        """The workspace clusters that are registered at `meta`, in the config's order."""
        return tuple(c for c in self.workspace_clusters if any(g.meta == meta for g in c.governed_by))
