"""The ws-manager's HTTP port: / tells the cluster's name, /metrics counts by the names of today.

With ?generation=2021 it does by those of then. In the real system the generation is the installation's; here it is for
whoever scrapes to say, so that one cluster can stand at meta clusters of both.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ws_deployment.lab.ws_manager.generations import OlderNames


class Web:
    """Serves on 127.0.0.1 in threads of its own; `port` is the one that it got."""

    def __init__(self, port: int, newer: CollectorRegistry, cluster: str) -> None:
        class Handler(_Handler):
            name = cluster
            generations = {"2026": newer, "2021": OlderNames(newer)}  # noqa: RUF012  the annotation stands in _Handler

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        """Begin to serve."""
        threading.Thread(target=self._server.serve_forever, daemon=True, name="web").start()

    def stop(self) -> None:
        """Stop serving; requests under way are dropped."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    name: str
    generations: dict[str, CollectorRegistry | OlderNames]

    def do_GET(self) -> None:
        """Serve / and /metrics."""
        asked = urlsplit(self.path)
        names = self.generations.get(parse_qs(asked.query).get("generation", ["2026"])[0])
        if asked.path == "/":
            self._answer(f"{self.name}\n".encode(), "text/plain; charset=utf-8")
        elif asked.path == "/metrics" and names is not None:
            self._answer(generate_latest(names), CONTENT_TYPE_LATEST)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's
        """Say nothing."""
