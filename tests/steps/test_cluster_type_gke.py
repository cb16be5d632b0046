from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.gke_server import PROJECT, Google
from google.cloud import container_v1 as container
from harness.cluster_context import ClusterContext, a_cluster
from hypothesis import given
from hypothesis import strategies as st
from ws_deployment_steps.cluster_types.gke import APIS, PERMISSIONS, GkeCluster, label

from ws_deployment.config.v1 import Project
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import Decision, NotYetError

AMPLE = [
    {"metric": "N2D_CPUS", "limit": 1000.0, "usage": 0.0},
    {"metric": "SSD_TOTAL_GB", "limit": 100_000.0, "usage": 0.0},
]
OWN = {"ws-deployment-run": "20261121-091533-7f3a"}


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with Google(tmp_path) as serving:
        for name, value in serving.environment.items():
            monkeypatch.setenv(name, value)
        serving.quotas = AMPLE
        yield serving


def context(tmp_path: Path, google: Google | None, *, dry_run: bool = False, **project: Any) -> ClusterContext:
    credentials = str(google.credentials_file if google else tmp_path / "nowhere.json")
    return ClusterContext(
        tmp_path,
        a_cluster("gke", labels={"Team": "Platform/EU"}),
        Project(id=PROJECT, credentials_file=credentials, **project),
        dry_run=dry_run,
    )


def test_a_free_name_and_enough_quota_may_proceed(google: Google, tmp_path: Path) -> None:
    verdict = GkeCluster().check(context(tmp_path, google))
    assert (verdict.decision, verdict.reason) == (Decision.PROCEED, "the name is free, the quota suffices")


def test_anothers_cluster_is_refused_and_ones_own_gone_on_with(google: Google, tmp_path: Path) -> None:
    cluster = google.add_cluster("gp-stag-ws-eu17-eu-west1", resource_labels={"ws-deployment-run": "another"})
    refused = GkeCluster().check(context(tmp_path, google))
    assert refused.decision is Decision.REFUSE
    assert "of run another" in refused.reason
    cluster.resource_labels = OWN
    assert GkeCluster().check(context(tmp_path, google)).decision is Decision.PROCEED


def test_too_small_a_quota_is_refused(google: Google, tmp_path: Path) -> None:
    google.quotas = [{"metric": "N2D_CPUS", "limit": 100.0, "usage": 60.0}, AMPLE[1]]
    verdict = GkeCluster().check(context(tmp_path, google))
    assert verdict.decision is Decision.REFUSE
    assert "N2D_CPUS has 40 of 100 left, 60 are needed" in verdict.reason


def test_without_credentials_a_dry_run_defers_and_a_run_is_refused(tmp_path: Path) -> None:
    kind = GkeCluster()
    dry = context(tmp_path, None, dry_run=True)
    assert kind.check(dry).decision is Decision.DEFERRED
    assert kind.check(context(tmp_path, None)).decision is Decision.REFUSE
    with pytest.raises(NotYetError):
        kind.kubeconfig(dry)
    with pytest.raises(NotYetError):
        kind.taken_names(dry.fleet)
    with pytest.raises(WsDeploymentError, match="gcloud auth"):
        kind.kubeconfig(context(tmp_path, None))


def test_the_module_gets_what_the_config_says(google: Google, tmp_path: Path) -> None:
    module = GkeCluster().terraform(context(tmp_path, google, dns_zone="gitpod.io", bucket="content"))
    assert module.variables == {
        "name": "gp-stag-ws-eu17-eu-west1",
        "region": "europe-west1",
        "labels": {"team": "platform-eu"},
        "run_id": "20261121-091533-7f3a",
        "fleet": "fleet",
        "project": PROJECT,
        "short_name": "eu17",
        "bucket": "content",
        "domain": "ws-eu17.gitpod.io",
    }
    assert module.environment == {"GOOGLE_CREDENTIALS": str(google.credentials_file)}
    assert (Path(module.source) / "cluster.tf").exists()


def test_a_kubeconfig_comes_when_google_is_done(google: Google, tmp_path: Path) -> None:
    kind, about = GkeCluster(), context(tmp_path, google)
    with pytest.raises(NotYetError, match="no such cluster yet"):
        kind.kubeconfig(about)
    google.add_cluster("gp-stag-ws-eu17-eu-west1", status=container.Cluster.Status.RUNNING, resource_labels=OWN)
    path = kind.kubeconfig(about)
    assert json.loads(path.read_text())["current-context"] == "gp-stag-ws-eu17-eu-west1"
    asked = len(google.requests)
    assert kind.kubeconfig(about) == path
    assert len(google.requests) == asked
    assert kind.taken_names(about.fleet) == {"gp-stag-ws-eu17-eu-west1"}


def test_doctor_tells_what_is_missing(google: Google, tmp_path: Path) -> None:
    google.permissions, google.apis = set(PERMISSIONS), set(APIS)
    fleet = context(tmp_path, google).fleet
    assert {found.health for found in GkeCluster().diagnose(fleet)} == {"ok"}
    google.permissions.discard("container.clusters.create")
    google.apis.discard("compute.googleapis.com")
    google.quotas = [{"metric": "N2D_CPUS", "limit": 1.0}]
    permissions, apis, quota = GkeCluster().diagnose(fleet)
    assert (permissions.health, permissions.text) == ("fault", "missing: container.clusters.create")
    assert apis.remedy == f"gcloud services enable compute.googleapis.com --project {PROJECT}"
    assert quota.subject == f"quota of europe-west1 in {PROJECT}"
    assert quota.health == "fault"


@given(st.text())
def test_labels_are_such_as_google_takes(text: str) -> None:
    assert len(label(text)) <= 63
    assert set(label(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    assert label(label(text)) == label(text)
