"""The process: serves mutual TLS gRPC and /metrics for one cluster, and says that it is ready, until told to end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from ws_deployment.lab.ws_manager.cluster_api import ClusterApi
from ws_deployment.lab.ws_manager.metrics import WorkspaceMetrics
from ws_deployment.lab.ws_manager.watch import follow
from ws_deployment.lab.ws_manager.web import web
from ws_deployment.tools.files import write_json

#: Seconds that calls under way have at the end.
GRACE = 1.0


@dataclass(frozen=True)
class Settings:
    """What DIR/ws-manager/config.json tells. Ports are TCP ports on 127.0.0.1."""

    folder: Path
    port: int
    metrics_port: int
    kubeconfig: Path

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Read `folder`/config.json. Raises OSError, KeyError or ValueError where it is not as agreed."""
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return cls(folder, int(told["port"]), int(told["metrics_port"]), Path(told["kubeconfig"]))


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m ws_deployment.lab.ws_manager")
    parser.add_argument("--home", type=Path, required=True, help="the cluster's folder, which holds ws-manager/")
    settings = Settings.read(parser.parse_args().home.resolve() / "ws-manager")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    serve(settings, ended)


def serve(settings: Settings, ended: threading.Event) -> None:
    """Serve until `ended`. While it serves, DIR/ws-manager/ready tells the ports and the process id, in JSON."""
    ready = settings.folder / "ready"
    ready.unlink(missing_ok=True)
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    _add_services(server)
    port = server.add_secure_port(f"127.0.0.1:{settings.port}", _credentials(settings.folder))
    metrics = WorkspaceMetrics()
    pages = web(settings.metrics_port, metrics.registry, settings.folder.parent.name)
    server.start()
    pages.start()
    api = ClusterApi(settings.kubeconfig)
    threading.Thread(target=follow, args=(api, metrics, ended), daemon=True, name="follow").start()
    try:
        told = {"port": port, "metrics_port": pages.port, "pid": os.getpid()}
        write_json(ready, told)
        ended.wait()
    finally:
        ready.unlink(missing_ok=True)
        server.stop(GRACE).wait()
        pages.stop()


def _credentials(folder: Path) -> grpc.ServerCredentials:
    """Both sides prove themselves, as at a real ws-manager."""
    pair = ((folder / "tls.key").read_bytes(), (folder / "tls.crt").read_bytes())
    return grpc.ssl_server_credentials([pair], (folder / "ca.crt").read_bytes(), require_client_auth=True)


def _add_services(server: grpc.Server) -> None:
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    # A bridge's probe asks for the workspaces; the empty message says that there are none to tell of.
    none = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("wsman.WorkspaceManager", {"GetWorkspaces": none}),)
    )


if __name__ == "__main__":
    main()
