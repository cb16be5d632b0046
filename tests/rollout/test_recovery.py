"""A run whose state store is lost: rebuilt from the marks on what it made, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness.configs import PIPELINE, write_config
from harness.program import program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.lab.meta import meta_endpoint
from ws_deployment.tools.folders import state_path

pytestmark = pytest.mark.real
STEPS = ["create-cluster", "install-jaeger", "register-cluster", PIPELINE[-1]]


def test_a_lost_run_is_rebuilt_and_gone_on_with(tmp_path: Path) -> None:
    config = write_config(tmp_path, pipeline=STEPS)
    done = program("run", "-c", config, "--json", "--cluster-id", "1")
    assert done.code == 0, done.err
    run = done.events[0]["run"]
    for file in state_path().glob("state.db*"):
        file.unlink()
    with BridgeClient(meta_endpoint("meta")) as bridge:
        bridge.cordon("eu1")

    recovered = program("runs", "recover", run, "-c", config, "--json")
    assert recovered.code == 0, recovered.err
    assert json.loads(recovered.out) == {
        "run": run,
        "clusterId": 1,
        "tasks": {
            "eu1/create-cluster": "done",
            "eu1/install-jaeger": "done",
            "eu1/register-cluster": "done",
            "meta/traffic-shift": "waiting",
        },
    }
    resumed = program("runs", "resume", run, "--json")
    assert resumed.code == 0, resumed.err
    assert {event["task"] for event in resumed.of("task.started")} == {"meta/traffic-shift"}
    with BridgeClient(meta_endpoint("meta")) as bridge:
        assert [(each.name, each.state.name) for each in bridge.list()] == [("eu1", "AVAILABLE")]
    again = program("runs", "recover", run, "-c", config)
    assert (again.code, "the state has it" in again.err) == (3, True)
