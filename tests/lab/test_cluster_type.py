"""What a pipeline is told of lab clusters, without making any."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from ws_deployment.errors import UsageError
from ws_deployment.interfaces import Decision, Fleet, MetaCluster, NotYetError, StepContext
from ws_deployment.lab.cluster_type import LocalCluster
from ws_deployment.lab.layout import cluster_folder, lab_home
from ws_deployment.lab.record import LabCluster
from ws_deployment.tools.folders import private_folder, state_path

NAME = "gp-stag-ws-eu1-eu-west1"


def context(run_id: str = "r1", *, name: str = NAME) -> StepContext:
    cluster = SimpleNamespace(name=name, region="europe-west1", labels={"a": "b"}, type="local", create=True)
    fleet = SimpleNamespace(name="demo", workspace_clusters=(cluster,))
    folder = state_path() / "fleets" / "demo" / name
    told = SimpleNamespace(run_id=run_id, dry_run=True, cluster=cluster, fleet=fleet, folder=folder, shared=False)
    return cast("StepContext", told)


def known(*, complete: bool = True) -> LabCluster:
    folder = private_folder(cluster_folder(NAME))
    made = LabCluster(NAME, folder, "r1", "demo", "", {}, 1, 7001, 7002, 7003, complete=complete)
    made.write()
    return made


@pytest.fixture
def no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


def test_a_dry_run_builds_nothing_and_makes_nothing(no_tools: None) -> None:  # noqa: ARG001  by its effect
    local = LocalCluster()
    verdict = local.check(context())
    assert verdict.decision is Decision.DEFERRED
    assert "a run builds etcd, kube-apiserver" in verdict.reason
    module = local.terraform(context())
    assert module.variables["program"] == [sys.executable, "-m", "ws_deployment.lab"]
    assert module.variables["state_home"] == str(state_path().parent)
    finding = local.diagnose(cast("Fleet", context().fleet))[0]
    assert (finding.health, finding.remedy) == ("warning", "ws-deployment lab tools")
    assert not state_path().exists()


def test_anothers_name_is_refused() -> None:
    known()
    verdict = LocalCluster().check(context("r2"))
    assert verdict.decision is Decision.REFUSE
    assert "of run r1" in verdict.reason
    assert f"ws-deployment lab cluster delete {NAME}" in verdict.remedy
    assert LocalCluster().taken_names(cast("Fleet", None)) == {NAME}


def test_what_is_known_only_later_is_said_so() -> None:
    local = LocalCluster()
    meta = MetaCluster("meta", "europe-west1", "local", None)
    for ask in (local.kubeconfig, local.url):
        with pytest.raises(NotYetError):
            ask(context())
    known(complete=False)
    with pytest.raises(NotYetError):
        local.kubeconfig(context())
    made = known()
    assert local.kubeconfig(context()) == made.kubeconfig
    assert local.url(context()) == "https://127.0.0.1:7002"
    with pytest.raises(NotYetError):
        local.bridge(meta)
    local.prepare_meta(meta, lambda _line: None)
    assert local.bridge(meta).address


def test_a_cluster_of_another_lab_is_reached_by_what_terraform_kept() -> None:
    local, seen = LocalCluster(), context()
    local.reached(seen, {"kubeconfig": None})
    with pytest.raises(NotYetError):
        local.kubeconfig(seen)
    local.reached(seen, {"kubeconfig": "clusters: []"})
    assert local.kubeconfig(seen).read_text() == "clusters: []"
    assert local.kubeconfig(seen).stat().st_mode & 0o077 == 0
    assert local.kubeconfig(context()) != known().kubeconfig
    assert local.kubeconfig(seen) == known().kubeconfig  # the lab's own comes first


@pytest.mark.parametrize("name", ["../evil", "Upper", "", "-a", "a" * 64, "a/b", "a.b"])
def test_a_name_cannot_leave_the_lab(name: str) -> None:
    with pytest.raises(UsageError, match="RFC 1123"):
        LocalCluster().check(context(name=name))
    assert not lab_home().exists()
