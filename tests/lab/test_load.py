"""A load at the lab's meta cluster: real Pods in real clusters, in proportion to the scores, gone at the end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from harness.certificates import Authority
from harness.lab_traffic import pods, register, until_gone
from harness.stand_ins import bridge, ws_manager

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.errors import ClusterNotEmptyError
from ws_deployment.clients.bridge.model import Registration
from ws_deployment.errors import TransientError
from ws_deployment.lab import load as load_module
from ws_deployment.lab.cluster import create_cluster
from ws_deployment.lab.load import Load
from ws_deployment.lab.meta import ensure_meta
from ws_deployment.lab.record import LabCluster


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=90) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.mark.real
def test_workspaces_become_pods_by_score_and_are_counted() -> None:
    old, new = (create_cluster(name, run_id="test", fleet="test", nodes=1) for name in ("ws-eu16", "ws-eu17"))
    meta = ensure_meta("meta")
    with BridgeClient(meta.endpoint) as client:
        for short, cluster, score in (("eu16", old, 70), ("eu17", new, 30)):
            register(meta, short, cluster, score)
        with Load(meta.folder, rate=40, lifetime=60) as load:
            last = [*load.run(duration=5)][-1]
            assert last.failed == {}
            assert sum(last.started.values()) == 200
            assert {"eu16": pods(old), "eu17": pods(new)} == last.started
            # 60 expected of 200; 3.29 standard deviations are alpha 0.001.
            assert abs(last.started["eu17"] - 60) < 3.29 * (200 * 0.3 * 0.7) ** 0.5
            with pytest.raises(ClusterNotEmptyError):
                client.deregister("eu17")
        until_gone(old, new)
        prefix = "gitpod_ws_manager_mk2_workspace"
        for short, cluster in (("eu16", old), ("eu17", new)):
            port = cluster.ws_manager_metrics_port
            assert metric(port, f"{prefix}_starts_total") == last.started[short]
            assert metric(port, f'{prefix}_stops_total{{class="default",reason="regular-stop"') > 0
            assert metric(port, f"{prefix}_startup_seconds_count") > 0
            assert metric(port, f"{prefix}_starts_failure_total") == 0
        client.deregister("eu17")
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
            # Killed outright, its workspaces end by themselves.
            assert stopped_by(number, old) == code
            until_gone(old)


def stopped_by(number: signal.Signals, cluster: LabCluster) -> int:
    """Start the command, wait until it has started workspaces, and end it so; its exit code."""
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "lab", "load"]
    argv += ["--meta", "meta", "--rate", "20", "--lifetime", "3", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert json.loads(child.stdout.readline())["shares"] == {"eu16": 100.0}
        assert pods(cluster) > 0
        child.send_signal(number)
        return child.wait(120)


def test_shares_are_of_the_recent_placements(tmp_path: Path) -> None:
    with (
        ws_manager(tmp_path / "eu17", Authority()) as manager,
        bridge(tmp_path / "meta") as running,
        BridgeClient(running.endpoint) as client,
        Load(running.home, rate=400, lifetime=1, pods=False) as load,
    ):
        snapshots = load.run(duration=2, interval=0.5)
        first = next(snapshots)
        assert (first.shares, first.last_error) == ({"": 100.0}, "no workspace cluster is available")
        client.register(Registration("eu17", manager.url, manager.client, cordoned=False))
        last = [*snapshots][-1]
        assert last.shares == {"eu17": 100.0}
        assert sum(last.started.values()) == 800
        assert last.failed == {"": last.started[""]}


@pytest.mark.real
def test_a_restart_of_the_bridge_is_outlived(tmp_path: Path) -> None:
    with ExitStack() as first, Load(tmp_path / "meta", rate=50, lifetime=1, pods=False) as load:
        first.enter_context(bridge(tmp_path / "meta"))
        snapshots = load.run(interval=0.1)
        assert next(snapshots).last_error == "no workspace cluster is available"
        first.close()
        while "does not answer" not in next(snapshots).last_error:
            pass
        with bridge(tmp_path / "meta"):
            while (last := next(snapshots)).last_error != "no workspace cluster is available":
                pass
            # Each user counts once, whatever became of the start; who came meanwhile is caught up with.
            while sum(last.started.values()) < 50 * last.elapsed - 50:
                last = next(snapshots)
            assert sum(last.started.values()) <= 50 * last.elapsed


@pytest.mark.real
def test_a_bridge_that_stays_away_ends_the_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_module, "_PATIENCE", 0.2)
    with Load(tmp_path / "meta", rate=50, lifetime=1, pods=False) as load:
        with bridge(tmp_path / "meta"):
            snapshots = load.run(interval=0.1)
            next(snapshots)
        with pytest.raises(TransientError, match="lab up"):
            for _ in snapshots:
                pass


def test_a_bridge_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="lab up"), Load(tmp_path / "meta", rate=5, lifetime=1) as load:
        next(load.run())
