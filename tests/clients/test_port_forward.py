"""The port-forward through a real API server, to a bridge process behind a node that kwok plays."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from harness.kubelet import NODE, forwarding
from harness.stand_ins import bridge, nowhere

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.errors import BridgeUnavailableError
from ws_deployment.clients.port_forward import PortForward, Target
from ws_deployment.errors import TransientError, UsageError, WsDeploymentError
from ws_deployment.lab.cluster import create_cluster
from ws_deployment.lab.ws_manager.cluster_api import ClusterApi
from ws_deployment.tools.find import Found

PODS = "/api/v1/namespaces/default/pods"


def bridge_pod(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"component": "ws-manager-bridge"}},
        "spec": {"nodeName": NODE, "containers": [{"name": "bridge", "image": "bridge"}]},
    }


def until_running(api: ClusterApi, name: str) -> None:
    end = time.monotonic() + 20
    while api.get(f"{PODS}/{name}")["status"].get("phase") != "Running":
        assert time.monotonic() < end
        time.sleep(0.05)


def streams() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "port" in thread.name.lower()]


@pytest.mark.real
def test_reaches_the_bridge_as_gpctl_does(tmp_path: Path, tools: dict[str, Found]) -> None:
    cluster = create_cluster("meta", run_id="test", fleet="test", nodes=1)
    api = ClusterApi(cluster.kubeconfig)
    target = Target("default", cluster.kubeconfig, "meta")
    with pytest.raises(WsDeploymentError, match="no such Pod runs") as caught, PortForward(target):
        pass
    assert not isinstance(caught.value, TransientError)
    with (
        bridge(tmp_path / "bridge", "2021") as running,
        forwarding(tmp_path, tools["kwok"].path, cluster.kubeconfig, running.port),
    ):
        api.post(PODS, bridge_pod("bridge-0"))
        until_running(api, "bridge-0")
        with PortForward(target) as forward, BridgeClient(forward.address, "2021") as client:
            for _ in range(20):
                assert client.list() == []
            # The Pod is replaced: the next connection finds the new one.
            api.delete(f"{PODS}/bridge-0?gracePeriodSeconds=0")
            api.post(PODS, bridge_pod("bridge-1"))
            until_running(api, "bridge-1")
            with BridgeClient(forward.address, "2021") as second:
                assert second.list() == []
            assert forward.last_error == ""
        assert len(running.calls()) == 21
        with PortForward(Target("default", cluster.kubeconfig, port=9999)) as forward:
            with BridgeClient(forward.address, timeout=3) as client, pytest.raises(BridgeUnavailableError):
                client.list()
            assert "9999" in forward.last_error
    end = time.monotonic() + 10
    while streams():
        assert time.monotonic() < end, f"left behind: {streams()}"
        time.sleep(0.05)


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    (tmp_path / "ca.crt").write_text("")
    path.write_text(nowhere(tmp_path / "ca.crt"))
    return path


def test_a_kubeconfig_that_is_none_or_lacks_the_context(tmp_path: Path, kubeconfig: Path) -> None:
    for target in (Target("default", tmp_path / "missing"), Target("default", kubeconfig, "other")):
        with pytest.raises(UsageError), PortForward(target):
            pass


def test_an_api_server_that_is_away_may_come_back(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    told = json.loads(nowhere(tmp_path / "ca.crt"))
    told["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
    (tmp_path / "kubeconfig").write_text(json.dumps(told))
    with pytest.raises(TransientError), PortForward(Target("default", tmp_path / "kubeconfig")):
        pass
