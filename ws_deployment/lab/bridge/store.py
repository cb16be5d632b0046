"""The registered clusters, kept in a file that outlives the process. No key material is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ws_deployment.tools.files import read_json, write_json


@dataclass(frozen=True)
class Cluster:
    """One registered cluster. `constraints` are (kind, value) pairs; `tls_digest` is SHA-256 of the certificate."""

    name: str
    url: str
    cordoned: bool
    score: int
    max_score: int = 100
    govern: bool = True
    static: bool = False
    region: str = ""
    constraints: tuple[tuple[str, str], ...] = ()
    tls_digest: str = ""


class Store:
    """Clusters by name. Every change is on disk before it is seen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._clusters = _read(path)

    def all(self) -> list[Cluster]:
        """Every registered cluster, in the order of registration."""
        with self._lock:
            return list(self._clusters.values())

    def get(self, name: str) -> Cluster | None:
        """The cluster of that name."""
        with self._lock:
            return self._clusters.get(name)

    def put(self, cluster: Cluster) -> None:
        """Add a cluster, or replace the one of its name."""
        self._change(lambda clusters: clusters | {cluster.name: cluster})

    def remove(self, name: str) -> None:
        """Forget a cluster; an unknown one is no error."""
        self._change(lambda clusters: {key: value for key, value in clusters.items() if key != name})

    def _change(self, change: Callable[[dict[str, Cluster]], dict[str, Cluster]]) -> None:
        with self._lock:
            changed = change(self._clusters)
            write_json(self._path, {"clusters": [asdict(each) for each in changed.values()]})
            self._clusters = changed


def _read(path: Path) -> dict[str, Cluster]:
    kept: list[dict[str, Any]] = (read_json(path) or {}).get("clusters", [])
    clusters = (Cluster(**each) for each in kept)
    return {
        each.name: replace(each, constraints=tuple((kind, value) for kind, value in each.constraints))
        for each in clusters
    }
