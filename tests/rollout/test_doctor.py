"""`doctor` against real meta clusters: traffic, rights, Prometheus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.configs import write_config
from harness.program import program

from ws_deployment.clients.kube import Kube
from ws_deployment.lab import meta_kubernetes
from ws_deployment.lab.meta import ensure_meta
from ws_deployment.lab.record import LabCluster

pytestmark = pytest.mark.real


def findings(config: Path, code: int) -> dict[str, tuple[str, str]]:
    ended = program("doctor", "-c", config, "--json")
    assert ended.code == code, ended.err
    return {each["subject"]: (each["health"], each["text"]) for each in json.loads(ended.out)}


def test_a_lab_that_is_up_lacks_nothing_and_one_that_is_not_is_said_so(tmp_path: Path) -> None:
    meta = {"name": "meta", "region": "europe-west1", "type": "local", "kubernetes": {}}
    config = write_config(tmp_path, metaClusters=[meta])
    before = findings(config, 0)
    assert before["bridge of meta"][0] == "warning"
    assert before["lock at meta"][0] == "warning"
    ensure_meta("meta")
    meta_kubernetes.ensure("meta")
    found = findings(config, 0)
    assert found["bridge of meta"][1].startswith("lists 0 clusters in ")
    assert found["lock at meta"] == ("ok", "may be kept in namespace default")
    assert found["Prometheus of meta"][0] == "ok"


def test_missing_rights_and_a_prometheus_that_is_away_are_faults(tmp_path: Path, shared_cluster: LabCluster) -> None:
    kubeconfig = without_rights(shared_cluster, tmp_path)
    meta: dict[str, Any] = {
        "name": "meta",
        "region": "europe-west1",
        "type": "existing",
        "kubernetes": {"kubeconfig": str(kubeconfig), "namespace": "default"},
        "prometheus": {"url": "http://127.0.0.1:1"},
    }
    found = findings(write_config(tmp_path, metaClusters=[meta]), 1)
    assert found["bridge of meta"] == ("warning", "the config does not say where it is")
    health, text = found["lock at meta"]
    assert health == "fault"
    assert "get configmaps, create configmaps, update configmaps, get leases" in text
    assert found["Prometheus of meta"][0] == "fault"


def without_rights(cluster: LabCluster, folder: Path) -> Path:
    """A kubeconfig of a service account that may do nothing."""
    kube = Kube(cluster.kubeconfig)
    kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody", "namespace": "default"}})
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": {
                "name": "nobody",
                "namespace": "default",
                "annotations": {"kubernetes.io/service-account.name": "nobody"},
            },
        }
    )
    token = ""
    while not token:
        token = (kube.secret("nobody", "default") or {}).get("token", b"").decode()
    document = yaml.safe_load(cluster.kubeconfig.read_text())
    for user in document["users"]:
        user["user"] = {"token": token}
    path = folder / "nobody.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path
