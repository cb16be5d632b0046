"""A small HTTP server of a lab process: on loopback, in threads of its own, silent."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LoopbackWeb:
    """Serves `handler` on 127.0.0.1; `port` is the one that it got, where any free one (0) was asked for."""

    def __init__(self, port: int, handler: type[Handler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        """Begin to serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="web").start()

    def stop(self) -> None:
        """Stop serving; requests under way are dropped."""
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers requests; a subclass has the `do_` methods."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        """Send the whole answer; `kind` is its media type."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's
        """Say nothing: what happened is told by logs of the processes' own."""
