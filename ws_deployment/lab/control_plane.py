"""Runs the programs of one Kubernetes control plane: which, with which flags, in which order.

Each function makes sure of a part that may already be there, so that a start which was cut off can be gone on with.
What the control plane is for, and what lies in it, is `cluster`'s concern.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path

from ws_deployment.errors import TransientError
from ws_deployment.lab import daemon
from ws_deployment.lab.daemon import Daemon
from ws_deployment.tools.files import write_private
from ws_deployment.tools.find import Found

Tools = Mapping[str, Found]

_STAGES = Path(__file__).parent / "stages"
#: In the home, relative: the path of a Unix socket has at most 103 characters on macOS, 107 on Linux.
_ETCD_SOCKET = "etcd.sock"
_ETCD = f"unix://{_ETCD_SOCKET}"
_PEER = "unix://etcd-peer.sock"


class PortTakenError(TransientError):
    """Another process took the port between its choice and its use."""


def ensure_storage(home: Path, tools: Tools) -> Daemon:
    """Make sure that etcd runs. It listens on a socket in `home`: nobody else reads what the API server keeps."""
    if present := daemon.find(home, "etcd"):
        return present
    (home / _ETCD_SOCKET).unlink(missing_ok=True)
    argv = [
        *(str(tools["etcd"].path), "--data-dir", "etcd", "--log-level", "warn"),
        # Losing the lab to a power cut is fine; waiting for a disk and a second for an election is not.
        # It looks at its clock at every heartbeat: more often would keep the processor awake.
        *("--unsafe-no-fsync", "--heartbeat-interval", "50", "--election-timeout", "250"),
        *("--listen-client-urls", _ETCD, "--advertise-client-urls", _ETCD),
        *("--listen-peer-urls", _PEER, "--initial-advertise-peer-urls", _PEER),
        *("--initial-cluster", f"default={_PEER}"),
    ]
    return daemon.start("etcd", argv, home=home)


def ensure_keys(home: Path) -> None:
    """Make sure of the keys in `home/pki`: authority, API server, administrator, service accounts."""
    folder = home / "pki"
    if (folder / "complete").exists():
        return
    from ws_deployment.lab import pki  # noqa: PLC0415  costs 100 ms, while etcd starts

    authority = pki.authority("ws-deployment-lab")
    hosts = ["127.0.0.1", "localhost", "10.0.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    authority.write(folder, "ca")
    pki.server(authority, "kube-apiserver", hosts).write(folder, "api-server")
    pki.client(authority, "ws-deployment", "system:masters").write(folder, "admin")
    pki.client(authority, "service-accounts").write(folder, "service-accounts")
    write_private(folder / "complete", "")


def ensure_api_server(home: Path, tools: Tools, port: int, etcd: Daemon) -> Daemon:
    """Make sure that the API server runs on `etcd`; it answers about a second later, and is ready two later.

    Raises TransientError when etcd does not come up.
    """
    if present := daemon.find(home, "kube-apiserver"):
        return present
    _await_storage(home, etcd)
    argv = [
        *(str(tools["kube-apiserver"].path), "--etcd-servers", _ETCD),
        *("--bind-address", "127.0.0.1", "--secure-port", str(port)),
        # Otherwise it looks for a default route, which an offline machine lacks. Nobody connects here (RFC 5737).
        *("--advertise-address", "192.0.2.1", "--external-hostname", "localhost"),
        *("--tls-cert-file", "pki/api-server.crt", "--tls-private-key-file", "pki/api-server.key"),
        *("--client-ca-file", "pki/ca.crt", "--authorization-mode", "RBAC"),
        *("--service-account-issuer", "https://localhost", "--service-account-key-file", "pki/service-accounts.key"),
        *("--service-account-signing-key-file", "pki/service-accounts.key"),
        *("--service-cluster-ip-range", "10.0.0.0/16"),
        # Real workspace charts have privileged Pods.
        "--allow-privileged=true",
    ]
    return daemon.start("kube-apiserver", argv, home=home)


def ensure_controllers(home: Path, tools: Tools) -> list[Daemon]:
    """Make sure that the controller manager, the scheduler and kwok run.

    Not before the API server is ready: they compete with it for the processor, and back off from it for a second.
    """
    access = ("--kubeconfig", "kubeconfig")
    alone = ("--leader-elect=false", "--secure-port", "0", "--kube-api-qps", "200", "--kube-api-burst", "400")
    keys = ("--service-account-private-key-file", "pki/service-accounts.key", "--root-ca-file", "pki/ca.crt")
    stages = [part for path in sorted(_STAGES.glob("*.yaml")) for part in ("--config", str(path))]
    # It is the only one to heartbeat its nodes, which count as lost after 40 s without.
    nodes = ("--manage-all-nodes", "--node-lease-duration-seconds", "40", "-v", "WARN")
    flags = {
        "kube-controller-manager": (*access, *alone, *keys),
        "kube-scheduler": (*access, *alone),
        "kwok": (*access, *nodes, *stages),
    }
    return [
        daemon.find(home, name) or daemon.start(name, [str(tools[name].path), *argv], home=home)
        for name, argv in flags.items()
    ]


def write_kubeconfig(home: Path, name: str, port: int) -> None:
    """Write the administrator's kubeconfig, its only context called `name`. It holds a key: mode 0600."""
    files = {key: base64.b64encode((home / "pki" / key).read_bytes()).decode() for key in _KUBECONFIG_FILES}
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": files["ca.crt"]}
    user = {"client-certificate-data": files["admin.crt"], "client-key-data": files["admin.key"]}
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    # JSON is YAML, and is written without a YAML library.
    write_private(home / "kubeconfig", json.dumps(value, indent=2) + "\n")


_KUBECONFIG_FILES = ("ca.crt", "admin.crt", "admin.key")


def check(home: Path, processes: list[Daemon]) -> None:
    """Raise if one of the processes has ended: PortTakenError when its port was taken, else TransientError."""
    for process in processes:
        if not process.alive():
            words = daemon.last_lines(process)
            taken = re.search("address already in use|failed to bind", words, re.IGNORECASE)
            kind = PortTakenError if taken else TransientError
            raise kind(
                "starting",
                on=f"{process.name} of {home.name}",
                why=f"it ended; its last words: {words}",
                remedy=f"The whole log: {process.log}",
            )


def _await_storage(home: Path, etcd: Daemon) -> None:
    # A connection waits in the socket until etcd has elected itself; one before the socket exists costs a second.
    def there() -> bool:
        check(home, [etcd])
        return (home / _ETCD_SOCKET).exists()

    if not daemon.wait_until(there, timeout=30.0):
        raise TransientError("starting", on=f"etcd of {home.name}", why="it made no socket within 30 s")
