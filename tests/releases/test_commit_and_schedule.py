"""Plans of a real API server, committed to a real repository, and carried out by schedule, as a user does it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.cluster_api import EXAMPLES, apply_as_user
from harness.http_server import serving
from harness.program import Ended, program

from ws_deployment.cli.management import Place
from ws_deployment.cli.options import state_at
from ws_deployment.cli.upgrade_worker import upgrading
from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster
from ws_deployment.releases import marks
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.loader import load_catalogue
from ws_deployment.releases.planning import plan_upgrade
from ws_deployment.releases.repository.commit import Target, commit

pytestmark = pytest.mark.real

CLUSTER = "cluster.x-k8s.io/v1beta2"
CONTROL_PLANE = ("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane", "alpha-control-plane")


@pytest.fixture
def clusters(management: Kube, space: str) -> Management:
    for file in sorted((EXAMPLES / "clusters").glob("*.yaml")):
        apply_as_user(management, file.read_text().replace("namespace: clusters", f"namespace: {space}"))
    return Management(management, load_catalogue(EXAMPLES), marks.RELEASE)


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_what_is_committed_is_what_applying_it_makes_of_the_clusters(
    clusters: Management, space: str, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    git(made, "init", "--quiet")
    for file in (EXAMPLES / "clusters").glob("*.yaml"):
        (made / file.name).write_text(file.read_text().replace("namespace: clusters", f"namespace: {space}"))
    git(made, "add", ".")
    git(made, "commit", "--quiet", "-m", "one")
    git(tmp_path, "clone", "--quiet", "--bare", "made", "origin.git")
    plans = [plan_upgrade(clusters, name, space, "20.1.0") for name in ("alpha", "beta")]
    change = commit(plans, Target(str(tmp_path / "origin.git"), "upgrade"))
    assert change.files == ("alpha.yaml", "beta.yaml")

    git(tmp_path, "clone", "--quiet", "--branch", "upgrade", "origin.git", "reviewed")
    for name in ("alpha", "beta"):
        before, after = ((tmp_path / where / f"{name}.yaml").read_text() for where in ("made", "reviewed"))
        kept = [line for line in before.splitlines() if "#" in line]
        assert [line for line in after.splitlines() if "#" in line] == kept
        apply_as_user(clusters.kube, after)
        again = plan_upgrade(clusters, name, space, "20.1.0")
        assert not again.problems
        assert [one.title for one in again.objects if one.changes] == []
    assert commit(plans, Target(str(tmp_path / "origin.git"), "upgrade")).before


class Hook(BaseHTTPRequestHandler):
    told: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Desk:
    """The program, with a management cluster, releases, a state and a webhook."""

    def __init__(self, kubeconfig: Path, folder: Path, webhook: str) -> None:
        self.folder = folder
        self._env = {"KUBECONFIG": str(kubeconfig), "WS_DEPLOYMENT_RELEASES": str(EXAMPLES), "HOOK": webhook}

    def __call__(self, *words: str | Path) -> Ended:
        return program("upgrade", *words, env=self._env, cwd=self.folder)

    def schedule(self, space: str, seconds: float) -> None:
        assert self("plan", f"{space}/alpha", "--to", "20.1.0", "--out", "plan").code == 0
        at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        made = self("schedule", "plan", "--at", at, "--notify", "HOOK")
        assert made.code == 0, made.err

    def status(self) -> str:
        return str(json.loads(self("status", "--json").out)["schedules"][0]["status"])


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def desk(
    shared_cluster: LabCluster,
    clusters: Management,  # noqa: ARG001  they are there
    tmp_path: Path,
    told: list[dict[str, Any]],
) -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Hook", (Hook,), {"told": told}))
    with serving(server):
        yield Desk(shared_cluster.kubeconfig, tmp_path, f"http://127.0.0.1:{server.server_port}/secret-path")


def version(kube: Kube, space: str) -> str:
    found = kube.get(*CONTROL_PLANE, space)
    assert found is not None
    return str(found["spec"]["version"])


def test_a_schedule_is_announced_carried_out_by_one_of_several_and_told(
    desk: Desk, management: Kube, space: str, told: list[dict[str, Any]]
) -> None:
    desk.schedule(space, 8)
    ahead = desk("due")
    assert (ahead.code, f"{space}/alpha from 20.0.0 to 20.1.0 begins" in ahead.err) == (0, True)
    assert "(disruptive irreversible)" in ahead.err
    assert version(management, space) == "v1.32.9"
    time.sleep(8)
    ended: list[Ended] = []
    carriers = [threading.Thread(target=lambda: ended.append(desk("due"))) for _ in range(2)]
    for carrier in carriers:
        carrier.start()
    for carrier in carriers:
        carrier.join()
    assert [one.code for one in ended] == [0, 0], [one.err for one in ended]
    assert sum(f"{space}/alpha from 20.0.0 to 20.1.0 done" in one.err for one in ended) == 1
    assert version(management, space) == "v1.33.5"
    assert desk.status() == "done"
    assert [one["occasion"] for one in told] == ["waiting", "start", "end"]
    assert "secret-path" not in "".join(one.out + one.err for one in [ahead, *ended])


def test_a_worker_carries_out_what_is_due_as_it_was_asked_for(
    desk: Desk, management: Kube, space: str, shared_cluster: LabCluster
) -> None:
    asked = ["--to", "20.1.0", "--from", "20.0.0", "--answer", "KubeadmControlPlane:spec.replicas=keep"]
    assert desk("plan", f"{space}/alpha", *asked, "--out", "plan").code == 0
    made = desk("schedule", "plan", "--at", (datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    assert made.code == 0, made.err
    time.sleep(2)
    said: list[str] = []
    with upgrading(state_at(""), Place(EXAMPLES, shared_cluster.kubeconfig), said.append):
        end = time.monotonic() + 60
        while desk.status() != "done" and time.monotonic() < end:
            time.sleep(0.2)
    assert (desk.status(), said) == ("done", [])
    assert version(management, space) == "v1.33.5"


def test_a_cluster_that_has_changed_since_waits_for_a_review(
    desk: Desk, management: Kube, space: str, told: list[dict[str, Any]]
) -> None:
    desk.schedule(space, 3)
    live = management.get(*CONTROL_PLANE, space)
    assert live is not None
    document = {"apiVersion": CONTROL_PLANE[0], "kind": CONTROL_PLANE[1], "metadata": {"name": CONTROL_PLANE[2]}}
    document["metadata"] |= {"namespace": space}  # type: ignore[operator]  # a mapping of texts
    apply_as_user(management, yaml.safe_dump({**document, "spec": {**live["spec"], "version": "v1.32.10"}}))
    time.sleep(3)
    ended = desk("due")
    assert (ended.code, "waits for a review" in ended.err) == (1, True), ended.err
    assert version(management, space) == "v1.32.10"
    assert desk.status() == "needs review"
    assert told[-1]["occasion"] == "failure"
    assert desk("due").code == 0


def test_an_upgrade_by_hand_is_refused_in_a_freeze_and_clears_the_schedule(
    desk: Desk, management: Kube, space: str
) -> None:
    desk.schedule(space, 9000)
    assert desk("freeze", "--reason", "the sale", "--cluster", f"{space}/alpha").code == 0
    refused = desk("apply", "plan")
    assert (refused.code, "frozen until it is lifted: the sale" in refused.err) == (3, True), refused.err
    assert version(management, space) == "v1.32.9"
    assert desk.status() == "scheduled"
    done = desk("apply", "plan", "--despite-freeze")
    assert (done.code, "what was scheduled for it is cleared" in done.err) == (0, True), done.err
    assert version(management, space) == "v1.33.5"
    assert desk.status() == "cleared"
