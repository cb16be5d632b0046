"""Saved plans of a cluster's Terraform: done as planned, finished after a failure, refused when the state moved."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from harness.cluster_context import ClusterContext, a_cluster
from ws_deployment_steps import cluster_terraform, terraform_backend
from ws_deployment_steps.cluster_types.existing import ExistingCluster

from ws_deployment.config.v1 import Project, Terraform
from ws_deployment.errors import RefusedError, UsageError, WsDeploymentError
from ws_deployment.fleet.folders import instance_folder
from ws_deployment.interfaces import TerraformModule

pytestmark = pytest.mark.real

#: The second resource can't be made while a file `broken` is there.
MODULE = """
variable "name" { type = string }
variable "folder" { type = string }
resource "terraform_data" "first" { input = var.name }
resource "terraform_data" "second" {
  input = terraform_data.first.output
  provisioner "local-exec" { command = "test ! -e '${var.folder}/broken'" }
}
output "endpoint" { value = terraform_data.second.output }
"""
ADDRESSES = ["module.cluster.terraform_data.first", "module.cluster.terraform_data.second"]


@pytest.fixture
def module(tmp_path: Path) -> TerraformModule:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "main.tf").write_text(MODULE)
    return TerraformModule(source=str(folder), variables={"name": "eu17", "folder": str(tmp_path)})


def context(tmp_path: Path, *, dry_run: bool = False) -> ClusterContext:
    made = ClusterContext(tmp_path, a_cluster("local"), Project(id="p"), dry_run=dry_run)
    made.saved = tmp_path / "plan.files" / "eu17.create-cluster"
    return made


@pytest.fixture
def run(tmp_path: Path, module: TerraformModule) -> ClusterContext:
    """The context of the run that applies a plan, which is saved."""
    planned = cluster_terraform.foreseen(context(tmp_path, dry_run=True), module)
    assert list(planned.addresses("create")) == ADDRESSES
    made = context(tmp_path)
    assert made.saved
    assert not (made.saved / ".terraform").exists()
    assert not instance_folder(made.folder).exists()
    return made


def addresses(run: ClusterContext) -> list[str]:
    state = json.loads((instance_folder(run.folder) / "terraform.tfstate").read_text())
    return sorted(f"{each['module']}.{each['type']}.{each['name']}" for each in state["resources"])


def test_the_saved_plan_is_carried_out_although_the_module_has_changed(
    run: ClusterContext, module: TerraformModule
) -> None:
    (Path(module.source) / "main.tf").write_text('output "endpoint" { value = "elsewhere" }')
    assert cluster_terraform.make(run, module, ExistingCluster())["endpoint"] == "eu17"
    assert addresses(run) == ADDRESSES
    assert cluster_terraform.make(run, module, ExistingCluster())["endpoint"] == "eu17"  # repeated after a crash


def test_what_this_run_made_by_half_is_finished(run: ClusterContext, module: TerraformModule, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with pytest.raises(WsDeploymentError, match="local-exec"):
        cluster_terraform.make(run, module, ExistingCluster())
    (tmp_path / "broken").unlink()
    assert cluster_terraform.make(run, module, ExistingCluster())["endpoint"] == "eu17"
    assert addresses(run) == ADDRESSES


def test_finishing_it_does_nothing_that_was_not_planned(
    run: ClusterContext, module: TerraformModule, tmp_path: Path
) -> None:
    (tmp_path / "broken").touch()
    with pytest.raises(WsDeploymentError, match="local-exec"):
        cluster_terraform.make(run, module, ExistingCluster())
    copy = instance_folder(run.folder) / "module" / "more.tf"
    copy.write_text('resource "terraform_data" "third" {}')
    with pytest.raises(RefusedError, match=r"\+ module\.cluster\.terraform_data\.third would be needed too"):
        cluster_terraform.make(run, module, ExistingCluster())


def test_a_state_that_is_there_by_another_hand_is_refused(run: ClusterContext, module: TerraformModule) -> None:
    saved, run.saved = run.saved, None
    cluster_terraform.make(run, module, ExistingCluster())
    run.saved = saved
    with pytest.raises(RefusedError, match="stale"):
        cluster_terraform.make(run, module, ExistingCluster())


def test_a_plan_of_another_program_is_refused(run: ClusterContext, module: TerraformModule) -> None:
    assert run.saved
    file = run.saved / cluster_terraform.SUMMARY_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | {"made_by": "tofu 1.12.6"}))
    with pytest.raises(RefusedError, match=r"tofu 1\.12\.6 made it, and terraform "):
        cluster_terraform.make(run, module, ExistingCluster())
    assert not instance_folder(run.folder).exists()


@pytest.mark.parametrize(
    ("wrote", "here", "refused"),
    [
        ("terraform 1.11.4", "terraform 1.11.4", False),
        ("terraform 1.9.8", "terraform 1.11.4", False),
        ("terraform 1.12.0", "terraform 1.11.4", True),
        ("terraform 1.9.8", "tofu 1.12.6", True),
        ("tofu 1.9.0", "terraform 1.11.4", True),
        (None, "tofu 1.12.6", False),
    ],
)
def test_another_program_or_an_older_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrote: str | None, here: str, refused: bool
) -> None:
    monkeypatch.setattr("ws_deployment.clients.terraform.terraform_version", lambda _program: here)
    monkeypatch.setattr(cluster_terraform, "program", lambda _context: tmp_path)
    context = ClusterContext(tmp_path, a_cluster("local"), Project(id="p"))
    with pytest.raises(RefusedError, match="wrote it") if refused else contextlib.nullcontext():
        cluster_terraform.refuse_switch(context, wrote)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"gcs": {"bucket": "b"}}, {"bucket": "b", "prefix": "fleet/gp-stag-ws-eu17-eu-west1"}),
        ({"s3": {"key": "x/"}}, {"key": "x/fleet/gp-stag-ws-eu17-eu-west1"}),
        ({"s3": {"key": "${cluster.shortName}"}}, {"key": "eu17"}),
        ({"pg": {}}, {"schema_name": "fleet_gp_stag_ws_eu17_eu_west1"}),
    ],
)
def test_each_cluster_has_a_state_of_its_own(tmp_path: Path, given: dict[str, Any], place: dict[str, str]) -> None:
    context = ClusterContext(tmp_path, a_cluster("local"), Project(id="p"))
    context.terraform = Terraform(backend=given)
    assert terraform_backend.settings(context) == {next(iter(given)): place}
    context.terraform = Terraform(backend={"http": {"address": "https://x"}})
    with pytest.raises(UsageError, match="share one state"):
        terraform_backend.settings(context)
