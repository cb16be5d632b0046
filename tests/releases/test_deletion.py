"""An object that the next release deletes, on a real API server: only the one that was reviewed, and back again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness.in_process import called
from harness.program import Ended
from harness.upgrade_context import UpgradeContext
from harness.widget_releases import CLUSTER, SPEC, WIDGET, make_cluster, make_widget, widget_of, write_releases
from ws_deployment_steps.apply_upgrade import ApplyUpgrade
from ws_deployment_steps.management_access import AfterDiff, ManagementAccess

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import ConflictKubeError
from ws_deployment.errors import RefusedError, StalePlanError
from ws_deployment.interfaces import Undo
from ws_deployment.lab.record import LabCluster
from ws_deployment.releases import marks
from ws_deployment.releases.applying import apply_plan
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.loader import load_catalogue
from ws_deployment.releases.plan import Action, UpgradePlan
from ws_deployment.releases.planning import plan_upgrade
from ws_deployment.releases.taking_back import take_back, what_to_take_back

pytestmark = pytest.mark.real


@pytest.fixture
def place(management: Kube, space: str, tmp_path: Path) -> Management:
    make_cluster(management, space)
    return Management(management, load_catalogue(write_releases(tmp_path / "releases")), marks.RELEASE)


def mark(kube: Kube, space: str) -> str:
    found = kube.get(CLUSTER["apiVersion"], CLUSTER["kind"], "c", space)
    assert found
    return str(found["metadata"]["labels"][marks.RELEASE])


@pytest.fixture
def command(
    shared_cluster: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    monkeypatch.setenv("KUBECONFIG", str(shared_cluster.kubeconfig))
    monkeypatch.setenv("WS_DEPLOYMENT_RELEASES", str(tmp_path / "releases"))
    return lambda *words: called(monkeypatch, capsys, "upgrade", *map(str, words))


def test_it_is_shown_applied_last_and_gone(
    place: Management, space: str, tmp_path: Path, command: Callable[..., Ended]
) -> None:
    out = tmp_path / "plan"
    shown = command("plan", f"{space}/c", "--to", "2.0.0", "--out", out)
    assert shown.code == 0, shown.err
    assert f"- Widget {space}/c-w" in shown.out
    assert "nothing reads it any more" in shown.out
    assert widget_of(place.kube, space), "a plan changes nothing"
    applied = command("apply", out)
    assert applied.code == 0, applied.err
    told = [line.split(": ", 1)[1] for line in applied.err.splitlines()]
    assert told == [f"changed Cluster {space}/c", f"deleted Widget {space}/c-w"]
    assert widget_of(place.kube, space) is None
    again = command("apply", out)
    assert (again.code, "0 objects written" in again.out) == (0, True)


def test_one_that_was_changed_since_stays(place: Management, space: str) -> None:
    plan = plan_upgrade(place, "c", space, "2.0.0")
    make_widget(place.kube, space, {**SPEC, "size": 4})
    with pytest.raises(StalePlanError, match=r"spec\.size was 3, is 4"):
        apply_plan(place, plan)
    assert widget_of(place.kube, space)
    assert mark(place.kube, space) == "1.0.0", "nothing was touched"


@pytest.mark.parametrize("how", ["changed", "made anew"])
def test_one_that_changes_in_the_very_moment_stays(place: Management, space: str, how: str) -> None:
    plan = plan_upgrade(place, "c", space, "2.0.0")

    def meanwhile(_: str) -> None:
        if how == "made anew":
            place.kube.delete(WIDGET["apiVersion"], WIDGET["kind"], "c-w", space)
        make_widget(place.kube, space, {**SPEC, "timeout": "90s", "size": 4 if how == "changed" else 3})

    why = "was deleted and made anew" if how == "made anew" else r"spec\.size was 3, is 4"
    with pytest.raises(StalePlanError, match=rf"{why}; done before: Cluster {space}/c"):
        apply_plan(place, plan, meanwhile)
    assert widget_of(place.kube, space), "what nobody has reviewed is not deleted"


def test_what_a_controller_reports_in_the_very_moment_keeps_nothing_alive(place: Management, space: str) -> None:
    plan = plan_upgrade(place, "c", space, "2.0.0")

    def meanwhile(line: str) -> None:
        if "Cluster" in line:
            target = {**WIDGET, "metadata": {"name": "c-w", "namespace": space}}
            place.kube.report(target, {"seen": True}, "its-controller")

    assert apply_plan(place, plan, meanwhile).written[-1] == f"Widget {space}/c-w"
    assert widget_of(place.kube, space) is None


def test_the_server_is_told_which_one_is_meant(place: Management, space: str) -> None:
    kube = place.kube
    read = widget_of(kube, space)
    assert read
    make_widget(kube, space, {**SPEC, "size": 4})
    changed = widget_of(kube, space)
    assert changed
    other = {**changed, "metadata": {**changed["metadata"], "uid": "00000000-0000-0000-0000-000000000000"}}
    for one in (read, other):
        with pytest.raises(ConflictKubeError, match="409"):
            kube.delete(WIDGET["apiVersion"], WIDGET["kind"], "c-w", space, as_read=one)
    kube.delete(WIDGET["apiVersion"], WIDGET["kind"], "c-w", space, as_read=changed)
    assert widget_of(kube, space) is None
    kube.delete(WIDGET["apiVersion"], WIDGET["kind"], "c-w", space, as_read=changed)


class Step:
    """The step apply-upgrade, about the cluster and its plan."""

    def __init__(self, folder: Path, cluster: LabCluster, plan: UpgradePlan) -> None:
        access = {"kubeconfig": str(cluster.kubeconfig), "namespace": plan.namespace, "cluster": "c"}
        management = ManagementAccess(**access, releases=str(folder / "releases"))
        self.context = UpgradeContext(folder, plan)
        self.step = ApplyUpgrade(AfterDiff(management=management))

    def apply(self) -> None:
        self.planned = self.step.plan(self.context)
        self.step.run(self.context, self.planned.subtasks[0])

    def roll_back(self, *forced: str) -> str:
        """Take it back; what that plan says."""
        undo = Undo(self.planned, ("apply",), forced=frozenset(forced))
        plan = self.step.plan_rollback(self.context, undo)
        for subtask in plan.subtasks:
            self.step.rollback(self.context, subtask, undo)
        self.step.verify_rollback(self.context, undo)
        return plan.summary


def test_a_rollback_makes_it_again_as_it_was(
    place: Management, space: str, shared_cluster: LabCluster, tmp_path: Path
) -> None:
    before = widget_of(place.kube, space)
    step = Step(tmp_path, shared_cluster, plan_upgrade(place, "c", space, "2.0.0"))
    step.apply()
    assert widget_of(place.kube, space) is None
    assert "2 objects to their former values" in step.roll_back()
    after = widget_of(place.kube, space)
    assert before
    assert after
    assert after["spec"] == before["spec"] == {**SPEC, "timeout": "90s", "filled": "by the server"}
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert mark(place.kube, space) == "1.0.0"
    assert "nothing left to take back" in step.roll_back(), "a second one finds all as it was"


def test_what_is_irreversible_stays_deleted_and_is_named(
    place: Management, space: str, shared_cluster: LabCluster, tmp_path: Path
) -> None:
    catalogue = load_catalogue(write_releases(tmp_path / "other", irreversible=True))
    plan = plan_upgrade(Management(place.kube, catalogue, marks.RELEASE), "c", space, "2.0.0")
    assert plan.irreversible
    step = Step(tmp_path, shared_cluster, plan)
    step.apply()
    with pytest.raises(RefusedError, match=f"Widget {space}/c-w was deleted"):
        step.roll_back()
    assert mark(place.kube, space) == "2.0.0", "nothing was touched"
    step.roll_back("irreversible/c")
    assert widget_of(place.kube, space) is None
    assert mark(place.kube, space) == "1.0.0"


def test_one_that_is_held_by_a_finalizer_is_not_taken_for_one_that_is_there(
    place: Management, space: str, shared_cluster: LabCluster, tmp_path: Path
) -> None:
    spec = {**SPEC, "timeout": "90s"}
    make_widget(place.kube, space, spec, finalizers=["tests.ws-deployment.dev/held"])
    step = Step(tmp_path, shared_cluster, plan_upgrade(place, "c", space, "2.0.0"))
    step.apply()
    assert "deletionTimestamp" in (widget_of(place.kube, space) or {})["metadata"]
    step.apply()  # cut short, say: that it is asked again does no harm
    with pytest.raises(RefusedError, match="it is still being deleted"):
        step.roll_back()
    make_widget(place.kube, space, spec, finalizers=[])
    assert widget_of(place.kube, space) is None
    step.roll_back()
    assert (widget_of(place.kube, space) or {})["spec"]["timeout"] == "90s"


def test_one_of_its_name_that_somebody_made_since_is_left_alone(place: Management, space: str) -> None:
    plan = plan_upgrade(place, "c", space, "2.0.0")
    apply_plan(place, plan)
    make_widget(place.kube, space, {"text": "mine"})
    take_back(place, what_to_take_back(place, plan))
    assert (widget_of(place.kube, space) or {})["spec"]["text"] == "mine"
    assert mark(place.kube, space) == "1.0.0"


@pytest.mark.parametrize("how", ["changed", "made anew"])
def test_what_an_upgrade_made_is_removed_only_as_it_was_looked_at(place: Management, space: str, how: str) -> None:
    kube = place.kube
    kube.delete(WIDGET["apiVersion"], WIDGET["kind"], "c-w", space)
    plan = plan_upgrade(place, "c", space, "1.0.0")  # it is missing: it is made
    assert [one.action for one in plan.objects if one.kind == "Widget"] == [Action.CREATE]
    apply_plan(place, plan)
    back = what_to_take_back(place, plan, remove=True)
    if how == "made anew":
        kube.delete(WIDGET["apiVersion"], WIDGET["kind"], "c-w", space)
    make_widget(kube, space, {**SPEC, "size": 3 if how == "made anew" else 4})
    with pytest.raises(ConflictKubeError, match="it has changed in the same moment"):
        take_back(place, back)
    assert widget_of(kube, space)
    take_back(place, what_to_take_back(place, plan, remove=True, overwrite={f"Widget {space}/c-w"}))
    assert widget_of(kube, space) is None
