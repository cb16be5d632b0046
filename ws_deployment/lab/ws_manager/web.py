"""The ws-manager's HTTP port: / tells the cluster's name, /metrics counts by the names of today.

With ?generation=2021 it does by those of then. In the real system the generation is the installation's; here it is for
whoever scrapes to say, so that one cluster can stand at meta clusters of both.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ws_deployment.lab.loopback_web import Handler, LoopbackWeb
from ws_deployment.lab.ws_manager.generations import OlderNames


def web(port: int, newer: CollectorRegistry, cluster: str) -> LoopbackWeb:
    """The server, not begun; `newer` are the metrics of today."""

    class OfCluster(_Metrics):
        name = cluster
        generations = {"2026": newer, "2021": OlderNames(newer)}  # noqa: RUF012  the annotation stands in _Metrics

    return LoopbackWeb(port, OfCluster)


class _Metrics(Handler):
    name: str
    generations: dict[str, CollectorRegistry | OlderNames]

    def do_GET(self) -> None:  # noqa: N802  http.server's
        """Serve / and /metrics."""
        asked = urlsplit(self.path)
        names = self.generations.get(parse_qs(asked.query).get("generation", ["2026"])[0])
        if asked.path == "/":
            self.answer(HTTPStatus.OK, "text/plain; charset=utf-8", f"{self.name}\n".encode())
        elif asked.path == "/metrics" and names is not None:
            self.answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(names))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)
