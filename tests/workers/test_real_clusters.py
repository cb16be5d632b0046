"""Real clusters, made by one machine and gone on with by another that shares a database and nothing else."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config
from workers.crew import Crew, Effects

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.lab.cluster import list_clusters
from ws_deployment.lab.meta import ensure_meta, meta_endpoint

pytestmark = pytest.mark.real


def real_clusters(folder: Path, machines: Crew, prefixes: tuple[str, ...], **parts: Any) -> tuple[Path, Path]:
    """A config of real clusters in the lab of this test, which stands for the cloud; and a gate in the middle of it.

    Terraform keeps its state in the test's database. The lab's folder is told to the module alone.
    """
    meta = ensure_meta("meta")
    machines.shared["PG_CONN_STR"] = f"{machines.url}?sslmode=disable"
    gate = folder / "gate"
    config = write_config(
        folder,
        metaClusters=[
            {
                "name": "meta",
                "region": "europe-west1",
                "type": "existing",
                "bridge": {"address": meta.endpoint, "api": meta.api},
            }
        ],
        workspaceClusters=[
            {"prefix": prefix, "region": "europe-west1", "governedBy": "meta", "type": "local"} for prefix in prefixes
        ],
        pipeline=[
            "create-cluster",
            {"step": "append", "with": {"file": str(folder / "effects"), "gate": str(gate)}},
            "install-gitpod",
            "alive-test",
            "register-cluster",
            {"step": "traffic-shift", "with": {"stages": [100], "hold": 0}},
        ],
        **{"terraform": {"backend": {"pg": {}}, "variables": {"state_home": os.environ["XDG_STATE_HOME"]}}, **parts},
    )
    return config, gate


def test_another_machine_goes_on_with_clusters_and_a_third_removes_them(tmp_path: Path, machines: Crew) -> None:
    config, gate = real_clusters(tmp_path, machines, ("eu", "us"))
    first = machines.start()
    run = machines.detach(config, "--cluster-id", "1")
    machines.until(lambda: len(Effects.of(tmp_path / "effects").begun()) == 2, "both clusters")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    made = {cluster.name for cluster in list_clusters()}
    machines.start()
    gate.touch()
    machines.done(run)
    assert {cluster.name for cluster in list_clusters()} == made
    with BridgeClient(meta_endpoint("meta")) as bridge:
        there = {status.name: status for status in bridge.list()}
    assert {name: status.state.name for name, status in there.items()} == {"eu1": "AVAILABLE", "us1": "AVAILABLE"}

    undone = machines("runs", "rollback", run, "--destroy", "--force-parts", "starts/meta", "--json")
    assert undone.code == 0, undone.err + undone.out[-3000:]
    assert not list_clusters()
    assert machines.run(run)["status"] == "rolled back"


def test_a_state_on_one_machine_alone_is_refused(tmp_path: Path, machines: Crew) -> None:
    config, _ = real_clusters(tmp_path, machines, ("eu",), terraform={})
    ended = machines("run", "-c", config, "--detach", "--output", "plain")
    assert ended.code == 3
    assert "terraform.backend" in ended.out + ended.err
    assert not list_clusters()
