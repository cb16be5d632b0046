"""Real Terraform on built-in resources: no provider has to be downloaded."""

from __future__ import annotations

import shutil
import stat
import threading
import time
from pathlib import Path

import psutil
import pytest

from ws_deployment.clients.terraform import StaleTerraformPlanError, Terraform, TerraformError, TransientTerraformError
from ws_deployment.clients.terraform_instance import write_instance
from ws_deployment.clients.terraform_stream import Diagnostic
from ws_deployment.errors import CancelledError, UsageError

MODULE = """
variable "name" { type = string }
variable "token" {
  type      = string
  sensitive = true
}
variable "pause" {
  type    = number
  default = 0
}
resource "terraform_data" "cluster" {
  input            = { name = var.name, token = var.token }
  triggers_replace = [var.name]
  provisioner "local-exec" {
    command = "sleep ${var.pause}"
  }
}
output "endpoint" { value = "https://${terraform_data.cluster.output.name}" }
output "ca_certificate" {
  # a brace in a comment }
  value     = terraform_data.cluster.output.token
  sensitive = true
}
"""
SECRET = "hunter2-terraform"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "main.tf").write_text(MODULE)
    return folder


def instance(tmp_path: Path, module: Path, **variables: object) -> Terraform:
    folder = tmp_path / "instance"
    env = write_instance(folder, module, {"name": "eu17", **variables}, secrets={"token": SECRET})
    return Terraform(
        program=shutil.which("terraform") or "terraform",
        folder=folder,
        env=env,
        plugin_cache=tmp_path / "cache",
        log=tmp_path / "terraform.log",
    )


@pytest.mark.real
def test_a_cluster_is_planned_made_changed_and_destroyed(tmp_path: Path, module: Path) -> None:
    terraform = instance(tmp_path, module)
    terraform.init()
    plan = terraform.folder / "run.tfplan"
    assert not terraform.state_list()

    first = terraform.plan(plan)
    assert first.addresses("create") == ("module.cluster.terraform_data.cluster",)
    assert "input.token: (sensitive)" in first.diff()
    assert first.fingerprint == terraform.plan(plan).fingerprint
    terraform.apply(plan)

    assert terraform.state_list() == ("module.cluster.terraform_data.cluster",)
    outputs = terraform.outputs()
    assert outputs["endpoint"].value == "https://eu17"
    assert outputs["ca_certificate"].value == SECRET
    assert SECRET not in repr(outputs)
    assert terraform.plan(plan).empty

    renamed = instance(tmp_path, module, name="eu18")
    assert renamed.plan(plan).addresses("replace") == ("module.cluster.terraform_data.cluster",)
    assert renamed.destroy().addresses("delete") == ("module.cluster.terraform_data.cluster",)
    assert not renamed.state_list()


@pytest.mark.real
def test_no_file_but_state_and_plan_holds_the_secret_and_those_are_private(tmp_path: Path, module: Path) -> None:
    terraform = instance(tmp_path, module)
    terraform.init()
    terraform.plan(terraform.folder / "run.tfplan")
    terraform.apply(terraform.folder / "run.tfplan")
    private = {"terraform.tfstate", "run.tfplan"}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name not in private:
            assert SECRET not in path.read_text(errors="replace"), path
    for name in (*private, "main.tf.json"):
        assert stat.S_IMODE((terraform.folder / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(terraform.folder.stat().st_mode) == 0o700


@pytest.mark.real
def test_values_reach_the_module_as_they_are(tmp_path: Path, module: Path) -> None:
    terraform = instance(tmp_path, module, name="${path.module} %{if true}")
    terraform.init()
    terraform.plan(terraform.folder / "run.tfplan")
    terraform.apply(terraform.folder / "run.tfplan")
    assert terraform.outputs()["endpoint"].value == "https://${path.module} %{if true}"


@pytest.mark.real
def test_a_stale_plan_is_told_apart(tmp_path: Path, module: Path) -> None:
    terraform = instance(tmp_path, module)
    terraform.init()
    terraform.plan(terraform.folder / "a.tfplan")
    terraform.plan(terraform.folder / "b.tfplan")
    terraform.apply(terraform.folder / "a.tfplan")
    with pytest.raises(StaleTerraformPlanError, match="Plan again"):
        terraform.apply(terraform.folder / "b.tfplan")


@pytest.mark.real
def test_a_fault_is_told_in_terraforms_words_with_its_place(tmp_path: Path, module: Path) -> None:
    (module / "main.tf").write_text(MODULE + '\noutput "wrong" {\n  value = var.nowhere\n}\n')
    terraform = instance(tmp_path, module)
    terraform.init()
    with pytest.raises(TerraformError, match=r"Reference to undeclared input variable.*\(main\.tf:\d+\)") as caught:
        terraform.plan(terraform.folder / "run.tfplan")
    assert not caught.value.transient


@pytest.mark.real
def test_cancelling_ends_terraform_and_keeps_its_state(tmp_path: Path, module: Path) -> None:
    terraform = instance(tmp_path, module, pause=30)
    terraform.init()
    terraform.plan(terraform.folder / "run.tfplan")
    cancelled = threading.Event()
    told: list[str] = []

    def progress(text: str) -> None:
        told.append(text)
        if "sleep" in text:
            cancelled.set()

    stoppable = Terraform(
        terraform.program,
        terraform.folder,
        terraform.env,
        terraform.plugin_cache,
        on_progress=progress,
        cancelled=cancelled,
    )
    began = time.monotonic()
    with pytest.raises(CancelledError):
        stoppable.apply(terraform.folder / "run.tfplan")
    assert time.monotonic() - began < 15
    assert "creating module.cluster.terraform_data.cluster" in told
    assert terraform.state_list() == ("module.cluster.terraform_data.cluster",)
    assert not [child for child in psutil.Process().children(recursive=True) if "terraform" in child.name()]


@pytest.mark.real
def test_a_locked_state_may_pass(tmp_path: Path, module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ws_deployment.clients.terraform._LOCK_TIMEOUT", 0)
    terraform = instance(tmp_path, module, pause=3)
    terraform.init()
    plan = terraform.folder / "run.tfplan"
    terraform.plan(plan)
    working = threading.Event()
    holder = Terraform(
        terraform.program,
        terraform.folder,
        terraform.env,
        terraform.plugin_cache,
        on_progress=lambda text: working.set() if "sleep" in text else None,
    )
    applying = threading.Thread(target=holder.apply, args=(plan,))
    applying.start()
    try:
        assert working.wait(20)
        with pytest.raises(TransientTerraformError, match="state lock"):
            terraform.plan(terraform.folder / "other.tfplan")
    finally:
        applying.join()


@pytest.mark.parametrize(
    ("text", "transient"),
    [
        ("Error acquiring the state lock", True),
        ("googleapi: Error 429: Quota exceeded for quota metric", True),
        ("googleapi: Error 503: The service is currently unavailable", True),
        ("dial tcp 10.0.0.1:443: connect: connection refused", True),
        ("googleapi: Error 403: Required 'container.clusters.create' permission", False),
        ('Unsupported argument: An argument named "port" is not expected here.', False),
        ("Error 400: Insufficient regional quota to satisfy request: resource CPUS", False),
        ("Invalid value: subnet 10.5.0.0/16 (429 addresses) overlaps", False),
    ],
)
def test_errors_that_may_pass(text: str, transient: bool) -> None:
    assert Diagnostic("error", text).transient is transient


def test_a_folder_without_a_module_is_the_configs_fault(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no \.tf file"):
        write_instance(tmp_path / "instance", tmp_path, {})


def test_a_module_that_needs_its_neighbours_is_used_where_it_stands(tmp_path: Path) -> None:
    module = tmp_path / "modules" / "gke"
    module.mkdir(parents=True)
    (module / "main.tf").write_text('module "network" {\n  source = "../network"\n}\n')
    write_instance(tmp_path / "instance", module, {})
    assert str(module) in (tmp_path / "instance" / "main.tf.json").read_text()
