"""The bridge's HTTP port: /metrics as the real one has it; /workspaces and /starts, the lab's own way to start some.

/starts tells how many went to which cluster since the process began.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ws_deployment.lab.bridge.starter import Order, Starter
from ws_deployment.lab.bridge.workspaces import Workspaces
from ws_deployment.lab.loopback_web import Handler, LoopbackWeb


def web(port: int, registry: CollectorRegistry, placing: Starter, kept: Workspaces) -> LoopbackWeb:
    """The server, not begun."""

    class OfBridge(_Bridge):
        metrics, starter, workspaces = registry, placing, kept

    return LoopbackWeb(port, OfBridge)


class _Bridge(Handler):
    metrics: CollectorRegistry
    starter: Starter
    workspaces: Workspaces

    def do_GET(self) -> None:  # noqa: N802  http.server's
        """Serve /metrics, and the starter's counts as /starts."""
        match urlsplit(self.path).path:
            case "/metrics":
                self.answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.metrics))
            case "/starts":
                self._answer_json(HTTPStatus.OK, asdict(self.starter.counts()))
            case _:
                self._answer_json(HTTPStatus.NOT_FOUND, {"error": "no such path"})

    def do_POST(self) -> None:  # noqa: N802  http.server's
        """Start workspaces: the body is an Order in JSON, the answer a list of what became of them."""
        try:
            order = Order(**json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))
        except (ValueError, TypeError) as error:
            self._answer_json(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        self._answer_json(HTTPStatus.OK, {"started": [asdict(each) for each in self.starter.start(order)]})

    def do_DELETE(self) -> None:  # noqa: N802  http.server's
        """Stop the workspaces of ?session=."""
        session = parse_qs(urlsplit(self.path).query).get("session", [""])[0]
        if not session:
            self._answer_json(HTTPStatus.BAD_REQUEST, {"error": "which session?"})
            return
        self.workspaces.stop(session)
        self._answer_json(HTTPStatus.OK, {})

    def _answer_json(self, status: HTTPStatus, value: object) -> None:
        self.answer(status, "application/json", json.dumps(value).encode())
