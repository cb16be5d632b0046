"""The process: reads its settings, serves gRPC and HTTP, says that it is ready, and goes on until it is told to end."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from ws_deployment.clients.bridge.cluster_service_pb2_grpc import add_ClusterServiceServicer_to_server
from ws_deployment.lab.bridge.calls import CallLog
from ws_deployment.lab.bridge.metrics import registry
from ws_deployment.lab.bridge.service import ClusterService
from ws_deployment.lab.bridge.settings import Settings
from ws_deployment.lab.bridge.starter import Starter
from ws_deployment.lab.bridge.store import Store
from ws_deployment.lab.bridge.targets import Targets
from ws_deployment.lab.bridge.web import web
from ws_deployment.lab.bridge.workspaces import Workspaces
from ws_deployment.tools.files import write_json

#: Seconds that calls under way have at the end.
GRACE = 1.0


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m ws_deployment.lab.bridge")
    parser.add_argument("--home", type=Path, required=True, help="folder of config.json, state.json, calls.jsonl")
    settings = Settings.read(parser.parse_args().home.resolve())
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    serve(settings, ended)


def serve(settings: Settings, ended: threading.Event) -> None:
    """Serve until `ended`. While it serves, HOME/ready tells the ports and the process id, in JSON."""
    ready = settings.home / "ready"
    ready.unlink(missing_ok=True)
    store = Store(settings.home / "state.json")
    workspaces = Workspaces(settings)
    targets = Targets(settings)
    service = ClusterService(settings, store, CallLog(settings.home / "calls.jsonl"), workspaces.running, targets.tell)
    targets.tell(service.clusters())
    # Without this a second process could share the port, and each would get some of the calls.
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    add_ClusterServiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]  # generated without types
    port = server.add_insecure_port(f"127.0.0.1:{settings.port}")
    starter = Starter(settings, service.clusters, workspaces)
    pages = web(settings.metrics_port, registry(service.clusters, starter.counts), starter, workspaces)
    server.start()
    pages.start()
    try:
        write_json(ready, {"port": port, "metrics_port": pages.port, "pid": os.getpid()})
        ended.wait()
    finally:
        ready.unlink(missing_ok=True)
        server.stop(GRACE).wait()
        pages.stop()
        workspaces.close()


if __name__ == "__main__":
    main()
