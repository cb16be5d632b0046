"""A release on a cluster that a run did not make, undone by real Helm."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from harness.cluster_context import ClusterContext, a_cluster
from ws_deployment_steps.cluster_types.existing import ExistingCluster
from ws_deployment_steps.install_release import InstallRelease, ReleaseParameters

from ws_deployment.clients.helm import Helm
from ws_deployment.config.v1 import Project
from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.interfaces import Change, StepPlan, Undo
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.find import Found

pytestmark = pytest.mark.real

TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: told}\ndata: {text: {{ .Values.text | quote }}}\n"


class Release:
    """The step on the shared cluster, in a namespace of its own."""

    def __init__(self, folder: Path, cluster: LabCluster, helm: Path) -> None:
        chart = folder / "small"
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.1.0\n")
        (chart / "templates" / "told.yaml").write_text(TEMPLATE)
        there = a_cluster("existing", create=False, kubeconfig=str(cluster.kubeconfig))
        self.context = ClusterContext(folder, there, Project(id="p"), kinds={"existing": ExistingCluster()})
        self.namespace = f"back-{uuid.uuid4().hex[:8]}"
        self.helm = Helm(helm, cluster.kubeconfig)
        self.step = self.saying("x")

    def saying(self, text: str) -> InstallRelease:
        told = {"release": "small", "chart": "small", "namespace": self.namespace, "values": {"text": text}}
        return InstallRelease(ReleaseParameters.model_validate(told))

    def install(self, text: str, run_id: str) -> Undo:
        """Carry out the step as that run, and say what a journal knows of it."""
        self.context.run_id, self.step = run_id, self.saying(text)
        plan = self.step.plan(self.context)
        [subtask] = plan.subtasks
        return Undo(plan, ("run",), self.step.run(self.context, subtask) or {})

    def go_back(self, undo: Undo) -> StepPlan:
        plan = self.step.plan_rollback(self.context, undo)
        for subtask in plan.subtasks:
            # A crash can repeat it.
            self.step.rollback(self.context, subtask, undo)
            self.step.rollback(self.context, subtask, undo)
        self.step.verify_rollback(self.context, undo)
        return plan

    def state(self) -> tuple[str, dict[str, object]]:
        return (
            self.helm.manifest("small", namespace=self.namespace),
            self.helm.values("small", namespace=self.namespace),
        )

    def number(self) -> int:
        current = self.helm.current("small", namespace=self.namespace)
        return current.number if current else 0


@pytest.fixture
def release(tmp_path: Path, shared_cluster: LabCluster, tools: dict[str, Found]) -> Release:
    return Release(tmp_path, shared_cluster, tools["helm"].path)


def test_an_upgrade_goes_back_to_the_revision_before(release: Release) -> None:
    release.install("before", "r1")
    before = release.state()
    undo = release.install("after", "r2")
    assert release.state() != before
    with pytest.raises(WsDeploymentError, match="go back was not carried out"):
        release.step.verify_rollback(release.context, undo)
    plan = release.go_back(undo)
    assert (plan.summary, plan.change) == ("go back to revision 1 of small", Change.UPDATE)
    assert release.state() == before
    # Asked again, or with less known, it finds nothing to do.
    assert release.go_back(undo).change is Change.NONE
    assert release.go_back(replace(undo, finished=(), outputs={})).change is Change.NONE
    assert release.number() == 3


def test_a_run_that_was_killed_before_it_upgraded_has_nothing_to_undo(release: Release) -> None:
    release.install("before", "r1")
    release.context.run_id, release.step = "r2", release.saying("after")
    undo = Undo(release.step.plan(release.context))
    assert release.go_back(undo).change is Change.NONE
    assert release.number() == 1


@pytest.mark.parametrize("by", ["a later run", "a hand"])
def test_what_another_upgraded_is_overwritten_by_name_alone(release: Release, by: str) -> None:
    release.install("before", "r1")
    before = release.state()
    undo = release.install("after", "r2")
    if by == "a later run":
        release.install("later", "r3")
        release.context.run_id = "r2"
    else:  # Helm keeps our labels then
        chart = release.helm.chart(release.context.config_folder / "small")
        release.helm.install_or_upgrade("small", chart, {"text": "hand"}, namespace=release.namespace, timeout=30)
    with pytest.raises(RefusedError, match=r"release/small: its newest revision, 3, was made by") as refused:
        release.go_back(undo)
    assert ("run r3" if by == "a later run" else "a hand") in refused.value.why
    assert release.number() == 3
    release.go_back(replace(undo, forced=frozenset({"release/small"})))
    assert release.state() == before


def test_a_revision_that_is_gone_can_only_be_left(release: Release) -> None:
    release.install("before", "r1")
    undo = release.install("after", "r2")
    after = release.state()
    [subtask] = undo.plan.subtasks
    plan = replace(undo.plan, subtasks=(replace(subtask, data={**subtask.data, "revision": 99}),))
    undo = replace(undo, plan=plan)
    with pytest.raises(RefusedError, match="release/small: revision 99 is gone"):
        release.go_back(undo)
    assert release.go_back(replace(undo, forced=frozenset({"release/small"}))).change is Change.NONE
    assert release.state() == after


def test_what_is_new_is_kept_unless_it_shall_go(release: Release) -> None:
    undo = release.install("new", "r1")
    assert release.go_back(undo).summary == "keep release small, which the run installed"
    assert release.number() == 1
    release.context.run_id = "r2"
    destroying = replace(undo, destroy=True)
    with pytest.raises(RefusedError, match="release/small: its newest revision, 1, was made by run r1"):
        release.go_back(destroying)
    release.context.run_id = "r1"
    release.context.fleet = replace(release.context.fleet, name="another")
    with pytest.raises(RefusedError, match="marked as fleet fleet's, not another's"):
        release.go_back(replace(destroying, forced=frozenset({"release/small"})))
    release.context.fleet = replace(release.context.fleet, name="fleet")
    release.go_back(destroying)
    assert release.number() == 0
    assert release.go_back(destroying).change is Change.NONE


def test_on_a_cluster_of_the_run_it_goes_with_the_cluster(release: Release) -> None:
    made = ClusterContext(release.context.config_folder, a_cluster("existing", create=True), Project(id="p"))
    for destroy in (False, True):
        undo = Undo(StepPlan("install", Change.CREATE), ("run",), destroy=destroy)
        assert release.step.plan_rollback(made, undo).change is Change.NONE
        release.step.verify_rollback(made, undo)
