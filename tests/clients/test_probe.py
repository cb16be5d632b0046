from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from harness.http_server import serving

from ws_deployment.clients.probe import ProbeError, probe_grpc, probe_http, probe_tcp


@pytest.fixture
def http() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ready" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_http(http: str, closed_port: int) -> None:
    probe_http(f"{http}/ready", timeout=5)
    with pytest.raises(ProbeError, match="it answers 503"):
        probe_http(f"{http}/sick", timeout=5)
    probe_http(f"{http}/sick", timeout=5, expect=range(503, 504))
    with pytest.raises(ProbeError, match="refused"):
        probe_http(f"http://127.0.0.1:{closed_port}/", timeout=5)


def test_tcp(http: str, closed_port: int) -> None:
    probe_tcp("127.0.0.1", int(http.rpartition(":")[2]), timeout=5)
    with pytest.raises(ProbeError, match="refused"):
        probe_tcp("127.0.0.1", closed_port, timeout=5)


def test_grpc_health(closed_port: int) -> None:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    servicer.set("ws-manager", health_pb2.HealthCheckResponse.NOT_SERVING)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        probe_grpc(address, timeout=5)
        with pytest.raises(ProbeError, match="ws-manager is NOT_SERVING"):
            probe_grpc(address, timeout=5, service="ws-manager")
        with pytest.raises(ProbeError, match="NOT_FOUND"):
            probe_grpc(address, timeout=5, service="other")
    finally:
        server.stop(None)
    with pytest.raises(ProbeError, match="DEADLINE_EXCEEDED"):
        probe_grpc(f"127.0.0.1:{closed_port}", timeout=0.5)
