"""The Kubernetes API of a meta cluster of the lab: etcd and an API server, for what is kept in objects.

No nodes, no controllers: no Pod runs there. It is started where it is asked for alone, since it takes 0.3 GiB. It
lives apart from the meta cluster's bridge, which comes and goes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ws_deployment.lab import control_plane, daemon
from ws_deployment.lab.control_plane import PortTakenError, Tools
from ws_deployment.lab.layout import lock_file, meta_kubernetes_folder
from ws_deployment.lab.ports import free_ports
from ws_deployment.tools.files import read_json, write_json
from ws_deployment.tools.folders import private_folder
from ws_deployment.tools.lock import locked
from ws_deployment.tools.provide import provide

_PROGRAMS = ("etcd", "kube-apiserver")
_FILE = "config.json"
#: Seconds within which it must serve; a machine under load takes ten times what an idle one does.
_PATIENCE = 120.0
#: Times that another port is tried when it was taken meanwhile.
_PORT_ATTEMPTS = 4


@dataclass(frozen=True)
class MetaKubernetes:
    """The Kubernetes API of the meta cluster `name`; `folder` holds all of it."""

    name: str
    folder: Path
    port: int

    @property
    def endpoint(self) -> str:
        """Its API server's address."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of its administrator, mode 0600."""
        return self.folder / "kubeconfig"


def ensure(name: str, *, on_progress: Callable[[str], None] = lambda _line: None) -> MetaKubernetes:
    """Make sure that the meta cluster `name` has a Kubernetes API that serves; about two seconds the first time.

    What is in it outlives its processes. Raises MissingToolError without the programs, TransientError when it does
    not come up.
    """
    folder = meta_kubernetes_folder(name)
    with locked(lock_file(folder)):
        tools = provide(*_PROGRAMS, on_progress=on_progress)
        known = find(name)
        if known is None or not all(daemon.find(folder, program) for program in _PROGRAMS):
            on_progress(f"{name}: starting the meta cluster's Kubernetes API")
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            made = known or _drawn(name, private_folder(folder))
            try:
                _serve(made, tools)
            except PortTakenError:
                if attempt == _PORT_ATTEMPTS:
                    raise
                known = None
            else:
                return made
        raise AssertionError  # the last attempt returns or raises


def find(name: str) -> MetaKubernetes | None:
    """The Kubernetes API of the meta cluster `name`, running or not; None where it has none."""
    folder = meta_kubernetes_folder(name)
    value = read_json(folder / _FILE)
    return MetaKubernetes(name, folder, value["port"]) if value else None


def stop(name: str) -> None:
    """End its processes; what is in it is kept. None is fine."""
    folder = meta_kubernetes_folder(name)
    if folder.exists():
        with locked(lock_file(folder)):
            daemon.end_all(folder)


def delete(name: str) -> None:
    """End its processes and remove what was in it. None is fine."""
    folder = meta_kubernetes_folder(name)
    if folder.exists():
        with locked(lock_file(folder)):
            daemon.end_all(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _drawn(name: str, folder: Path) -> MetaKubernetes:
    (port,) = free_ports(1)
    write_json(folder / _FILE, {"port": port})
    return MetaKubernetes(name, folder, port)


def _serve(made: MetaKubernetes, tools: Tools) -> None:
    home = made.folder
    etcd = control_plane.ensure_storage(home, tools)
    control_plane.ensure_keys(home)
    control_plane.write_kubeconfig(home, made.name, made.port)
    server = control_plane.ensure_api_server(home, tools, made.port, etcd)
    from ws_deployment.lab.api import Api  # noqa: PLC0415  imported while the API server starts

    pki = home / "pki"
    api = Api(made.port, authority=pki / "ca.crt", certificate=pki / "admin.crt", key=pki / "admin.key")
    for path in ("/readyz", "/api/v1/namespaces/default"):
        api.wait(path, timeout=_PATIENCE, watch=lambda: control_plane.check(home, [etcd, server]))
    api.close()
