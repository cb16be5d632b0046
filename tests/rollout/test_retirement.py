"""The end of the main job: the cluster that a run has replaced is retired. On real parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.configs import write_config
from harness.program import Ended, program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.lab.cluster import list_clusters
from ws_deployment.lab.daemon import strays
from ws_deployment.lab.layout import cluster_folder
from ws_deployment.lab.meta import meta_endpoint
from ws_deployment.tools.folders import state_path

pytestmark = pytest.mark.real

SHIFT = {"step": "traffic-shift", "with": {"stages": [100], "hold": 0}}
BARE = ["create-cluster", "register-cluster", SHIFT]
#: Its Secret is what the lab gives each cluster.
OLD = "gp-stag-ws-eu1-eu-west1"


def rolled_out(config: Path, cluster_id: int) -> Ended:
    ended = program("run", "-c", config, "--json", "--cluster-id", str(cluster_id))
    assert ended.code == 0, ended.err
    return ended


def registered() -> set[str]:
    with BridgeClient(meta_endpoint("meta")) as bridge:
        return {status.name for status in bridge.list()}


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
