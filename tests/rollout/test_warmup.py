"""A stage that waits for room: the whole program, whose new cluster gets its nodes while it is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.configs import write_config
from harness.program import Running, program

from ws_deployment.clients.kube import Kube
from ws_deployment.lab import manifests
from ws_deployment.lab.cluster import get_cluster

pytestmark = pytest.mark.real

OLD, NEW = "gp-stag-ws-eu1-eu-west1", "gp-stag-ws-eu2-eu-west1"
BEFORE = ["create-cluster", "register-cluster", {"step": "traffic-shift", "with": {"stages": [100], "hold": 0}}]
SHIFT = {"step": "traffic-shift", "with": {"stages": [50, 100], "hold": 0, "warmup": {"limit": "10m", "reserve": {}}}}


def work_on(cluster: str, count: int) -> None:
    """So many people work there, each on 40 of a node's 64 cores."""
    kube = Kube(get_cluster(cluster).kubeconfig)
    for number in range(count):
        labels = {"component": "workspace", "workspaceType": "regular"}
        metadata = {"name": f"ws-{number}", "namespace": "default", "labels": labels}
        asked = {"requests": {"cpu": "40"}}
        spec = {"containers": [{"name": "workspace", "image": "workspace", "resources": asked}]}
        kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def add_nodes(cluster: str, names: list[str]) -> None:
    """Nodes like its own."""
    lab = get_cluster(cluster)
    first, kube = manifests.nodes(lab)[0], Kube(lab.kubeconfig)
    for name in names:
        kube.create({**first, "metadata": {**first["metadata"], "name": name}})


def test_no_stage_is_written_before_there_is_room(tmp_path: Path) -> None:
    config = write_config(tmp_path, pipeline=BEFORE)
    ended = program("run", "-c", config, "--json", "--cluster-id", "1")
    assert ended.code == 0, ended.err
    work_on(OLD, 8)
    config = write_config(tmp_path, pipeline=[*BEFORE[:2], SHIFT])

    with Running("run", "-c", config, "--json", "--cluster-id", "2") as run:
        run.until("holding before 50 %: eu2 has room for 3 of 4 regular workspaces to come")
        assert '"name":"50%/eu2/score"' not in run.text().replace(" ", "")
        add_nodes(NEW, ["four"])
        run.until("holding before 100 %: eu2 has room for 4 of 8 regular workspaces to come")
        add_nodes(NEW, ["five", "six", "seven", "eight"])
        assert run.wait() == 0, run.text()
        done = [event["data"]["name"] for event in run.events() if event["kind"] == "subtask.finished"]
    shift = done[done.index("50%/warmup") :]
    assert shift[0] == "50%/warmup"
    assert shift.index("100%/warmup") > shift.index("50%/eu1/score")
    assert shift[-1] == "100%/release"
    left = Kube(get_cluster(NEW).kubeconfig).list("v1", "Pod", "default")
    assert not [pod for pod in left if pod["metadata"]["name"].startswith("room-")]
