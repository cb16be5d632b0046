"""A cluster that a run made and registered, undone on real parts: Terraform, an API server, the lab's meta cluster."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from doubles import google_provider
from doubles.gke_server import PROJECT, Google
from harness.cluster_context import ClusterContext, a_cluster
from ws_deployment_steps import in_use
from ws_deployment_steps.alive_test import AliveTest, AliveTestParameters
from ws_deployment_steps.cluster_types.existing import ExistingCluster
from ws_deployment_steps.cluster_types.gke import GkeCluster
from ws_deployment_steps.create_cluster import CreateCluster, CreateClusterParameters
from ws_deployment_steps.register_cluster import RegisterCluster, RegisterParameters

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.kube import Kube
from ws_deployment.clients.waiting import wait_until_ready
from ws_deployment.config.v1 import Project
from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.fleet.clusters import Governance
from ws_deployment.fleet.folders import instance_folder
from ws_deployment.fleet.marks import marks
from ws_deployment.interfaces import Change, IStep, MetaCluster, NotYetError, StepContext, StepPlan, SubTask, Undo
from ws_deployment.lab import daemon
from ws_deployment.lab.bridge.starter import Order
from ws_deployment.lab.cluster import get_cluster, list_clusters
from ws_deployment.lab.cluster_type import LocalCluster
from ws_deployment.lab.layout import cluster_folder, meta_folder
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real

META = MetaCluster("meta", "europe-west1", "local", None)
POD = {
    "restartPolicy": "Never",
    "containers": [{"name": "workspace", "image": "workspace"}],
    "tolerations": [{"operator": "Exists"}],
}


class World:
    """A cluster that a run has made and registered, and what a journal knows of that."""

    def __init__(self, folder: Path) -> None:
        local = LocalCluster()
        local.prepare_meta(META, lambda _line: None)
        about = a_cluster("local", governed_by=(Governance("meta"),))
        self.context = ClusterContext(folder, about, Project(id="p"), metas=(META,), kinds={"local": local})
        self.context.deadline += 300
        self.create: IStep[CreateClusterParameters] = CreateCluster(CreateClusterParameters())
        self.register: IStep[RegisterParameters] = RegisterCluster(RegisterParameters())
        self.made = self._carry_out(self.create)
        self.context.earlier["create-cluster"] = self.made.outputs
        self.registered = self._carry_out(self.register)
        self.client = BridgeClient(local.bridge(META).address or "")
        self.kube = Kube(self.context.kubeconfig())

    def _carry_out(self, step: IStep[RegisterParameters] | IStep[CreateClusterParameters]) -> Undo:
        plan = step.plan(self.context)
        outputs: dict[str, object] = {}
        for subtask in plan.subtasks:
            outputs |= step.run(self.context, subtask) or {}
        return Undo(plan, tuple(subtask.name for subtask in plan.subtasks), outputs)

    def work(self, kind: str) -> None:
        """Have the meta cluster start a workspace, as for a user."""
        port = json.loads((meta_folder("meta") / "ready").read_text())["metrics_port"]
        order = json.dumps(asdict(Order(kind=kind, session="work"))).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/workspaces", order, timeout=60) as answer:
            [started] = json.loads(answer.read())["started"]
        assert not started["error"], started

    def pod(self, name: str, **metadata: object) -> None:
        labels = {"component": "workspace", "workspaceType": "regular"}
        head = {"name": name, "namespace": "default", "labels": labels, **metadata}
        self.kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": head, "spec": POD})

    def idle(self) -> None:
        """Stop every workspace, and wait until it is gone."""
        for pod in self.kube.list("v1", "Pod", "default", selector={"component": "workspace"}):
            self.kube.delete("v1", "Pod", pod["metadata"]["name"], "default")
        wait_until_ready(
            "waiting for the end of workspaces of",
            lambda: ", ".join(in_use.workspaces(self.context)),
            deadline=self.context.deadline,
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    with made.client:
        yield made


def go_back(step: IStep[CreateClusterParameters] | IStep[RegisterParameters], context: StepContext, undo: Undo) -> None:
    for subtask in step.plan_rollback(context, undo).subtasks:
        # A crash can repeat it.
        step.rollback(context, subtask, undo)
        step.rollback(context, subtask, undo)
    step.verify_rollback(context, undo)


def test_from_available_to_nothing_left(world: World) -> None:
    context, removing = world.context, replace(world.registered, destroy=True)
    cordoned_again_and_never_as_the_last_one(world, removing)
    kept_while_people_are_at_work(world, removing)
    go_back(world.register, context, removing)
    assert world.client.list() == []
    assert world.register.plan_rollback(context, removing).change is Change.NONE
    removed_by_its_own_run_alone(world)
    # What was undone before it, asked again of a cluster that is no more.
    go_back(world.register, context, removing)
    alive = AliveTest(AliveTestParameters())
    assert alive.plan_rollback(context, Undo(StepPlan("test"))).change is Change.NONE


def cordoned_again_and_never_as_the_last_one(world: World, removing: Undo) -> None:
    world.client.uncordon("eu17")
    with pytest.raises(RefusedError, match="starts/meta: nothing else at meta takes starts"):
        go_back(world.register, world.context, world.registered)
    with pytest.raises(RefusedError, match="available for starts"):
        go_back(world.register, world.context, removing)
    for kind in ("regular", "prebuild", "imagebuild"):
        world.work(kind)
    go_back(world.register, world.context, replace(world.registered, forced=frozenset({"starts/meta"})))
    [there] = world.client.list()
    assert (there.name, there.state.name) == ("eu17", "CORDONED")
    assert world.register.plan_rollback(world.context, world.registered).change is Change.NONE


def kept_while_people_are_at_work(world: World, removing: Undo) -> None:
    context = world.context
    world.pod("stopping", finalizers=["test.example.com/backup"])
    world.kube.delete("v1", "Pod", "stopping", "default")
    world.pod("alive-test", labels={"component": "workspace", **marks(context.run_id, context.fleet.name)})
    assert in_use.workspaces(context) == Counter(regular=1, prebuild=1, imagebuild=1, stopping=1)
    told = r"4 workspace Pods are on it \(1 imagebuild, 1 prebuild, 1 regular, 1 stopping\)"
    with pytest.raises(RefusedError, match=told):
        go_back(world.register, context, replace(removing, forced=frozenset({"workspaces/eu17"})))
    with pytest.raises(RefusedError, match="registered at meta as eu17"):
        go_back(world.create, context, replace(world.made, destroy=True))
    world.pod("stopping", finalizers=[])
    world.idle()


def removed_by_its_own_run_alone(world: World) -> None:
    context, destroying = world.context, replace(world.made, destroy=True)
    kept = world.create.plan_rollback(context, world.made)
    assert (kept.change, kept.subtasks) == (Change.NONE, ())
    assert kept.removal == f"terraform -chdir={instance_folder(context.folder)} destroy"
    world.pod("late")
    with pytest.raises(RefusedError, match="1 workspace Pod is on it"):
        go_back(world.create, context, replace(destroying, forced=frozenset({"workspaces/eu17"})))
    world.idle()
    own, context.run_id = context.run_id, "another"
    with pytest.raises(RefusedError, match=f"belongs to run {own}"):
        go_back(world.create, context, destroying)
    context.run_id = own
    with pytest.raises(WsDeploymentError, match="there still is something of it"):
        world.create.verify_rollback(context, destroying)
    go_back(world.create, context, destroying)
    assert nothing_is_left(context)
    assert world.create.plan_rollback(context, destroying).change is Change.NONE


def test_a_cluster_that_does_not_answer_is_removed_only_by_name(world: World) -> None:
    context = world.context
    world.client.deregister("eu17")
    destroying = replace(world.made, destroy=True)
    daemon.end_all(get_cluster(context.cluster.name).folder)
    with pytest.raises(RefusedError, match="workspaces/eu17: who works on it is not known"):
        go_back(world.create, context, destroying)
    # What goes with it is no reason to stop before it.
    assert AliveTest(AliveTestParameters()).plan_rollback(context, destroying).change is Change.NONE
    # Terraform fails: the state stays, and what has begun may go on without the cluster's word.
    program, context.terraform = context.terraform, context.terraform.model_copy(update={"program": "false"})
    forced = replace(destroying, forced=frozenset({"workspaces/eu17"}))
    [subtask] = world.create.plan_rollback(context, forced).subtasks
    with pytest.raises(WsDeploymentError):
        world.create.rollback(context, subtask, forced)
    context.terraform = program
    assert list_clusters()
    go_back(world.create, context, destroying)
    assert nothing_is_left(context)


def nothing_is_left(context: ClusterContext) -> bool:
    processes = daemon.strays(cluster_folder(context.cluster.name))
    return (list_clusters(), processes, list(context.folder.iterdir())) == ([], [], [])


def test_what_was_there_before_the_run_is_kept(tmp_path: Path) -> None:
    context = ClusterContext(tmp_path, a_cluster("existing", create=False), Project(id="p"))
    step = CreateCluster(CreateClusterParameters())
    undo = Undo(StepPlan("create", Change.CREATE), ("run",), destroy=True)
    assert step.plan_rollback(context, undo).subtasks == ()
    step.verify_rollback(context, undo)


def test_a_test_that_was_cut_off_leaves_nothing(tmp_path: Path, shared_cluster: LabCluster) -> None:
    there = a_cluster("existing", create=False, kubeconfig=str(shared_cluster.kubeconfig))
    context = ClusterContext(tmp_path, there, Project(id="p"), kinds={"existing": ExistingCluster()})
    kube = Kube(context.kubeconfig())
    for name, run_id in (("alive-1", context.run_id), ("alive-2", "another")):
        labels = {"component": "workspace", **marks(run_id, context.fleet.name)}
        metadata = {"name": name, "namespace": "default", "labels": labels}
        kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": POD})
    step, undo = AliveTest(AliveTestParameters()), Undo(StepPlan("test"))
    assert step.plan_rollback(context, undo).summary == "remove what the test left: alive-1"
    with pytest.raises(WsDeploymentError, match="alive-1 is left"):
        step.verify_rollback(context, undo)
    step.rollback(context, SubTask("run"), undo)
    step.rollback(context, SubTask("run"), undo)
    step.verify_rollback(context, undo)
    assert kube.get("v1", "Pod", "alive-2", "default")
    kube.delete("v1", "Pod", "alive-2", "default")


def test_what_a_half_made_gke_cluster_has_cost_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Google(tmp_path) as google:
        for name, value in (google.environment | google_provider.install(tmp_path / "google")).items():
            monkeypatch.setenv(name, value)
        project = Project(id=PROJECT, credentials_file=str(google.credentials_file))
        context = ClusterContext(tmp_path, a_cluster("gke"), project, kinds={"gke": GkeCluster()})
        context.deadline += 300
        step = CreateCluster(CreateClusterParameters())
        plan = step.plan(context)
        # Terraform has made it all, but Google does not know the cluster: nobody can be at work on it.
        with pytest.raises(NotYetError, match="no such cluster"):
            step.run(context, plan.subtasks[0])
        assert len(google_provider.resources(tmp_path / "google")) == 11
        go_back(step, context, Undo(plan))
        assert len(google_provider.resources(tmp_path / "google")) == 11
        go_back(step, context, Undo(plan, destroy=True))
        assert google_provider.resources(tmp_path / "google") == {}
        assert list(context.folder.iterdir()) == []
