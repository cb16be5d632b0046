"""A shift that follows the metrics, on real parts: what fails in the middle of it, and what the others come to.

`OUTAGE=120` lets Prometheus be away for two minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config
from harness.program import program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.lab.bridge.starter import Order
from ws_deployment.lab.layout import meta_folder
from ws_deployment.lab.meta import meta_endpoint

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

#: Seconds that Prometheus is away.
OUTAGE = float(os.environ.get("OUTAGE", "8"))
FAILURES = 'gitpod_ws_manager_mk2_workspace_starts_failure_total{cluster="{{cluster}}"}'
GATE = {
    "name": "failures",
    "query": f"sum({FAILURES}) or vector(0)",
    "failWhen": ">= 1",
    "interval": "1s",
    "limits": {"error": 2},
}
Told = dict[str, Any]


def gated(folder: Path, *prefixes: str, **shift: Any) -> Path:
    options = {"stages": [50, 100], "hold": "2s", "settle": 0, "measure": "off", "clusterLabel": "{name}"}
    clusters = [
        {"prefix": prefix, "region": "europe-west1", "governedBy": "meta", "type": "local"} for prefix in prefixes
    ]
    step = {"step": "traffic-shift", "with": {**options, "gates": [GATE], **shift}}
    return write_config(folder, workspaceClusters=clusters, pipeline=["create-cluster", "register-cluster", step])


def rolled_out(
    config: Path, cluster_id: int, at: Callable[[Told], None] = lambda _event: None
) -> tuple[int, list[Told]]:
    """A run to its end, and its events; `at` is called with each as it comes."""
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "run", "-c", str(config), "--json"]
    argv += ["--cluster-id", str(cluster_id), "--yes"]
    events = []
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout
        for line in running.stdout:
            events.append(json.loads(line))
            at(events[-1])
    return running.returncode, events


@contextmanager
def fault(name: str, *options: str) -> Iterator[None]:
    ordered(name, *options)
    yield
    ordered(name, "--clear")


def ordered(name: str, *options: str) -> None:
    ended = program("lab", "fault", name, *options)
    assert ended.code == 0, ended.err


def watching(event: Told, stage: str) -> bool:
    return bool(event["kind"] == "subtask.started" and event["data"]["name"] == f"{stage}/watch")


def moment(event: Told) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def start(count: int) -> None:
    """Have the meta cluster start workspaces, as for users."""
    port = json.loads((meta_folder("meta") / "ready").read_text())["metrics_port"]
    order = json.dumps(asdict(Order(kind="regular", count=count))).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/workspaces", order, timeout=90) as answer:
        assert answer.status == 200


def taking() -> dict[str, int]:
    """Scores of those that take starts."""
    with BridgeClient(meta_endpoint("meta")) as bridge:
        return {each.name: each.score for each in bridge.list() if each.state.name == "AVAILABLE" and each.score}


def test_while_prometheus_is_away_it_holds_and_then_goes_on(tmp_path: Path) -> None:
    config = gated(tmp_path, "eu")
    assert rolled_out(config, 1)[0] == 0
    away: list[float] = []

    def at(event: Told) -> None:
        if watching(event, "50%"):
            with fault("meta", "--prometheus-down"):
                away.append(time.time())
                time.sleep(OUTAGE)
                away.append(time.time())

    code, events = rolled_out(config, 2, at)
    assert code == 0
    gates = [event for event in events if event["kind"] == "gate"]
    said = {event["data"]["verdict"] for event in gates if away[0] + 1 < moment(event) < away[1]}
    assert said == {"error"}
    assert any(event["data"]["action"] == "hold" for event in gates)
    assert not [event for event in events if event["kind"] == "task.turning-back"]
    # What was held goes on when there is an answer again.
    on = next(event for event in events if event["kind"] == "subtask.started" and "100%" in event["data"]["name"])
    assert moment(on) > away[1]
    assert taking() == {"eu2": 50}


def test_one_of_two_clusters_goes_back_alone(tmp_path: Path) -> None:
    config = gated(tmp_path, "eu", "us", turnBack="cluster")
    assert rolled_out(config, 1)[0] == 0
    before = taking()
    assert set(before) == {"eu1", "us1"}

    def at(event: Told) -> None:
        if watching(event, "50%"):
            ordered("us2", "--start-failures", "1")
            start(60)

    code, events = rolled_out(config, 2, at)
    assert code == 7
    assert [event["data"]["parts"] for event in events if event["kind"] == "task.turning-back"] == [["us1", "us2"]]
    # The sick one's old cluster takes starts as before, the healthy one has taken over from its own.
    assert set(taking()) == {"eu2", "us1"}
    statuses = {event["task"]: event["data"]["status"] for event in events if event["kind"] == "task.finished"}
    assert statuses["meta/traffic-shift"] == "turned back"
