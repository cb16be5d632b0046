"""The end of the main job: the cluster that a run has replaced is retired. On real parts."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config
from harness.program import Ended, Running, program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.kube import Kube
from ws_deployment.lab.bridge.starter import Order
from ws_deployment.lab.cluster import create_cluster, list_clusters
from ws_deployment.lab.daemon import strays
from ws_deployment.lab.layout import cluster_folder, meta_folder
from ws_deployment.lab.meta import meta_endpoint
from ws_deployment.tools.folders import state_path

pytestmark = pytest.mark.real

SHIFT = {"step": "traffic-shift", "with": {"stages": [100], "hold": 0}}
BARE = ["create-cluster", "register-cluster", SHIFT]
CLUSTER = {"prefix": "eu", "region": "europe-west1", "governedBy": "meta", "type": "local"}
OLD = "gp-stag-ws-eu1-eu-west1"
WORKSPACES = {"component": "workspace"}


def rolled_out(config: Path, cluster_id: int) -> Ended:
    ended = program("run", "-c", config, "--json", "--cluster-id", str(cluster_id))
    assert ended.code == 0, ended.err
    return ended


def registered() -> set[str]:
    with BridgeClient(meta_endpoint("meta")) as bridge:
        return {status.name for status in bridge.list()}


def registered_before(clusters: list[dict[str, Any]]) -> None:
    """What the meta cluster has before the first run; nobody asks these clusters anything."""
    folder = meta_folder("meta")
    folder.mkdir(parents=True, mode=0o700)
    (folder / "state.json").write_text(json.dumps({"clusters": clusters}))


def start(kind: str, count: int) -> None:
    """Have the meta cluster start workspaces, as for users."""
    port = json.loads((meta_folder("meta") / "ready").read_text())["metrics_port"]
    order = json.dumps(asdict(Order(kind=kind, count=count))).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/workspaces", order, timeout=90) as answer:
        started = json.loads(answer.read())["started"]
    assert {(each["cluster"], each["error"]) for each in started} == {("eu1", "")}


def hold(kube: Kube, pods: list[str], finalizers: list[str]) -> None:
    """As a workspace whose backup is under way: deleted, and there until it is saved."""
    for pod in pods:
        metadata = {"name": pod, "namespace": "default", "finalizers": finalizers}
        kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata})


def test_the_replaced_cluster_is_retired_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    config = write_config(tmp_path, pipeline=BARE)
    rolled_out(config, 1)
    rolled_out(config, 2)
    folder = state_path() / "fleets" / "test-staging" / OLD
    assert folder.exists()

    ended = program("retire", "-c", config, "eu1", "--soak", "0s", "--json")
    assert ended.code == 0, ended.err + ended.out

    assert ended.statuses() == {"meta/retire-cluster": "done"}
    assert registered() == {"eu2"}
    assert [cluster.name for cluster in list_clusters()] == ["gp-stag-ws-eu2-eu-west1"]
    assert not cluster_folder(OLD).exists()
    assert strays(cluster_folder(OLD)) == []
    assert not folder.exists()
    outputs = ended.of("task.finished")[0]["data"]["outputs"]
    assert outputs["destroys.eu1"]
    assert all(address.startswith("module.cluster.") for address in outputs["destroys.eu1"])


def test_each_forbidden_case_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    others = [{"name": "us1", "url": "https://127.0.0.1:1/us1", "cordoned": False, "score": 50}]
    registered_before(others)
    own = {"prefix": "own", "name": "by-hand", "create": False, "type": "existing", "kubeconfig": "none"}
    clusters = [CLUSTER, {**CLUSTER, **own}]
    config = write_config(tmp_path, pipeline=BARE, workspaceClusters=clusters)
    ended = program("run", "-c", config, "--json", "--cluster-id", "1", "--only", "eu")
    assert ended.code == 0, ended.err
    create_cluster("gp-stag-ws-eu5-eu-west1", run_id="theirs", fleet="theirs", nodes=1)

    def refused(name: str, code: int = 3) -> str:
        told = program("retire", "-c", config, name, "--soak", "0s", "--output", "plain")
        assert told.code == code, told.err + told.out
        assert "Traceback" not in told.err
        return told.err + told.out

    assert "it takes starts there (score 50)" in refused("eu1")
    with BridgeClient(meta_endpoint("meta")) as bridge:
        bridge.cordon("us1")
    assert "it is the last one that meta has" in refused("eu1")
    assert "it is of fleet theirs, and this config is of test-staging" in refused("eu5")
    assert "`create: false`" in refused("by-hand")
    assert "no entry of this config makes a cluster of that name" in refused("us1")
    assert "Did you mean `us1`?" in refused("us2", code=2)
    assert registered() == {"us1", "eu1"}
    assert {each.name for each in list_clusters()} == {OLD, "gp-stag-ws-eu5-eu-west1"}


def test_200_workspaces_are_all_waited_for_and_the_limit_is_a_question(tmp_path: Path) -> None:
    registered_before([{"name": "us1", "url": "https://127.0.0.1:1/us1", "cordoned": True, "score": 50}])
    # The limit comes from the config's own step; it is over long before the workspaces are.
    retire = {"step": "retire-cluster", "with": {"soak": "2h", "drainLimit": "1s"}}
    config = write_config(tmp_path, pipeline=[*BARE, retire])
    rolled_out(config, 1)
    for kind, count in (("regular", 140), ("prebuild", 40), ("imagebuild", 20)):
        start(kind, count)
    with BridgeClient(meta_endpoint("meta")) as bridge:
        bridge.uncordon("us1")
        bridge.set_score("eu1", 0)
        bridge.cordon("eu1")
    kube = Kube(cluster_folder(OLD) / "kubeconfig")
    workspaces = kube.list("v1", "Pod", "default", selector=WORKSPACES)
    slow = [workspace["metadata"]["name"] for workspace in workspaces[:10]]
    hold(kube, slow, ["test.example.com/backup"])

    with Running("retire", "-c", str(config), "eu1", "--soak", "0s", "--json") as retiring:
        retiring.until("200 of 200 workspaces left: 20 imagebuild, 40 prebuild, 140 regular")
        retiring.until("Wait on for as long again?")
        assert OLD in {each.name for each in list_clusters()}
        assert "eu1" in registered()
        for workspace in workspaces:
            kube.delete("v1", "Pod", workspace["metadata"]["name"], "default")
        retiring.until("10 of 200 workspaces left: 10 stopping")
        assert "eu1" in registered()
        hold(kube, slow, [])
        code = retiring.wait()
    assert code == 0, retiring.text()
    assert registered() == {"us1"}
    assert list_clusters() == []
    told = [event["data"] for event in retiring.events() if event["kind"] == "task.finished"]
    assert told[0]["outputs"]["waitedFor.eu1"] == 200


def test_a_gate_that_fails_in_the_soak_keeps_the_old_cluster_and_sends_traffic_back(tmp_path: Path) -> None:
    rolled_out(write_config(tmp_path, pipeline=BARE), 1)
    query = 'count(up{cluster="{{cluster}}"}) or vector(1)'
    gate = {"name": "bad", "query": query, "failWhen": ">= 1", "interval": "1s"}
    retire = {"step": "retire-cluster", "with": {"soak": "1h", "gates": [gate], "clusterLabel": "{name}"}}
    config = write_config(tmp_path, pipeline=[*BARE, retire])

    ended = program("run", "-c", config, "--output", "plain", "--cluster-id", "2", "--yes")

    assert ended.code == 7, ended.err + ended.out
    assert "eu1 stays: gate bad of eu2: 1 is >= 1" in ended.err
    with BridgeClient(meta_endpoint("meta")) as bridge:
        there = {status.name: (status.score, status.state.name) for status in bridge.list()}
    assert there["eu1"] == (50, "AVAILABLE")
    assert there["eu2"][1] == "CORDONED"
    assert {cluster.name for cluster in list_clusters()} == {OLD, "gp-stag-ws-eu2-eu-west1"}
