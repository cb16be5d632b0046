"""The bridge's own gauges, under the names and labels of the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ws_deployment.lab.bridge.store import Cluster


class ClusterGauges(Collector):
    """Score and cordon of each cluster, read when they are scraped."""

    def __init__(self, clusters: Callable[[], Sequence[Cluster]]) -> None:
        self._clusters = clusters

    def collect(self) -> Iterator[Metric]:
        """One sample a cluster and gauge."""
        score = GaugeMetricFamily(
            "gitpod_ws_manager_bridge_cluster_score", "Score of each registered cluster.", labels=["workspace_cluster"]
        )
        cordoned = GaugeMetricFamily(
            "gitpod_ws_manager_bridge_cluster_cordoned", "1 for a cordoned cluster.", labels=["workspace_cluster"]
        )
        for each in self._clusters():
            score.add_metric([each.name], each.score)
            cordoned.add_metric([each.name], int(each.cordoned))
        yield score
        yield cordoned


def registry(clusters: Callable[[], Sequence[Cluster]]) -> CollectorRegistry:
    """A registry of these gauges alone."""
    made = CollectorRegistry()
    made.register(ClusterGauges(clusters))
    return made
