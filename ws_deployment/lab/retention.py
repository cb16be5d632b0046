"""Chooses which of the lab's old clusters may go, so that rollout after rollout does not fill the machine.

It never chooses one that takes traffic. How a chosen one is removed is the caller's matter.
"""

from __future__ import annotations

import re

from ws_deployment.lab.cluster import list_clusters
from ws_deployment.lab.record import LabCluster
from ws_deployment.lab.registrations import registrations


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
