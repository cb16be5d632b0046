"""A stand-in for Prometheus' HTTP API that keeps what it is sent and answers as it is told.

It knows no PromQL: it shows what the client does with answers that a real one gives seldom.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from harness.http_server import serving

#: Status and body for a query, which may wait before it gives them.
Answer = Callable[[str], tuple[int, Any]]


def vector(*series: tuple[Mapping[str, str], float | str], at: float = 1.5) -> tuple[int, Any]:
    """The answer with these series, each its labels and its value."""
    result = [{"metric": labels, "value": [at, str(value)]} for labels, value in series]
    return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}


def error(status: int, kind: str, text: str) -> tuple[int, Any]:
    """The answer that tells an error."""
    return status, {"status": "error", "errorType": kind, "error": text}


@dataclass
class Asked:
    """One request: its path, its headers by lower-case name, its form."""

    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class PrometheusDouble:
    """`answer` can be changed while it runs; `drip` is the pause in seconds after each byte of an answer."""

    answer: Answer
    drip: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    @property
    def queries(self) -> list[str]:
        return [one.form["query"] for one in self.asked]


@contextlib.contextmanager
def prometheus(
    answer: Answer, *, certificate: Path | None = None, clients: Path | None = None, drip: float = 0.0
) -> Iterator[PrometheusDouble]:
    """A running double. `certificate` is a folder with tls.crt and tls.key; `clients` a CA that callers must have."""
    kept = PrometheusDouble(answer, drip)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            form = {name: values[-1] for name, values in parse_qs(body, strict_parsing=True).items()}
            kept.asked.append(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, form))
            status, told = kept.answer(form["query"])
            data = told.encode() if isinstance(told, str) else json.dumps(told).encode()
            with contextlib.suppress(OSError):  # who asked may have given up
                self.send_response(status)
                if status in range(300, 400):
                    self.send_header("Location", f"{kept.url}/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                for index in range(len(data)) if kept.drip else ():
                    self.wfile.write(data[index : index + 1])
                    time.sleep(kept.drip)
                if not kept.drip:
                    self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of callers that don't trust it or give up."""

    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "tls.crt", certificate / "tls.key")
        if clients:
            context.load_verify_locations(clients)
            context.verify_mode = ssl.CERT_REQUIRED
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    kept.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_address[1]}"
    with serving(server):
        yield kept
