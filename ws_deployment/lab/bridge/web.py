"""The bridge's HTTP port: /metrics as the real one has it; /workspaces and /starts, the lab's own way to start some.

/starts tells how many went to which cluster since the process began.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ws_deployment.lab.bridge.starter import Order, Starter
from ws_deployment.lab.bridge.workspaces import Workspaces


class Web:
    """Serves on 127.0.0.1 in threads of its own; `port` is the one that it got."""

    def __init__(self, port: int, metrics: CollectorRegistry, starter: Starter, workspaces: Workspaces) -> None:
        class Handler(_Handler):
            pass

        Handler.metrics, Handler.starter, Handler.workspaces = metrics, starter, workspaces
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
    metrics: CollectorRegistry
    starter: Starter
    workspaces: Workspaces

    def do_GET(self) -> None:
        """Serve /metrics, and the starter's counts as /starts."""
        match urlsplit(self.path).path:
            case "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self.metrics))
            case "/starts":
                self._answer_json(HTTPStatus.OK, asdict(self.starter.counts()))
            case _:
                self._answer_json(HTTPStatus.NOT_FOUND, {"error": "no such path"})

    def do_POST(self) -> None:
        """Start workspaces: the body is an Order in JSON, the answer a list of what became of them."""
        try:
            order = Order(**json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))
        except (ValueError, TypeError) as error:
            self._answer_json(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            return
        self._answer_json(HTTPStatus.OK, {"started": [asdict(each) for each in self.starter.start(order)]})

    def do_DELETE(self) -> None:
        """Stop the workspaces of ?session=."""
        session = parse_qs(urlsplit(self.path).query).get("session", [""])[0]
        if not session:
            self._answer_json(HTTPStatus.BAD_REQUEST, {"error": "which session?"})
            return
        self.workspaces.stop(session)
        self._answer_json(HTTPStatus.OK, {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's
        """Say nothing: calls.jsonl and the load's own output tell what happened."""

    def _answer_json(self, status: HTTPStatus, value: object) -> None:
        self._answer(status, "application/json", json.dumps(value).encode())

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
