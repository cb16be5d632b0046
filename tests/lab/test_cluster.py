"""Real control planes: made, gone on with, started again, removed."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ws_deployment.errors import RefusedError, TransientError, UsageError
from ws_deployment.lab import cluster as clusters
from ws_deployment.lab import daemon
from ws_deployment.lab.api import Api
from ws_deployment.lab.cluster import (
    create_cluster,
    delete_cluster,
    get_cluster,
    is_running,
    list_clusters,
    restart_cluster,
)
from ws_deployment.lab.layout import cluster_folder
from ws_deployment.lab.ports import free_ports
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real

PARTS = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "ws-manager"}
PODS = "/api/v1/namespaces/default/pods"


def api_of(cluster: LabCluster) -> Api:
    pki = cluster.folder / "pki"
    return Api(cluster.api_port, authority=pki / "ca.crt", certificate=pki / "admin.crt", key=pki / "admin.key")


def processes(cluster_name: str) -> Counter[str]:
    """What runs for the cluster, told by the system itself: names of programs, or modules of ours."""
    found = Counter[str]()
    for stray in daemon.strays(cluster_folder(cluster_name)):
        argv = psutil.Process(stray.pid).cmdline()
        found["ws-manager" if "ws_deployment.lab.ws_manager" in argv else Path(argv[0]).name] += 1
    return found


def pod(name: str, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}, "annotations": annotations or {}},
        "spec": {
            "nodeSelector": {"gitpod.io/workload_workspace_regular": "true"},
            "containers": [{"name": "main", "image": "x", "securityContext": {"privileged": True}}],
        },
    }


def test_is_what_it_says_and_goes_without_a_trace() -> None:
    made = create_cluster(
        "one", run_id="r1", fleet="demo-staging", labels={"team": "a"}, region="europe-west1", nodes=2
    )
    assert list_clusters() == [get_cluster("one")] == [made]
    assert is_running(made)
    assert processes("one") == dict.fromkeys(PARTS, 1)
    api = api_of(made)
    assert api.get("/readyz") == "ok"
    nodes = api.get("/api/v1/nodes")["items"]
    assert [node["metadata"]["name"] for node in nodes] == ["one-1", "one-2"]
    for node in nodes:
        wanted = {
            f"gitpod.io/workload_{each}"
            for each in ("meta", "ide", "workspace_services", "workspace_regular", "workspace_headless")
        }
        assert {key for key, value in node["metadata"]["labels"].items() if value == "true"} == wanted
        assert node["metadata"]["labels"]["topology.kubernetes.io/region"] == "europe-west1"
    mark = api.get("/api/v1/namespaces/kube-system/configmaps/ws-deployment")
    assert mark["data"] == {"cluster": "one", "runId": "r1", "fleet": "demo-staging", "labels": '{"team": "a"}'}
    api.create(PODS, pod("privileged"))
    api.wait(
        f"{PODS}/privileged", lambda body: body["status"].get("phase") == "Running", timeout=90, watch=lambda: None
    )
    # All of it is its owner's alone; sockets are guarded by their folder.
    for path in [made.folder, *made.folder.rglob("*")]:
        mode = path.stat().st_mode & 0o777
        assert (
            mode == (0o700 if path.is_dir() else 0o600) or path.is_socket() or path.is_relative_to(made.folder / "etcd")
        ), path
    assert delete_cluster("one", run_id="r1") is True
    assert processes("one") == {}
    assert not made.folder.exists()
    assert delete_cluster("one") is False
    with pytest.raises(UsageError, match="there is none"):
        get_cluster("one")


def test_once_is_enough_and_another_run_is_refused() -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: create_cluster("one", run_id="r1", fleet="f"), range(2))
    assert first == second
    assert processes("one") == dict.fromkeys(PARTS, 1)
    with pytest.raises(RefusedError, match="it belongs to run r1, not to r2"):
        create_cluster("one", run_id="r2", fleet="f")
    with pytest.raises(RefusedError, match="ws-deployment lab cluster delete one"):
        delete_cluster("one", run_id="r2")
    assert is_running(first)
    # What has ended, after a reboot for example, is started again, with all that is in it.
    api_of(first).create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}})
    daemon.end(daemon.recorded(first.folder), grace=0)
    assert not is_running(first)
    assert restart_cluster(first) == first
    assert is_running(first)
    assert api_of(first).get("/api/v1/namespaces/kept") is not None


# From before the first process to after the last: seconds that the maker has before it is killed.
@pytest.mark.parametrize("seconds", [0.4, 1.0, 2.5])
def test_a_killed_makers_work_is_gone_on_with(seconds: float) -> None:
    argv = [sys.executable, "-m", "ws_deployment.lab", "create", "one", "--run-id", "r1", "--fleet", "f"]
    maker = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    os.kill(maker.pid, signal.SIGKILL)
    maker.wait()
    made = create_cluster("one", run_id="r1", fleet="f")
    assert made.complete
    assert processes("one") == dict.fromkeys(PARTS, 1)
    assert len(api_of(made).get("/api/v1/nodes")["items"]) == made.nodes


def test_a_process_that_was_started_but_not_recorded_is_not_started_twice() -> None:
    made = create_cluster("one", run_id="r1", fleet="f")
    for name in ("etcd", "kwok"):
        (made.folder / "processes" / f"{name}.json").unlink()
    record = json.loads((made.folder / "cluster.json").read_text())
    (made.folder / "cluster.json").write_text(json.dumps(record | {"complete": False}))
    create_cluster("one", run_id="r1", fleet="f")
    assert processes("one") == dict.fromkeys(PARTS, 1)
    # Without a record the folder is nobody's, and what runs in it too.
    (made.folder / "cluster.json").unlink()
    again = create_cluster("one", run_id="r2", fleet="f")
    assert again.run_id == "r2"
    assert processes("one") == dict.fromkeys(PARTS, 1)


def test_another_takes_the_ports_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        taken = [one.getsockname()[1], two.getsockname()[1], free_ports(1)[0]]
        draws = iter([taken])
        monkeypatch.setattr(clusters, "free_ports", lambda count: next(draws, None) or free_ports(count))
        made = create_cluster("one", run_id="r1", fleet="f")
        assert not {made.api_port, made.ws_manager_port} & set(taken)
    assert json.loads(made.kubeconfig.read_text())["clusters"][0]["cluster"]["server"] == made.endpoint
    assert is_running(made)


def test_a_part_that_does_not_come_up_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "etcd"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo etcd Version: 3.7.3 && exit\necho cannot open the data\nexit 1\n'
    )
    broken.chmod(0o755)
    monkeypatch.setenv("WS_DEPLOYMENT_ETCD", str(broken))
    with pytest.raises(TransientError, match="cannot open the data") as caught:
        create_cluster("one", run_id="r1", fleet="f")
    assert "etcd.log" in caught.value.remedy
    monkeypatch.delenv("WS_DEPLOYMENT_ETCD")
    assert create_cluster("one", run_id="r1", fleet="f").complete


def test_the_registered_material_opens_its_ws_manager(shared_cluster: LabCluster) -> None:
    api = api_of(shared_cluster)
    for name in ("ws-manager-mk2-client-tls", "ws-manager-client-tls"):
        secret = api.get(f"/api/v1/namespaces/default/secrets/{name}")
        ca, crt, key = (base64.b64decode(secret["data"][file]) for file in ("ca.crt", "tls.crt", "tls.key"))
        target = shared_cluster.url.removeprefix("https://")
        with grpc.secure_channel(target, grpc.ssl_channel_credentials(ca, key, crt)) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=90)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with grpc.secure_channel(target, grpc.ssl_channel_credentials(ca)) as channel, pytest.raises(grpc.RpcError):
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=90)


def test_pods_fail_and_are_slow_as_ordered(shared_cluster: LabCluster) -> None:
    api = api_of(shared_cluster)
    namespace = "pods-as-ordered"
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    pods, jobs = f"/api/v1/namespaces/{namespace}/pods", f"/apis/batch/v1/namespaces/{namespace}/jobs"

    def becomes(path: str, key: str, value: object) -> None:
        api.wait(path, lambda body: body["status"].get(key) == value, timeout=60, watch=lambda: None)

    api.wait(f"/api/v1/namespaces/{namespace}/serviceaccounts/default", timeout=60, watch=lambda: None)
    fault = "ws-deployment.lab/fault"
    api.create(pods, pod("good"))
    api.create(pods, pod("bad", {fault: "start"}))
    api.create(pods, pod("ill", {fault: "run"}, {"ws-deployment.lab/run-duration": "100ms"}))
    api.create(pods, pod("stuck", {fault: "hang"}))
    api.create(pods, pod("slow", annotations={"ws-deployment.lab/start-delay": "5s"}))
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}}
    api.create(
        jobs, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template}}
    )
    for name, phase in (("good", "Running"), ("bad", "Failed"), ("ill", "Failed")):
        becomes(f"{pods}/{name}", "phase", phase)
    assert api.get(f"{pods}/bad")["status"]["reason"] == "LabFault"
    becomes(f"{jobs}/job", "succeeded", 1)
    slow = api.get(f"{pods}/slow")
    becomes(f"{pods}/slow", "phase", "Running")
    assert slow["status"]["phase"] == "Pending"
    assert api.get(f"{pods}/stuck")["status"]["phase"] == "Pending"
