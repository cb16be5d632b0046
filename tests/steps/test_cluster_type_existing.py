from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness.cluster_context import ClusterContext, a_cluster
from ws_deployment_steps.cluster_types.existing import ExistingCluster

from ws_deployment.config.v1 import Project
from ws_deployment.errors import UsageError, WsDeploymentError
from ws_deployment.interfaces import Decision, NotYetError

KUBECONFIG = {
    "current-context": "dev",
    "contexts": [
        {"name": "dev", "context": {"cluster": "dev", "user": "me"}},
        {"name": "prod", "context": {"cluster": "prod", "user": "robot", "namespace": "gitpod"}},
    ],
    "clusters": [
        {"name": "dev", "cluster": {"server": "https://dev"}},
        {"name": "prod", "cluster": {"server": "https://prod", "certificate-authority": "pki/ca.crt"}},
    ],
    "users": [
        {"name": "me", "user": {"token": "hunter2"}},
        {"name": "robot", "user": {"exec": {"command": "./login", "apiVersion": "client.authentication.k8s.io/v1"}}},
    ],
}


def about(tmp_path: Path, context: str | None = "prod", *, dry_run: bool = False) -> ClusterContext:
    (tmp_path / "kube").mkdir(exist_ok=True)
    (tmp_path / "kube" / "config").write_text(json.dumps(KUBECONFIG))
    cluster = a_cluster("existing", create=False, kubeconfig="kube/config", context=context)
    return ClusterContext(tmp_path, cluster, Project(id="p"), dry_run=dry_run)


def test_the_one_context_is_taken_out_and_nothing_else(tmp_path: Path) -> None:
    path = ExistingCluster().kubeconfig(about(tmp_path))
    tree = json.loads(path.read_text())
    assert tree["current-context"] == "prod"
    assert tree["contexts"] == KUBECONFIG["contexts"][1:]  # type: ignore[index]  # a test reads loosely
    assert tree["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "kube/pki/ca.crt")
    assert Path(tree["users"][0]["user"]["exec"]["command"]) == tmp_path / "kube/login"
    assert "hunter2" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_a_context_the_current_one_is_taken(tmp_path: Path) -> None:
    assert json.loads(ExistingCluster().kubeconfig(about(tmp_path, None)).read_text())["current-context"] == "dev"


def test_a_missing_context_is_the_configs_fault_and_deferred_in_a_dry_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="context staging"):
        ExistingCluster().kubeconfig(about(tmp_path, "staging"))
    with pytest.raises(NotYetError):
        ExistingCluster().kubeconfig(about(tmp_path, "staging", dry_run=True))


def test_a_dry_run_leaves_the_clusters_folder_alone(tmp_path: Path) -> None:
    path = ExistingCluster().kubeconfig(about(tmp_path, dry_run=True))
    assert path.parent.name == "scratch"
    assert not (tmp_path / "folder").exists()


def test_it_is_never_made_nor_removed(tmp_path: Path) -> None:
    assert ExistingCluster().check(about(tmp_path)).decision is Decision.REFUSE
    with pytest.raises(WsDeploymentError, match="not made by a run"):
        ExistingCluster().destroy(about(tmp_path))
