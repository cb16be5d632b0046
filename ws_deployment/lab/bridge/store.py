"""The registered clusters, kept in a file that outlives the process. No key material is kept."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any


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
            write_private(self._path, json.dumps({"clusters": [asdict(each) for each in changed.values()]}, indent=1))
            self._clusters = changed


def _read(path: Path) -> dict[str, Cluster]:
    try:
        kept: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["clusters"]
    except FileNotFoundError:
        return {}
    clusters = (Cluster(**each) for each in kept)
    return {
        each.name: replace(each, constraints=tuple((kind, value) for kind, value in each.constraints))
        for each in clusters
    }


def write_private(path: Path, text: str) -> None:
    """Replace a file (0600) whole: a reader, or a crash, sees the old text or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
