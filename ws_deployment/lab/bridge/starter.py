"""Starts workspaces as users would: places each by score, and makes it a Pod unless only the placement is asked for."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.bridge.placement import NoClusterError, alike, candidates, choose
from ws_deployment.lab.bridge.settings import Settings
from ws_deployment.lab.bridge.store import Cluster
from ws_deployment.lab.bridge.workspaces import Workspaces
from ws_deployment.lab.faults import meta_fault


@dataclass(frozen=True)
class Order:
    """What to start. `duration` is in seconds, None for ever. `seed` gives these draws a source of their own.

    `permissions` and `feature_preview` are those of the user, for clusters that do not admit everybody.
    """

    count: int = 1
    pods: bool = True
    kind: str = "regular"
    session: str = "none"
    duration: float | None = None
    seed: int | None = None
    permissions: Sequence[str] = ()
    feature_preview: bool = False

    @property
    def admitted(self) -> frozenset[tuple[str, str]]:
        """The admission constraints that the user meets."""
        previews = {("feature-preview", "")} if self.feature_preview else set()
        return frozenset({("permission", name) for name in self.permissions} | previews)


@dataclass(frozen=True)
class Started:
    """What became of one start; `error` is empty when all went well, `cluster` where none would take it."""

    workspace: str
    cluster: str
    error: str = ""


@dataclass(frozen=True)
class Counts:
    """Starts by cluster since the process began, `since` in seconds since the epoch.

    `starts` are all that were placed on a cluster, with or without a Pod; `failed` those of them whose Pod could not
    be made. The key of starts that no cluster would take is empty.
    """

    since: float
    starts: Mapping[str, int]
    failed: Mapping[str, int]


class Starter:
    """The part of the meta cluster that users' starts go to."""

    def __init__(self, settings: Settings, clusters: Callable[[], Sequence[Cluster]], workspaces: Workspaces) -> None:
        self._home = settings.home
        self._api = settings.api
        self._clusters = clusters
        self._workspaces = workspaces
        self._draw = random.Random(settings.seed)  # noqa: S311  a lottery, no secret
        self._lock = threading.Lock()
        self._since = time.time()
        self._starts: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def start(self, order: Order) -> list[Started]:
        """Start `order.count` workspaces, one after the other."""
        own = None if order.seed is None else random.Random(order.seed)  # noqa: S311  a lottery, no secret
        return [self._counted(self._start_one(order, own)) for _ in range(order.count)]

    def counts(self) -> Counts:
        """How many starts went where."""
        with self._lock:
            return Counts(self._since, dict(self._starts), dict(self._failed))

    def _counted(self, started: Started) -> Started:
        with self._lock:
            self._starts[started.cluster] += 1
            self._failed[started.cluster] += bool(started.error)
        return started

    def _start_one(self, order: Order, own: random.Random | None) -> Started:
        workspace = uuid.uuid4().hex
        try:
            cluster = self._place(own, order.admitted)
        except NoClusterError as error:
            return Started(workspace, "", str(error))
        if not order.pods:
            return Started(workspace, cluster.name)
        try:
            self._workspaces.start(cluster, workspace, order.kind, order.session, order.duration)
        except WsDeploymentError as error:
            return Started(workspace, cluster.name, error.why)
        return Started(workspace, cluster.name)

    def _place(self, own: random.Random | None, admitted: frozenset[tuple[str, str]]) -> Cluster:
        clusters = self._clusters()
        if meta_fault(self._home).ignore_scores:
            clusters = alike(clusters)
        with self._lock:
            return choose(candidates(clusters, self._api, admitted), own or self._draw)
