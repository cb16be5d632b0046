"""The bridge's own metrics: gauges under the names and labels of the real one, and a counter that only the lab has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from ws_deployment.lab.bridge.starter import Counts
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


class StartCounters(Collector):
    """Starts by the cluster that they were placed on. By what name the real bridge counts them is not known."""

    def __init__(self, counts: Callable[[], Counts]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """One sample a cluster."""
        family = CounterMetricFamily(
            "ws_deployment_lab_bridge_starts", "Starts placed on each cluster.", labels=["workspace_cluster"]
        )
        for name, count in self._counts().starts.items():
            family.add_metric([name], count)
        yield family


def registry(clusters: Callable[[], Sequence[Cluster]], counts: Callable[[], Counts]) -> CollectorRegistry:
    """A registry of these metrics alone."""
    made = CollectorRegistry()
    made.register(ClusterGauges(clusters))
    made.register(StartCounters(counts))
    return made
