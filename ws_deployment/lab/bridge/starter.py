"""Starts workspaces as users would: places each by score, and makes it a Pod unless only the placement is asked for."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ws_deployment.clients.bridge.model import Api
from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.bridge.placement import NoClusterError, candidates, choose
from ws_deployment.lab.bridge.store import Cluster
from ws_deployment.lab.bridge.workspaces import Workspaces


@dataclass(frozen=True)
class Order:
    """What to start. `duration` is in seconds, None for ever. `seed` gives these draws a source of their own."""

    count: int = 1
    pods: bool = True
    kind: str = "regular"
    session: str = "none"
    duration: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Started:
    """What became of one start; `error` is empty when all went well, `cluster` where none would take it."""

    workspace: str
    cluster: str
    error: str = ""


class Starter:
    """The part of the meta cluster that users' starts go to."""

    def __init__(
        self, api: Api, clusters: Callable[[], Sequence[Cluster]], workspaces: Workspaces, seed: int | None
    ) -> None:
        self._api = api
        self._clusters = clusters
        self._workspaces = workspaces
        self._draw = random.Random(seed)  # noqa: S311  a lottery, no secret
        self._lock = threading.Lock()

    def start(self, order: Order) -> list[Started]:
        """Start `order.count` workspaces, one after the other."""
        own = None if order.seed is None else random.Random(order.seed)  # noqa: S311  a lottery, no secret
        return [self._start_one(order, own) for _ in range(order.count)]

    def _start_one(self, order: Order, own: random.Random | None) -> Started:
        workspace = uuid.uuid4().hex
        try:
            cluster = self._place(own)
        except NoClusterError as error:
            return Started(workspace, "", str(error))
        if not order.pods:
            return Started(workspace, cluster.name)
        try:
            self._workspaces.start(cluster, workspace, order.kind, order.session, order.duration)
        except WsDeploymentError as error:
            return Started(workspace, cluster.name, error.why)
        return Started(workspace, cluster.name)

    def _place(self, own: random.Random | None) -> Cluster:
        with self._lock:
            return choose(candidates(self._clusters(), self._api), own or self._draw)
