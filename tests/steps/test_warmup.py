"""Before a stage there is room on the new clusters, or it is waited for: real clusters that are asked and get nodes."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness.cluster_context import a_cluster
from harness.meta_context import MetaContext
from ws_deployment_steps import warmup
from ws_deployment_steps.traffic_shift import TrafficShift, TrafficShiftParameters
from ws_deployment_steps.warmup import Room, WarmupParameters

from ws_deployment.clients.kube import Kube
from ws_deployment.errors import CancelledError
from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import Decision, StepContext, SubTask, TurnBackError, WorkspaceCluster
from ws_deployment.lab import manifests
from ws_deployment.lab.cluster import create_cluster, delete_cluster
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real

NEW = a_cluster("local", governed_by=(Governance("meta"),))
#: Half of the workspaces shall come.
HALF = Room(50.0, {"eu17": 50.0}, ["eu16"])
WORKSPACE = {"component": "workspace"}


@pytest.fixture(scope="module")
def labs(tools: dict[str, Any]) -> Iterator[dict[str, LabCluster]]:
    """An old cluster and a new one, with a node each: 64 cores."""
    assert tools
    made = {short: create_cluster(f"warm-{short}", run_id="t", fleet="t", nodes=1) for short in ("eu16", "eu17")}
    yield made
    for each in made.values():
        delete_cluster(each.name)


class Context(MetaContext):
    """Reaches each cluster by its short name."""

    def __init__(self, folder: Path, labs: dict[str, LabCluster]) -> None:
        super().__init__(folder, None, clusters=(NEW,))
        self.splits = []
        self.labs = labs
        self.asked: list[str] = []
        self.says_yes = threading.Event()
        self._about: WorkspaceCluster | None = None

    def with_cluster(self, cluster: WorkspaceCluster, *, made_by: str = "") -> StepContext:
        assert not made_by
        other = copy.copy(self)
        other._about = cluster
        return other

    def kubeconfig(self) -> Path:
        assert self._about
        return self.labs[self._about.short_name].kubeconfig

    @contextmanager
    def question(self, text: str) -> Iterator[Callable[[], str]]:
        self.asked.append(text)
        yield lambda: "anna@desk" if self.says_yes.is_set() else ""


@pytest.fixture
def context(tmp_path: Path, labs: dict[str, LabCluster], monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr(warmup, "_EVERY", 0.1)
    monkeypatch.setattr(warmup, "_OLD_EVERY", 0.0)
    yield Context(tmp_path, labs)
    for short, lab in labs.items():
        kube = api(labs, short)
        for pod in kube.list("v1", "Pod", "default"):
            kube.delete("v1", "Pod", pod["metadata"]["name"], "default")
        for node in kube.list("v1", "Node"):
            if node["metadata"]["name"] != f"{lab.name}-1":
                kube.delete("v1", "Node", node["metadata"]["name"])


def api(labs: dict[str, LabCluster], short: str) -> Kube:
    return Kube(labs[short].kubeconfig)


def workspaces(kube: Kube, count: int, kind: str = "regular", cpu: str = "40") -> None:
    """So many people begin to work, each on 40 cores; there are Pods for all of them, running or not."""
    for number in range(count):
        labels = {**WORKSPACE, "workspaceType": kind}
        name = {"name": f"{kind}-{number}", "namespace": "default", "labels": labels}
        asked = {"requests": {"cpu": cpu}}
        spec = {"containers": [{"name": "workspace", "image": "workspace", "resources": asked}]}
        kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": spec})


def placed(kube: Kube, pod: str) -> str:
    """On which node a Pod is; empty for one that has none."""
    there = kube.get("v1", "Pod", pod, "default")
    assert there
    return str(there["spec"].get("nodeName", ""))


def add_nodes(lab: LabCluster, count: int) -> None:
    first, kube = manifests.nodes(lab)[0], Kube(lab.kubeconfig)
    for number in range(count):
        name = f"{lab.name}-more-{number}"
        labels = {**first["metadata"]["labels"], "kubernetes.io/hostname": name}
        kube.create({**first, "metadata": {**first["metadata"], "name": name, "labels": labels}})


def turn_back(names: Sequence[str], why: str, look_at: str) -> TurnBackError:
    return TurnBackError("warming", on=", ".join(names), why=why, remedy=look_at)


class Warming(threading.Thread):
    """The wait in the background, and how it ended."""

    def __init__(self, context: Context, room: Room = HALF, **wanted: Any) -> None:
        super().__init__()
        self.context, self.room, self.wanted = context, room, WarmupParameters.model_validate(wanted)
        self.ended: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.ended = warmup.warmed(self.context, self.wanted, self.room, turn_back)
        except Exception as error:  # noqa: BLE001  handed to the test
            self.ended = error

    def over(self) -> Any:
        self.join(60)
        assert not self.is_alive(), self.context.said
        return self.ended


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_a_stage_waits_until_nodes_have_come(context: Context, labs: dict[str, LabCluster]) -> None:
    workspaces(api(labs, "eu16"), 6)
    workspaces(api(labs, "eu16"), 4, "prebuild", cpu="8")
    warming = Warming(context)
    lacking = "holding before 50 %: eu17 has room for 1 of 3 regular workspaces to come"
    until(lambda: lacking in context.said, str(context.said))
    assert warming.ended is None
    add_nodes(labs["eu17"], 2)
    assert warming.over() == {}
    assert context.said[-1] == "there is room for 50 %"


def test_workspaces_that_are_there_take_up_room_and_are_not_to_come_again(
    context: Context, labs: dict[str, LabCluster]
) -> None:
    workspaces(api(labs, "eu16"), 3)
    new = api(labs, "eu17")
    workspaces(new, 1)
    until(lambda: bool(placed(new, "regular-0")), "never placed")
    # Of four workspaces two shall be here: one is, and the node has no room for another.
    warming = Warming(context, limit=0.1, onLimit="rollback")
    with pytest.raises(TurnBackError, match=r"no room for 50 % after 0.1s: eu17 has room for 0 of 1 regular"):
        raise warming.over()
    add_nodes(labs["eu17"], 1)
    assert Warming(context).over() == {}


def test_at_the_limit_a_person_may_let_it_go_on(context: Context, labs: dict[str, LabCluster]) -> None:
    workspaces(api(labs, "eu16"), 6)
    warming = Warming(context, limit=0.1)
    until(lambda: bool(context.asked), str(context.said))
    assert "eu17 has room for 1 of 3 regular workspaces to come. Go on all the same?" in context.asked[0]
    assert warming.ended is None
    context.says_yes.set()
    assert warming.over() == {"approved": {context.asked[0]: "anna@desk"}}


def test_it_stops_when_it_is_asked_to_and_what_does_not_answer_holds(
    context: Context, labs: dict[str, LabCluster], tmp_path: Path
) -> None:
    lost = tmp_path / "kubeconfig"
    lost.write_text(labs["eu16"].kubeconfig.read_text().replace(str(labs["eu16"].api_port), "1"))
    context.labs = {**labs, "eu16": _at(labs["eu16"], lost)}
    warming = Warming(context)
    until(lambda: any("eu16 does not answer" in said for said in context.said), str(context.said))
    context.cancelled.set()
    assert isinstance(warming.over(), CancelledError)


def _at(lab: LabCluster, kubeconfig: Path) -> Any:
    class Lost:
        pass

    made = Lost()
    made.__dict__.update(name=lab.name, kubeconfig=kubeconfig)
    return made


def kept(kube: Kube) -> dict[str, str]:
    """The Pods that keep room, and on which node each is; empty for one that has none."""
    pods = kube.list("v1", "Pod", "default")
    names = {pod["metadata"]["name"]: pod["spec"].get("nodeName", "") for pod in pods}
    return {name: node for name, node in names.items() if name.startswith("room-")}


def test_pods_keep_the_room_and_give_way_to_workspaces(context: Context, labs: dict[str, LabCluster]) -> None:
    workspaces(api(labs, "eu16"), 6)
    new = api(labs, "eu17")
    warming = Warming(context, reserve={})
    until(lambda: len(kept(new)) == 3, str(context.said))
    until(
        lambda: sum(map(bool, kept(new).values())) == 1, "none was placed"
    )  # for the others an autoscaler makes nodes
    add_nodes(labs["eu17"], 2)
    assert warming.over() == {}
    until(lambda: all(kept(new).values()), "not all were placed")
    workspaces(new, 1)
    until(lambda: len(kept(new)) == 2, "none gave way")
    until(lambda: bool(placed(new, "regular-0")), "it got no place")

    # It left an old one, and two are to come: for these there are Pods already.
    api(labs, "eu16").delete("v1", "Pod", "regular-5", "default")
    assert Warming(context, reserve={}).over() == {}
    assert len(kept(new)) == 2

    shift = TrafficShift(TrafficShiftParameters(warmup=WarmupParameters.model_validate({"reserve": {}})))
    release = SubTask("100%/release", data={"does": "release", "clusters": ["eu17"]})
    assert warmup.reserved(context, ["eu17"]) == ["eu17"]
    shift.run(context, release)
    until(lambda: not kept(new), "some are left")
    assert not [one for one in new.list("scheduling.k8s.io/v1", "PriorityClass") if "room" in one["metadata"]["name"]]
    shift.run(context, release)  # a crash can repeat it
    assert warmup.reserved(context, ["eu17"]) == []


def test_an_old_cluster_that_nobody_knows_is_refused(context: Context) -> None:
    verdict = warmup.check(context, ["eu16", "us3"])
    assert verdict.decision is Decision.REFUSE
    assert "can't be asked of us3: no entry of this config makes a cluster of that name" in verdict.reason
    assert warmup.check(context, ["eu16"]).decision is Decision.PROCEED
