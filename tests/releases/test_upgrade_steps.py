"""Upgrades as steps of a run, by the program, on a real API server with the lab's controllers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from doubles.prometheus import prometheus, vector
from harness.program import program
from harness.upgrade_run import (
    KCP,
    NAMES,
    controllers,
    everything,
    make_clusters,
    order,
    release_of,
    upgrade_config,
)

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real

IRREVERSIBLE = "irreversible/alpha"
#: The program, which kills itself after its second write to an object that is upgraded.
KILLED = """
import os, signal
from ws_deployment.cli.main import main
from ws_deployment.clients.kube import Kube

write, writes = Kube.apply_fields, 0

def counted(self, document, manager, *, dry_run=False):
    global writes
    done = write(self, document, manager, dry_run=dry_run)
    writes += not dry_run
    if writes == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

Kube.apply_fields = counted
main()
"""


@pytest.fixture
def clusters(management: Kube, space: str) -> str:
    make_clusters(management, space)
    return space


def test_three_clusters_go_through_two_waves(
    tmp_path: Path, management: Kube, shared_cluster: LabCluster, clusters: str
) -> None:
    config = upgrade_config(tmp_path, shared_cluster, clusters)
    planned = program("plan", "-c", config, "--full")
    assert planned.code == 0, planned.err
    assert "spec.version: v1.32.9 → v1.33.5" in planned.out
    assert {release_of(management, clusters, name) for name in NAMES} == {"20.0.0"}, "a plan changes nothing"

    with controllers(management, clusters):
        ended = program("run", "-c", config, "--json")
        assert ended.code == 0, ended.err
    assert set(ended.statuses().values()) == {"done"}
    assert {release_of(management, clusters, name) for name in NAMES} == {"20.1.0"}
    for name in NAMES:
        found = management.get(*KCP, f"{name}-control-plane", clusters)
        assert found
        assert found["status"]["version"] == "v1.33.5"
    order_of_ends = [event["task"] for event in ended.of("task.finished")]
    waits = [order_of_ends.index(f"{name}/wait-upgraded") for name in NAMES]
    begun = [event["task"] for event in ended.events if event["kind"] == "task.started"]
    assert order_of_ends.index("alpha/wait-upgraded") < order_of_ends.index("run/after-wave-1") < min(waits[1:])
    told = [event for event in ended.events if event["kind"] in {"task.started", "task.finished"}]
    second, third = sorted(("bravo", "carol"), key=lambda name: begun.index(f"{name}/apply-upgrade"))
    of_both = [(event["kind"], event["task"]) for event in told]
    assert of_both.index(("task.finished", f"{second}/wait-upgraded")) < of_both.index(
        ("task.started", f"{third}/apply-upgrade")
    ), "one at once"
    said = " ".join(event["data"]["message"] for event in ended.of("task.progress"))
    assert "1 of 3 machines are up to date" in said


@pytest.mark.parametrize(
    "case",
    [("stuck", "4s", "it is stuck: not there after 4.0s"), ("failed", "60s", "MachinesReady is False")],
)
def test_a_canary_that_does_not_arrive_keeps_the_others_from_beginning(
    tmp_path: Path,
    management: Kube,
    shared_cluster: LabCluster,
    clusters: str,
    case: tuple[str, str, str],
) -> None:
    how, wait, why = case
    order(management, clusters, "alpha", how)
    before = everything(management, clusters, "bravo")
    config = upgrade_config(tmp_path, shared_cluster, clusters, wait=wait)
    with controllers(management, clusters):
        ended = program("run", "-c", config, "--json")
        assert ended.code == 1, ended.err
        assert ended.statuses()["alpha/wait-upgraded"] == "failed"
        assert why in ended.err + ended.out
        assert "KubeadmControlPlane alpha-control-plane" in ended.err + ended.out, "what is behind is named"
        assert not [event for event in ended.of("task.started") if event["task"].startswith(("bravo", "carol"))]
        assert everything(management, clusters, "bravo") == before

        order(management, clusters, "alpha", "progress")
        again = program("runs", "retry", "latest", "--json")
        assert again.code == 0, again.err
    assert {release_of(management, clusters, name) for name in NAMES} == {"20.1.0"}


def test_a_rollback_refuses_what_is_irreversible_and_takes_back_the_rest_field_by_field(
    tmp_path: Path, management: Kube, shared_cluster: LabCluster, clusters: str
) -> None:
    before = {name: everything(management, clusters, name) for name in NAMES}
    order(management, clusters, "alpha", "failed")
    config = upgrade_config(tmp_path, shared_cluster, clusters)
    with controllers(management, clusters):
        failed = program("run", "-c", config, "--json")
        assert failed.code == 1, failed.err
        run = failed.events[0]["run"]
        after = everything(management, clusters, "alpha")
        assert after != before["alpha"]
        refused = program("runs", "rollback", run, "--json")
        assert refused.code != 0
        assert IRREVERSIBLE in refused.err + refused.out
        assert "spec.version" in refused.err + refused.out
        assert everything(management, clusters, "alpha") == after, "nothing was touched"

        back = program("runs", "rollback", run, "--force-parts", IRREVERSIBLE, "--json")
        assert back.code == 0, back.err
    here = everything(management, clusters, "alpha")
    want: dict[str, Any] = before["alpha"]
    # Versions stay, as was said; every other field is as before.
    want["KubeadmControlPlane alpha-control-plane"]["spec"]["version"] = "v1.33.5"
    want["MachineDeployment alpha-workers"]["spec"]["template"]["spec"]["version"] = "v1.33.5"
    assert here == want
    assert everything(management, clusters, "bravo") == before["bravo"]


def test_a_saved_plan_is_applied_as_it_was_reviewed_or_not_at_all(
    tmp_path: Path, management: Kube, shared_cluster: LabCluster, clusters: str
) -> None:
    config, saved = upgrade_config(tmp_path, shared_cluster, clusters), tmp_path / "saved.plan"
    assert program("plan", "-c", config, "--out", saved).code == 0
    metadata = {"name": "bravo-control-plane", "namespace": clusters}
    document = {"apiVersion": KCP[0], "kind": KCP[1], "metadata": metadata}

    def edit(version: str) -> None:
        management.apply_fields({**document, "spec": {"version": version}}, "a-person")

    edit("v1.32.10")
    stale = program("apply", saved, "--json")
    assert stale.code == 4, stale.err
    assert "bravo/upgrade-diff" in stale.err + stale.out
    assert {release_of(management, clusters, name) for name in NAMES} == {"20.0.0"}
    edit("v1.32.9")
    with controllers(management, clusters):
        done = program("apply", saved, "--json")
        assert done.code == 0, done.err
    assert {release_of(management, clusters, name) for name in NAMES} == {"20.1.0"}


def test_a_run_that_was_killed_while_it_applies_goes_on_with_what_is_left(
    tmp_path: Path, management: Kube, shared_cluster: LabCluster, clusters: str
) -> None:
    config = upgrade_config(tmp_path, shared_cluster, clusters)
    with controllers(management, clusters):
        argv = [sys.executable, "-c", KILLED, "run", "-c", str(config), "--json"]
        killed = subprocess.run(argv, capture_output=True, text=True, timeout=200, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        half = everything(management, clusters, "alpha")
        assert half["MachineDeployment alpha-workers"]["spec"]["template"]["spec"]["version"] == "v1.33.5"
        assert release_of(management, clusters, "alpha") == "20.0.0", "the Cluster was not written yet"

        ended = program("runs", "resume", "latest", "--json")
        assert ended.code == 0, ended.err
    said = [event["data"]["message"] for event in ended.of("task.progress") if event["task"] == "alpha/apply-upgrade"]
    assert said == [f"changed Cluster {clusters}/alpha"], "what was written is not written again"
    assert {release_of(management, clusters, name) for name in NAMES} == {"20.1.0"}


def test_a_run_that_was_killed_while_it_waits_goes_on(
    tmp_path: Path, management: Kube, shared_cluster: LabCluster, clusters: str
) -> None:
    order(management, clusters, "alpha", "stuck")
    config = upgrade_config(tmp_path, shared_cluster, clusters)
    with controllers(management, clusters):
        log = tmp_path / "log"
        with log.open("w") as file:
            argv = [sys.executable, "-m", "ws_deployment.cli.main", "run", "-c", str(config), "--json"]
            child = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT)
            end = time.monotonic() + 120
            while "1 of 3 machines" not in log.read_text():
                assert child.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        versions = everything(management, clusters, "alpha")
        order(management, clusters, "alpha", "progress")
        ended = program("runs", "resume", "latest", "--json")
        assert ended.code == 0, ended.err
        assert "alpha/apply-upgrade" not in {event["task"] for event in ended.of("task.started")}
        assert everything(management, clusters, "alpha") == versions
    assert {release_of(management, clusters, name) for name in NAMES} == {"20.1.0"}


def test_a_metric_that_is_bad_keeps_the_next_wave_from_beginning(
    tmp_path: Path, management: Kube, shared_cluster: LabCluster, clusters: str
) -> None:
    gate = {"name": "errors", "query": 'errors{cluster="{{cluster}}"}', "failWhen": "> 5", "interval": 1}
    watches = {"time": "1s", "gates": [{**gate, "limits": {"failed": 1}}], "clusterLabel": "{name}"}

    def answer(query: str) -> tuple[int, Any]:
        return vector(({}, bad if "alpha" in query else 0.0))

    bad = 9.0
    with prometheus(answer) as metrics, controllers(management, clusters):
        config = upgrade_config(tmp_path, shared_cluster, clusters)
        document = json.loads(config.read_text())
        document["metaClusters"][0]["prometheus"] = {"url": metrics.url}
        document["pipeline"].append({"step": "watch-gates", "with": watches})
        config.write_text(json.dumps(document))
        ended = program("run", "-c", config, "--json")
        assert ended.code != 0
        assert ended.statuses()["meta/watch-gates"] == "turned back"
        assert "gate errors of alpha" in ended.err + ended.out
        assert not [event for event in ended.of("task.started") if event["task"].startswith(("bravo", "carol"))]
        assert release_of(management, clusters, "alpha") == "20.1.0", "what was upgraded stays so"

        bad = 0.0
        again = program("runs", "retry", ended.events[0]["run"], "--json")
        assert again.code == 0, again.err
    assert {release_of(management, clusters, name) for name in NAMES} == {"20.1.0"}
