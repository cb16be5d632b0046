"""What `defaults.workspaceCluster` gives to a workspace cluster that does not say otherwise."""

from __future__ import annotations

from ws_deployment.config.v1 import WorkspaceCluster, WorkspaceClusterDefaults

#: What holds where neither a cluster nor the defaults say otherwise.
DEFAULT_TYPE = "gke"


def cluster_with_defaults(cluster: WorkspaceCluster, defaults: WorkspaceClusterDefaults) -> WorkspaceCluster:
    """`cluster` with all that it leaves open filled from `defaults`; labels are merged, the cluster's own win.

    `type` and `create` are never None in what is returned.
    """
    given = {name: value for name, value in defaults if value is not None}
    own = {name: value for name, value in cluster if value is not None}
    labels = {**(defaults.labels or {}), **(cluster.labels or {})}
    filled = {"type": DEFAULT_TYPE, "create": True} | given | own
    return cluster.model_copy(update=filled | ({"labels": labels} if labels else {}))
