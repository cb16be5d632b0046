"""The module terraform/gke by the real Terraform, with the real provider's schema and a double of its doings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from doubles import google_provider

from ws_deployment.clients.terraform import Terraform, TerraformError
from ws_deployment.clients.terraform_instance import write_instance
from ws_deployment.tools.bundled import bundled

pytestmark = pytest.mark.real

INPUTS = {
    "name": "gp-stag-ws-eu17-eu-west1",
    "region": "europe-west1",
    "labels": {"team": "platform"},
    "run_id": "20261121-091533-7f3a",
    "fleet": "gitpod-staging",
    "project": "gitpod-staging",
    "short_name": "eu17",
}


def instance(tmp_path: Path, source: Path | None = None, **inputs: Any) -> Terraform:
    env = google_provider.install(tmp_path / "google")
    write_instance(tmp_path / "instance", source or bundled("terraform/gke"), {**INPUTS, **inputs})
    program = shutil.which("terraform") or "terraform"
    return Terraform(program, tmp_path / "instance", env, tmp_path / "cache", log=tmp_path / "log")


def made(tmp_path: Path, kind: str) -> list[dict[str, Any]]:
    found = google_provider.resources(tmp_path / "google")
    return [one for name, one in found.items() if name.startswith(f"{kind}.")]


def test_a_cluster_is_planned_made_and_removed(tmp_path: Path) -> None:
    terraform = instance(tmp_path)
    terraform.init()
    plan = terraform.folder / "run.tfplan"
    summary = terraform.plan(plan)
    assert len(summary.addresses("create")) == len(summary.changes) == 11
    terraform.apply(plan)

    (cluster,) = made(tmp_path, "google_container_cluster")
    assert cluster["resource_labels"] == {
        "team": "platform",
        "ws-deployment-run": "20261121-091533-7f3a",
        "ws-deployment-fleet": "gitpod-staging",
    }
    assert cluster["deletion_protection"] is False
    assert cluster["release_channel"][0]["channel"] == "UNSPECIFIED"
    pools = {pool["name"]: pool for pool in made(tmp_path, "google_container_node_pool")}
    assert set(pools) == {"services", "workspaces", "headless"}
    assert pools["services"]["node_config"][0]["labels"]["gitpod.io/workload_meta"] == "true"
    assert {pool["management"][0]["auto_upgrade"] for pool in pools.values()} == {False}
    (account,) = made(tmp_path, "google_service_account")
    assert len(account["account_id"]) <= 30
    assert {pool["node_config"][0]["service_account"] for pool in pools.values()} == {account["email"]}
    granted = {one["role"] for one in made(tmp_path, "google_project_iam_member")}
    assert granted == {"roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader"}

    outputs = terraform.outputs()
    assert outputs["endpoint"].value == "https://203.0.113.7"
    assert outputs["ca_certificate"].sensitive
    assert outputs["ca_certificate"].value.startswith("-----BEGIN CERTIFICATE-----")
    assert terraform.plan(plan).empty

    terraform.destroy()
    assert google_provider.resources(tmp_path / "google") == {}


def test_everything_that_can_be_asked_for(tmp_path: Path) -> None:
    terraform = instance(
        tmp_path,
        zone="europe-west1-b",
        network="shared",
        bucket="content",
        domain="ws-eu17.gitpod.io",
        control_plane_access={"office": "198.51.100.0/24"},
        kubernetes_version="1.33",
        maintenance_window={
            "start_time": "2026-01-01T02:00:00Z",
            "end_time": "2026-01-01T06:00:00Z",
            "recurrence": "FREQ=WEEKLY;BYDAY=SA",
        },
        node_pools={
            "all": {
                "machine_type": "e2-standard-4",
                "disk_size_gb": 50,
                "max_nodes": 3,
                "labels": {"gitpod.io/workload_workspace_regular": "true"},
                "taints": [{"key": "workspace", "value": "true", "effect": "NO_SCHEDULE"}],
            }
        },
        node_roles=["roles/monitoring.viewer"],
    )
    terraform.init()
    plan = terraform.folder / "run.tfplan"
    terraform.plan(plan)
    terraform.apply(plan)
    (cluster,) = made(tmp_path, "google_container_cluster")
    assert (cluster["location"], cluster["network"], cluster["min_master_version"]) == (
        "europe-west1-b",
        "shared",
        "1.33",
    )
    access = cluster["master_authorized_networks_config"][0]["cidr_blocks"]
    assert access == [{"cidr_block": "198.51.100.0/24", "display_name": "office"}]
    assert cluster["maintenance_policy"][0]["recurring_window"][0]["recurrence"] == "FREQ=WEEKLY;BYDAY=SA"
    (pool,) = made(tmp_path, "google_container_node_pool")
    assert pool["node_config"][0]["taint"][0]["effect"] == "NO_SCHEDULE"
    assert not made(tmp_path, "google_compute_network")
    assert made(tmp_path, "google_storage_bucket_iam_member")[0]["role"] == "roles/storage.objectAdmin"
    (zone,) = made(tmp_path, "google_dns_managed_zone")
    assert zone["dns_name"] == "ws-eu17.gitpod.io."
    assert {len(one["account_id"]) <= 30 for one in made(tmp_path, "google_service_account")} == {True}
    assert terraform.outputs()["name_servers"].value == ["ns-1.example.com."]


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"name": "Not-A-Name"}, "at most 40 characters"),
        ({"name": "a" * 41}, "at most 40 characters"),
        ({"short_name": "a" * 17}, "at most 30 characters"),
    ],
)
def test_names_that_google_refuses_are_faults_of_the_plan(tmp_path: Path, inputs: dict[str, str], why: str) -> None:
    terraform = instance(tmp_path, **inputs)
    terraform.init()
    with pytest.raises(TerraformError, match=why):
        terraform.plan(terraform.folder / "run.tfplan")


def test_an_argument_that_the_provider_does_not_know_is_seen(tmp_path: Path) -> None:
    source = shutil.copytree(bundled("terraform/gke"), tmp_path / "source")
    text = (source / "cluster.tf").read_text()
    (source / "cluster.tf").write_text(text.replace("enable_shielded_nodes =", "enable_shielded_node ="))
    terraform = instance(tmp_path, source)
    terraform.init()
    with pytest.raises(TerraformError, match=r"Unsupported argument.*enable_shielded_node.*cluster\.tf"):
        terraform.plan(terraform.folder / "run.tfplan")
