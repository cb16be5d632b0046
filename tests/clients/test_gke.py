"""The client with Google's own libraries, against a double that checks tokens, names and headers."""

from __future__ import annotations

import datetime as dt
import json
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from doubles.gke_server import CA, PROJECT, Google
from google.cloud import container_v1 as container

from ws_deployment.clients import google_credentials
from ws_deployment.clients.gke import Gke, GkeError, TransientGkeError
from ws_deployment.clients.google_credentials import CredentialsError
from ws_deployment.clients.google_project import GoogleProject, GoogleProjectError
from ws_deployment.clients.waiting import NotReadyError
from ws_deployment.errors import CancelledError


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with Google(tmp_path) as serving:
        for name, value in serving.environment.items():
            monkeypatch.setenv(name, value)
        yield serving


def client(google: Google, project: str = PROJECT) -> Gke:
    return Gke(project, credentials_file=google.credentials_file)


def test_clusters_are_found_by_name_in_a_region_or_its_zones(google: Google) -> None:
    google.add_cluster("gp-stag-ws-eu17-eu-west1", resource_labels={"ws-deployment-run": "r1"})
    google.add_cluster("zonal", location="europe-west1-b")
    gke = client(google)
    found = gke.find("gp-stag-ws-eu17-eu-west1", "europe-west1")
    assert found is not None
    assert (found.status, found.endpoint, found.labels) == ("RUNNING", "203.0.113.7", {"ws-deployment-run": "r1"})
    assert found.running
    assert gke.find("zonal", "europe-west1")
    assert gke.find("zonal", "us-east1") is None
    assert len(gke.clusters()) == 2
    assert gke.versions("europe-west1")[0] == "1.34.1-gke.1"


def test_refusals_and_faults_that_may_pass_are_told_apart(google: Google) -> None:
    with pytest.raises(GkeError, match="clusterViewer"):
        client(google, "other-project").clusters()
    gke = client(google)
    for code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL):
        google.fault = code
        with pytest.raises(TransientGkeError, match="as the test wishes"):
            gke.clusters()
    google.fault = None
    assert gke.clusters() == ()


def test_missing_and_revoked_credentials_are_told(google: Google, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="gcloud auth application-default login"):
        Gke(PROJECT, credentials_file=tmp_path / "nowhere.json").clusters()
    google.token_fault = "account disabled"
    with pytest.raises(CredentialsError, match="account disabled"):
        google_credentials.access_token(google_credentials.load(google.credentials_file))


def test_a_settled_cluster_is_waited_for(google: Google) -> None:
    cluster = google.add_cluster("eu17", status=container.Cluster.Status.PROVISIONING)
    operation = google.add_operation("eu17")
    google.add_operation("eu170")
    told: list[str] = []

    def finish(line: str) -> None:
        told.append(line)
        operation.status = container.Operation.Status.DONE
        cluster.status = container.Cluster.Status.RUNNING

    found = client(google).wait_settled("eu17", "europe-west1", deadline=time.monotonic() + 20, progress=finish)
    assert found is not None
    assert found.running
    assert told == ["CREATE_CLUSTER is RUNNING"]


def test_a_broken_a_slow_and_a_gone_cluster(google: Google) -> None:
    gke = client(google)
    assert gke.wait_settled("gone", "europe-west1", deadline=time.monotonic() + 5) is None
    google.add_cluster("broken", status=container.Cluster.Status.ERROR, status_message="IP space exhausted")
    with pytest.raises(GkeError, match="IP space exhausted"):
        gke.wait_settled("broken", "europe-west1", deadline=time.monotonic() + 5)
    google.add_cluster("slow", status=container.Cluster.Status.PROVISIONING)
    with pytest.raises(NotReadyError, match="it is PROVISIONING"):
        gke.wait_settled("slow", "europe-west1", deadline=time.monotonic() + 0.1)
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(CancelledError):
        gke.wait_settled("slow", "europe-west1", deadline=time.monotonic() + 5, cancelled=stopped)


def test_quota_permissions_and_apis_are_read(google: Google) -> None:
    google.quotas = [{"metric": "N2D_CPUS", "limit": 100.0, "usage": 60.0}, {"metric": "CPUS", "limit": 8.0}]
    google.permissions = {"container.clusters.create"}
    google.apis = {"container.googleapis.com"}
    project = GoogleProject(PROJECT, credentials_file=google.credentials_file)
    first, second = project.quotas("europe-west1")
    assert (first.metric, first.free) == ("N2D_CPUS", 40.0)
    assert second.free == 8.0
    wanted = ["container.clusters.create", "iam.serviceAccounts.create"]
    assert project.missing_permissions(wanted) == ("iam.serviceAccounts.create",)
    assert project.disabled_apis(["container.googleapis.com", "dns.googleapis.com"]) == ("dns.googleapis.com",)
    assert google.requests.count("token") == 1
    with pytest.raises(GoogleProjectError, match="403 Permission denied"):
        GoogleProject("other-project", credentials_file=google.credentials_file).quotas("europe-west1")


def test_a_kubeconfig_holds_no_token_and_mints_one_when_used(google: Google, tmp_path: Path) -> None:
    google.add_cluster("eu17")
    gke = client(google)
    found = gke.find("eu17", "europe-west1")
    assert found is not None
    path = tmp_path / "kubeconfig"
    gke.write_kubeconfig(found, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tree = json.loads(path.read_text())
    assert tree["clusters"][0]["cluster"] == {"server": "https://203.0.113.7", "certificate-authority-data": CA}
    assert "ya29" not in path.read_text()

    plugin = tree["users"][0]["user"]["exec"]
    done = subprocess.run([plugin["command"], *plugin["args"]], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert (answer["kind"], answer["apiVersion"]) == ("ExecCredential", plugin["apiVersion"])
    assert google.issued(answer["status"]["token"])
    end = dt.datetime.fromisoformat(answer["status"]["expirationTimestamp"])
    assert dt.timedelta(minutes=30) < end - dt.datetime.now(dt.UTC) < dt.timedelta(hours=2)

    google.token_fault = "revoked"
    failed = subprocess.run([plugin["command"], *plugin["args"]], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "revoked" in failed.stderr
    assert "Traceback" not in failed.stderr
