"""The main job: a run makes a cluster, the next one takes its traffic over. On real parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.configs import write_config
from harness.program import program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_ready import namespace_lacks
from ws_deployment.lab.meta import meta_endpoint

pytestmark = pytest.mark.real

WORKLOADS = {"gitpod-ws-manager", "gitpod-ws-proxy", "jaeger"}


def test_the_second_run_moves_traffic_from_the_first_ones_cluster(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    first = program("run", "-c", config, "--json", "--cluster-id", "1")
    assert first.code == 0, first.err
    assert set(first.statuses().values()) == {"done"}
    assert len(first.statuses()) == 7

    kubeconfig = Path(first.of("task.finished")[0]["data"]["outputs"]["kubeconfig"])
    assert kubeconfig.stat().st_mode & 0o077 == 0
    kube = Kube(kubeconfig)
    assert {deployment["metadata"]["name"] for deployment in kube.list("apps/v1", "Deployment", "default")} == WORKLOADS
    assert namespace_lacks(kube, "default") == ""
    releases = kube.list("v1", "Secret", "default", selector={"owner": "helm"})
    run_id = first.events[0]["run"]
    assert {release["metadata"]["labels"]["ws-deployment.dev/run"] for release in releases} == {run_id}

    second = program("run", "-c", config, "--json")
    assert second.code == 0, second.err
    new = second.of("run.started")[0]["data"]["clusters"][0]["shortName"]
    assert new != "eu1"
    shares = [event["data"]["shares"] for event in second.of("traffic")]
    assert shares[0] == {"eu1": 100}
    assert {new: 50, "eu1": 50} in shares
    assert shares[-1] == {new: 100}

    with BridgeClient(meta_endpoint("meta")) as bridge:
        there = {status.name: status for status in bridge.list()}
    assert (there["eu1"].score, there["eu1"].state.name) == (0, "CORDONED")
    assert (there[new].score, there[new].state.name) == (50, "AVAILABLE")
    assert there[new].governed
