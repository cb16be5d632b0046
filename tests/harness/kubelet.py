"""A kwok that plays the kubelet of one node, for what an API server asks of kubelets: port-forwards."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.certificates import Authority, write_pair

from ws_deployment import lab
from ws_deployment.lab.ws_manager.cluster_api import ClusterApi

NODE = "kubelet-0"
STAGES = Path(lab.__file__).parent / "stages"


@contextlib.contextmanager
def forwarding(folder: Path, kwok: Path, kubeconfig: Path, port: int) -> Iterator[None]:
    """Forward port 8080 of every Pod of the node NODE to `port` on this machine while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        own = unused.getsockname()[1]
    write_pair(folder / "kubelet", Authority("kubelet").pair("kubelet"))
    forward = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterPortForward",
        "metadata": {"name": "all"},
        "spec": {"forwards": [{"ports": [8080], "target": {"address": "127.0.0.1", "port": port}}]},
    }
    (folder / "forward.yaml").write_text(json.dumps(forward))
    argv = [str(kwok), "--kubeconfig", str(kubeconfig), "--config", str(folder / "forward.yaml")]
    # It wants stages, though the cluster's own kwok plays them already.
    argv += [part for path in sorted(STAGES.glob("*.yaml")) for part in ("--config", str(path))]
    argv += ["--manage-single-node", NODE, "--node-ip", "127.0.0.1", "--node-port", str(own)]
    argv += ["--server-address", f"127.0.0.1:{own}", "--tls-cert-file", str(folder / "kubelet" / "tls.crt")]
    argv += ["--tls-private-key-file", str(folder / "kubelet" / "tls.key")]
    api = ClusterApi(kubeconfig)
    api.post("/api/v1/nodes", _node(own))
    with (folder / "kubelet.log").open("w") as log:
        child = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        _until_listening(own, child, folder / "kubelet.log")
        yield
    finally:
        child.terminate()
        child.wait(10)


def _node(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            # Ready from the start: no kwok writes another address.
            "conditions": [{"type": "Ready", "status": "True"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "allocatable": {"cpu": "4", "memory": "4Gi", "pods": "10"},
            "capacity": {"cpu": "4", "memory": "4Gi", "pods": "10"},
        },
    }


def _until_listening(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        assert child.poll() is None, log.read_text()[-2000:]
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "kwok does not listen"
            time.sleep(0.05)
        else:
            return
