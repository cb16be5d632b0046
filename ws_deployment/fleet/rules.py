"""Rules about the names that a config's clusters will bear. Rules between fields stand in the config's rules."""

from __future__ import annotations

from collections.abc import Iterator

from ws_deployment.config.defaults import cluster_with_defaults
from ws_deployment.config.document import Document
from ws_deployment.config.rules import Finding
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.fleet import names

#: The id with the longest name.
_LONGEST_ID = names.IDS[-1]


def check_names(config: ConfigV1, _: Document | None = None) -> Iterator[Finding]:
    """Names that Google Kubernetes Engine would refuse, whatever the id that is drawn. A rule for the loader."""
    for index, own in enumerate(config.workspace_clusters):
        cluster = cluster_with_defaults(own, config.defaults.workspace_cluster)
        if cluster.type != "gke" or not cluster.create:
            continue
        made = names.cloud_name(config.environment, cluster.prefix, _LONGEST_ID, cluster.region or "")
        name = cluster.name or made
        over = len(name) - names.LONGEST_GKE_NAME
        if over > 0:
            message = f"the cluster's name `{name}` has {len(name)} characters; GKE allows {names.LONGEST_GKE_NAME}"
            key = "name" if cluster.name else "prefix"
            yield Finding(("workspaceClusters", index, key), message, f"Make the {key} at least {over} shorter.")
