from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
from harness.cluster_context import ClusterContext, a_cluster
from ws_deployment_steps.cluster_types.command import CommandCluster
from ws_deployment_steps.create_cluster import CreateCluster, CreateClusterParameters

from ws_deployment.config.v1 import Project
from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.interfaces import Decision, NotYetError, Undo

#: A team's program in earnest: keeps its clusters in a file, by the contract of docs/cluster-type-command.md.
PROGRAM = """
import json, pathlib, sys
asked = json.load(sys.stdin)
assert asked["apiVersion"] == "ws-deployment.dev/v1"
state = pathlib.Path("clusters.json")
clusters = json.loads(state.read_text()) if state.exists() else {}
name, run = asked["cluster"]["name"], asked["run"]
with open("actions", "a") as actions:
    print(asked["action"], file=actions)
if asked["action"] == "look":
    answer = {"exists": name in clusters, "run": clusters.get(name)}
elif asked["action"] == "create":
    clusters[name] = run
    answer = {"outputs": {"url": "https://ws-manager.example.com"}}
elif asked["action"] == "kubeconfig":
    answer = {"kubeconfig": "a kubeconfig", "validSeconds": 3600} if name in clusters else {}
elif asked["action"] == "destroy":
    clusters.pop(name, None)
    answer = {}
state.write_text(json.dumps(clusters))
print(json.dumps(answer))
"""


@pytest.fixture
def about(tmp_path: Path) -> ClusterContext:
    (tmp_path / "clusters.py").write_text(PROGRAM)
    made = a_cluster("command", command=(sys.executable, "clusters.py"))
    return ClusterContext(tmp_path, made, Project(id="p"), kinds={"command": CommandCluster()})


def actions(about: ClusterContext) -> list[str]:
    return (about.config_folder / "actions").read_text().split()


def test_a_cluster_lives_by_the_teams_program(about: ClusterContext) -> None:
    kind = CommandCluster()
    assert kind.check(about).decision is Decision.PROCEED
    with pytest.raises(NotYetError):
        kind.kubeconfig(about)
    about.earlier["create-cluster"] = kind.create(about)
    assert kind.url(about) == "https://ws-manager.example.com"
    assert kind.check(about).reason == "this run has made it, or began to"
    path = kind.kubeconfig(about)
    assert path.read_text() == "a kubeconfig"
    assert path.stat().st_mode & 0o777 == 0o600
    kind.kubeconfig(about)
    assert actions(about).count("kubeconfig") == 2
    kind.destroy(about)
    kind.destroy(about)
    assert json.loads((about.config_folder / "clusters.json").read_text()) == {}


def test_a_kubeconfig_that_ages_is_asked_for_anew(about: ClusterContext, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = CommandCluster()
    kind.create(about)
    kind.kubeconfig(about)
    now = __import__("time").time()
    monkeypatch.setattr("ws_deployment_steps.cluster_types.command.time.time", lambda: now + 3500)
    kind.kubeconfig(about)
    assert actions(about).count("kubeconfig") == 2


def test_anothers_cluster_is_refused(about: ClusterContext) -> None:
    CommandCluster().create(about)
    about.run_id = "another"
    verdict = CommandCluster().check(about)
    assert verdict.decision is Decision.REFUSE
    assert "20261121-091533-7f3a" in verdict.reason


def test_anothers_cluster_is_never_removed(about: ClusterContext) -> None:
    CommandCluster().create(about)
    own, about.run_id = about.run_id, "another"
    with pytest.raises(RefusedError, match=f"of run {own}"):
        CommandCluster().destroy(about)
    assert "destroy" not in actions(about)


def test_a_run_that_is_undone_keeps_it_unless_it_shall_go(about: ClusterContext) -> None:
    step = CreateCluster(CreateClusterParameters())
    plan = step.plan(about)
    undo = Undo(plan, ("run",), step.run(about, plan.subtasks[0]))
    assert step.plan_rollback(about, undo).subtasks == ()
    (about.folder / "kubeconfig").unlink()
    gone = PROGRAM.replace("if name in clusters else {}", "if False else {}")
    (about.config_folder / "clusters.py").write_text(gone)
    destroying = dataclasses.replace(undo, destroy=True)
    [subtask] = step.plan_rollback(about, destroying).subtasks
    for _ in range(2):
        step.rollback(about, subtask, destroying)
        step.verify_rollback(about, destroying)
    assert actions(about).count("destroy") == 1
    (about.config_folder / "clusters.py").write_text(gone.replace("clusters.pop(name, None)", "pass"))
    CommandCluster().create(about)
    with pytest.raises(WsDeploymentError, match="still there"):
        step.rollback(about, subtask, destroying)


def test_a_program_that_fails_or_is_not_named(about: ClusterContext) -> None:
    (about.config_folder / "clusters.py").write_text("import sys; sys.exit('no zone left')")
    verdict = CommandCluster().check(about)
    assert verdict.decision is Decision.REFUSE
    assert "no zone left" in verdict.reason
    with pytest.raises(WsDeploymentError, match="no zone left"):
        CommandCluster().create(about)
    nameless = dataclasses.replace(about.cluster, command=())
    refused = CommandCluster().check(ClusterContext(about.config_folder, nameless, Project(id="p")))
    assert "Add `command:" in refused.remedy


def test_a_malformed_answer_is_told(about: ClusterContext) -> None:
    (about.config_folder / "clusters.py").write_text('print(\'{"outputs": [], "kubeconfig": 1}\')')
    for call in (CommandCluster().create, CommandCluster().kubeconfig):
        with pytest.raises(WsDeploymentError, match="cluster-type-command"):
            call(about)
