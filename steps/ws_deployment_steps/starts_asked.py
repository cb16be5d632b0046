"""Counts the starts of each cluster by asking Prometheus, for a traffic router that counts none itself."""

from __future__ import annotations

from collections.abc import Mapping

from ws_deployment.config.query_template import fill
from ws_deployment.config.ready_gates import starts_query
from ws_deployment.config.v1 import BridgeApi
from ws_deployment.traffic.counters import Rise
from ws_deployment_steps.gate_asking import Queries


class StartsAsked:
    """Starts of `clusters` (short name to value of the label `cluster`) since the first look at them.

    `api` is the generation of the metrics.
    """

    def __init__(self, queries: Queries, clusters: Mapping[str, str], api: BridgeApi = "2026") -> None:
        self._queries = queries
        self._names = {label: name for name, label in clusters.items()}
        self._query = fill(starts_query(api), cluster="none", old=clusters.values(), window=1)
        self._rises = {name: Rise() for name in clusters}
        self._totals = dict.fromkeys(clusters, 0.0)
        self._first = True

    def look(self) -> Mapping[str, int]:
        """Starts by short name since the first look, which gives 0 for all. Raises what asking raises.

        A cluster that was not seen then had no start: its counter appears with the first one.
        """
        samples = self._queries.query(self._query)
        for name, rise in self._rises.items():
            series = [(s.labels, s.value) for s in samples if self._names.get(s.labels.get("cluster", "")) == name]
            self._totals[name] += rise.since(series, first=self._first)
        self._first = self._first and not samples
        return {name: round(total) for name, total in self._totals.items()}
