"""Runs the lab's meta clusters: each a process that speaks the bridge's protocol and places workspaces, and Prometheus.

What that process does is written in `lab.bridge`; this module makes sure that it runs, always at the same address,
with the Prometheus of `lab.prometheus` beside it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ws_deployment.errors import TransientError, UsageError
from ws_deployment.lab import daemon, meta_kubernetes, prometheus
from ws_deployment.lab.faults import meta_fault
from ws_deployment.lab.layout import lab_home, lock_file, meta_folder, names_in
from ws_deployment.lab.ports import free_ports, is_free
from ws_deployment.lab.prometheus import LabPrometheus
from ws_deployment.tools.files import read_json, write_json
from ws_deployment.tools.folders import private_folder
from ws_deployment.tools.lock import locked
from ws_deployment.tools.provide import provide

_NAME = "bridge"
#: Seconds within which it must serve.
_PATIENCE = 60.0
#: Seconds that it has to end by itself, so that no call is cut off.
_GRACE = 5.0
#: Times that other ports are drawn when one was taken meanwhile.
_PORT_ATTEMPTS = 4


@dataclass(frozen=True)
class LabMeta:
    """One meta cluster of the lab.

    `folder` holds its settings, registrations and log. `api` is the generation of the bridge's protocol, 2021 or 2026.
    """

    name: str
    folder: Path
    api: str
    port: int
    metrics_port: int

    @property
    def endpoint(self) -> str:
        """host:port of its gRPC service, without TLS as behind a port-forward."""
        return f"127.0.0.1:{self.port}"

    def running(self) -> bool:
        """Whether its process is alive."""
        return daemon.find(self.folder, _NAME) is not None


def ensure_meta(name: str, api: str = "2026", *, on_progress: Callable[[str], None] = lambda _line: None) -> LabMeta:
    """Make sure that the meta cluster `name` serves, speaking the generation `api`, and return it.

    Its ports are drawn once and kept. One that runs with another generation is started anew with this one; its
    registrations stay. Raises MissingToolError without Prometheus, TransientError when one of the two does not come up.
    """
    program = provide(prometheus.NAME, on_progress=on_progress)[prometheus.NAME].path
    with locked(lock_file(folder := meta_folder(name))):
        private_folder(folder)
        made = known = _read(name)
        if made is None or made.api != api or not made.running():
            daemon.end_all(folder, grace=_GRACE, but=prometheus.NAME)
            on_progress(f"{name}: starting the meta cluster's bridge")
            if known:
                made = _started(replace(known, api=api), program)
            else:
                made = _started_anywhere(name, folder, api, program)
        if begun := _prometheus_begun(made, program):
            prometheus.settle(begun, program)
        return made


def meta_endpoint(name: str) -> str:
    """host:port of the meta cluster's bridge. Raises UsageError when the lab has no such meta cluster."""
    if known := _read(name):
        return known.endpoint
    raise UsageError(
        "looking for the lab's meta cluster",
        on=name,
        why="there is none",
        remedy=f"Start it: ws-deployment lab up --meta {name}",
    )


def list_metas() -> list[LabMeta]:
    """The lab's meta clusters, running or not, by name."""
    return [known for name in names_in("meta") if (known := _read(name))]


def stop_meta(name: str) -> None:
    """End the meta cluster's processes; its registrations, objects and ports are kept."""
    meta_kubernetes.stop(name)
    with locked(lock_file(folder := meta_folder(name))):
        daemon.end_all(folder, grace=_GRACE)


def delete_meta(name: str) -> None:
    """End the meta cluster's processes and forget its registrations and objects."""
    meta_kubernetes.delete(name)
    with locked(lock_file(folder := meta_folder(name))):
        daemon.end_all(folder, grace=_GRACE)
        shutil.rmtree(folder, ignore_errors=True)


def _started_anywhere(name: str, folder: Path, api: str, program: Path) -> LabMeta:
    """Draw ports until nobody takes them first. Once announced they are kept."""
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        port, metrics_port = free_ports(2)
        try:
            return _started(LabMeta(name, folder, api, port, metrics_port), program)
        except TransientError:
            if attempt == _PORT_ATTEMPTS or (is_free(port) and is_free(metrics_port)):
                raise
    raise AssertionError  # the last attempt returns or raises


def _started(meta: LabMeta, program: Path) -> LabMeta:
    write_json(meta.folder / "config.json", {**_settings(meta.folder), **_told(meta)})
    ready = meta.folder / "ready"
    ready.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "ws_deployment.lab.bridge", "--home", str(meta.folder)]
    process = daemon.start(_NAME, argv, home=meta.folder)
    _prometheus_begun(meta, program)  # it comes up while the bridge does
    daemon.wait_until(lambda: ready.exists() or not process.alive(), timeout=_PATIENCE)
    if not ready.exists():
        raise TransientError(
            "starting the lab's meta cluster",
            on=meta.name,
            why=daemon.last_lines(process) or f"it does not serve after {_PATIENCE:g} s",
            remedy=f"The whole log: {process.log}",
        )
    return meta


def _prometheus_begun(meta: LabMeta, program: Path) -> LabPrometheus | None:
    if meta_fault(meta.folder).prometheus_down:
        return None
    return prometheus.begin(meta.folder, program, meta.metrics_port)


def _read(name: str) -> LabMeta | None:
    value = _settings(folder := meta_folder(name))
    return LabMeta(name, folder, value["api"], value["port"], value["metrics_port"]) if value else None


def _settings(folder: Path) -> dict[str, Any]:
    return read_json(folder / "config.json") or {}


def _told(meta: LabMeta) -> dict[str, Any]:
    return {
        "port": meta.port,
        "metrics_port": meta.metrics_port,
        "api": meta.api,
        "name": meta.name,
        "lab_home": str(lab_home()),
    }
