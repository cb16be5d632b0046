"""Stands between the program and the lab's bridge, and answers some calls as a bad day would."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc


class Orders:
    """What goes wrong, by method: each order is used up by one call. `late` answers after the caller's deadline."""

    def __init__(self, *orders: tuple[str, str]) -> None:
        self.left = list(orders)
        self._lock = threading.Lock()

    def take(self, method: str) -> str:
        with self._lock:
            for order in self.left:
                if order[0] == method:
                    self.left.remove(order)
                    return order[1]
        return ""

    @property
    def used_up(self) -> bool:
        return not self.left


class _Between(grpc.GenericRpcHandler):
    def __init__(self, meta: Path, orders: Orders) -> None:
        self._meta = meta
        self._orders = orders

    def service(self, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._call(details.method, request, context)
        )

    def _call(self, method: str, request: bytes, context: Any) -> bytes:
        wrong = self._orders.take(method.rpartition("/")[2])
        if wrong == "UNAVAILABLE":
            context.abort(grpc.StatusCode.UNAVAILABLE, "ordered: not reachable")
        port = json.loads((self._meta / "config.json").read_text())["port"]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            try:
                answer: bytes = channel.unary_unary(method)(request, timeout=30)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
        if wrong == "UNKNOWN":
            context.abort(grpc.StatusCode.UNKNOWN, "ordered: the answer was lost")
        if wrong == "late":
            time.sleep(max(context.time_remaining(), 0) + 0.5)
        return answer


@contextmanager
def faulty_bridge(meta: Path, orders: Orders) -> Iterator[str]:
    """host:port of one before the bridge of the meta cluster in the folder `meta`."""
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Between(meta, orders),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(1).wait()
