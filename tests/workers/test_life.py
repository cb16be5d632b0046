"""What people do with detached runs: pause, approve, cancel, retry, undo; and what a worker can't go on with."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from harness.upgrade_plans import plan_of
from workers.crew import Crew, Effects, appending

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_lease import API_VERSION, KIND
from ws_deployment.engine.schedules import Asked, Schedules
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
from ws_deployment.lab.record import LabCluster
from ws_deployment.releases.calendar.window import Opening

pytestmark = pytest.mark.real


def test_approved_paused_and_gone_on_with(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 1, 2, ask=True)
    run = machines.detach(config)
    machines.start()
    machines.until(lambda: machines.events(run, "task.waiting"), "the question")
    assert machines("runs", "approve", run).code == 0
    machines.until(lambda: len(machines.events(run, "task.waiting")) == 2, "the second question")
    assert machines("runs", "pause", run).code == 0
    machines.until(lambda: machines.run(run)["status"] == "paused", "the pause")
    assert machines("runs", "approve", run).code == 0
    assert len(machines.events(run, "run.paused")) == 1
    resumed = machines("runs", "resume", run)
    assert resumed.code == 0, resumed.err
    machines.done(run)
    assert set(Effects.of(file).begun().values()) == {1}


def test_cancelled_in_the_queue_and_at_work_then_retried(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 3, 2, gate=str(tmp_path / "gate"))
    queued = machines.detach(config)
    assert machines("runs", "cancel", queued).code == 0
    assert machines.run(queued)["status"] == "cancelled"
    for _ in range(2):
        machines.start()
    run = machines.detach(config)
    machines.until(lambda: len(Effects.of(file).begun()) == 3, "all clusters")
    refused = machines("runs", "rollback", run)
    assert (refused.code, "with the workers" in refused.err) == (3, True), refused.err
    assert machines("runs", "cancel", run).code == 0
    assert machines.ended(run) == "cancelled"
    (tmp_path / "gate").touch()
    retried = machines("runs", "retry", run)
    assert retried.code == 0, retried.err
    machines.done(run)
    tasks = json.loads(machines.run(run)["record"])["tasks"]
    assert set(Effects.of(file).begun()) == {task.replace("/", ".", 1) for task in tasks}


def test_failed_retried_and_undone_by_workers(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 2, 2, fails=["aa7.append-2"])
    machines.start()
    run = machines.detach(config, "--cluster-id", "7")
    assert machines.ended(run) == "failed"
    Path(f"{file}.mended").touch()
    assert machines("runs", "retry", run).code == 0
    machines.done(run)
    assert Effects.of(file).begun() == {"aa7.append-1": 1, "aa7.append-2": 2, "ab7.append-1": 1, "ab7.append-2": 1}
    undone = machines("runs", "rollback", run, "--detach", "--output", "plain")
    assert undone.code == 0, undone.err
    machines.done(undone.out.strip().splitlines()[-1])
    assert machines.run(run)["status"] == "rolled back"
    assert sum(line["subtask"] == "undo" and line["what"] == "begin" for line in Effects.of(file).lines) == 4


def test_a_failed_run_is_undone_where_its_config_says_so(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 2, 1, fails=["aa7.append-1"], defaults={"onFailure": "rollback"})
    for _ in range(2):
        machines.start()
    run = machines.detach(config, "--cluster-id", "7")
    machines.until(lambda: machines.run(run)["status"] == "rolled back", "the rollback")
    assert [line["task"] for line in Effects.of(file).lines if line["subtask"] == "undo"] == ["ab7.append-1"] * 2


def test_what_a_worker_cannot_go_on_with_fails_and_the_worker_goes_on(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 1)
    run = machines.detach(config)
    with psycopg.connect(machines.url) as connection:
        record = json.loads(machines.run(run)["record"])
        record["tasks"] = ["aa1/gone"]
        connection.execute("UPDATE wsd_runs SET record = %s WHERE id = %s", (json.dumps(record), run))
    machines.start()
    assert machines.ended(run) == "failed"
    (ended,) = machines.events(run, "run.finished")
    assert "other tasks" in ended["data"]["problem"]["why"]
    machines.done(machines.detach(config))
    assert len(Effects.of(file).begun()) == 1


def test_another_journal_is_left_alone_and_said(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 1)
    run = machines.detach(config)
    with psycopg.connect(machines.url) as connection:
        record = json.loads(machines.run(run)["record"]) | {"journal": "journal-0", "program": "0.0.1"}
        connection.execute("UPDATE wsd_runs SET record = %s WHERE id = %s", (json.dumps(record), run))
        connection.execute("UPDATE dbos.workflow_status SET application_version = 'journal-0'")
    worker = machines.start()
    machines.until(lambda: "journal-0" in machines.log(worker), "the worker's word")
    resumed = machines("runs", "resume", run)
    assert resumed.code == 1
    assert "version 0.0.1" in resumed.err
    assert not Effects.of(file).lines
    assert machines.run(run)["status"] == "queued"


def test_a_second_run_is_refused_or_waits(tmp_path: Path, machines: Crew) -> None:
    config, _ = appending(tmp_path, 2, gate=str(tmp_path / "gate"))
    machines.start()
    run = machines.detach(config, "--cluster-id", "7")
    again = ("run", "-c", config, "--cluster-id", "7", "--output", "plain")
    for more in ((), ("--new",)):
        refused = machines(*again, *more)
        assert refused.code == 5, refused.err
        assert run in refused.out + refused.err
    (tmp_path / "gate").touch()
    assert machines(*again, "--wait", "60").code == 0
    machines.done(run)


def test_the_config_names_the_database(tmp_path: Path, machines: Crew) -> None:
    config, _ = appending(tmp_path, 1)
    named = json.loads(config.read_text()) | {"state": {"database": {"variable": "STATE_OF_THE_FLEET"}}}
    config.write_text(json.dumps(named))
    unnamed = {"WS_DEPLOYMENT_STATE": "", "STATE_OF_THE_FLEET": machines.url}
    ended = machines("run", "-c", config, "--cluster-id", "7", "--key", "build-1", "--json", env=unnamed)
    assert ended.code == 0, ended.err
    run = json.loads(ended.out.splitlines()[0])["run"]
    assert machines.run(run)["status"] == "done"
    # The next job, on a machine of its own, finds the run by its key, there and nowhere else.
    again = machines("run", "-c", config, "--key", "build-1", "--output", "plain", env=unnamed)
    assert (again.code, run in again.out + again.err) == (0, True), again.err
    assert not list(tmp_path.glob("machine*/state/**/state.db"))
    away = {"STATE_OF_THE_FLEET": "postgresql://someone:pa55word@127.0.0.1:1/none"}
    refused = machines("run", "-c", config, env=unnamed | away)
    assert (refused.code, "127.0.0.1" in refused.err) == (1, True), refused.err
    assert "pa55word" not in refused.out + refused.err
    missing = machines("run", "-c", config, env={"WS_DEPLOYMENT_STATE": ""})
    assert (missing.code, "STATE_OF_THE_FLEET" in missing.err) == (1, True), missing.err


def test_workers_hold_the_lock_at_a_meta_cluster_in_common(
    tmp_path: Path, machines: Crew, shared_cluster: LabCluster
) -> None:
    config, file = appending(tmp_path, 1, 2, gate=str(tmp_path / "gate"))
    access = {"kubeconfig": str(shared_cluster.kubeconfig), "namespace": "default"}
    meta = {"name": "meta", "region": "europe-west1", "type": "existing", "kubernetes": access}
    config.write_text(json.dumps(json.loads(config.read_text()) | {"metaClusters": [meta]}))
    api = Kube(shared_cluster.kubeconfig)

    def holder() -> str:
        found = api.get(API_VERSION, KIND, "ws-deployment", "default")
        return str(found["spec"].get("holderIdentity") or "") if found else ""

    first = machines.start()
    run = machines.detach(config, "--cluster-id", "7")
    machines.until(lambda: Effects.of(file).begun(), "the first effect")
    assert holder() == f"run {run} (its workers)"
    # A run of another state store, which sees none of the database's leases, finds it locked.
    elsewhere = {"WS_DEPLOYMENT_STATE": ""}
    refused = machines("run", "-c", config, "--cluster-id", "8", "--output", "plain", env=elsewhere)
    assert (refused.code, f"held by run {run} (its workers)" in refused.err) == (5, True), refused.err
    os.kill(first.pid, signal.SIGKILL)
    machines.start()
    machines.until(lambda: len(Effects.of(file).workers()) == 2, "the takeover")
    assert holder() == f"run {run} (its workers)"
    (tmp_path / "gate").touch()
    machines.done(run)
    machines.until(lambda: not holder(), "the release")
    ended = machines("run", "-c", config, "--cluster-id", "8", "--output", "plain", env=elsewhere)
    assert ended.code == 0, ended.err


def test_a_worker_that_is_told_to_looks_after_scheduled_upgrades_too(tmp_path: Path, machines: Crew) -> None:
    store = Store(State(tmp_path, machines.url))
    now = datetime.now(UTC)
    asked = Asked("now", Opening(now, now + timedelta(hours=1)))
    Schedules(store).add(plan_of({}), asked, now.timestamp())
    store.close()
    worker = machines.start("--upgrades", "--kubeconfig", str(tmp_path / "nowhere"))
    machines.until(lambda: "it is tried again until" in machines.log(worker), "the attempt to reach the cluster")
    assert "org/alpha from 25.0.0 to 25.1.0: " in machines.log(worker)
    assert "Traceback" not in machines.log(worker)
