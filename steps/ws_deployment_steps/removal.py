"""Removes the cluster that a run made, by Terraform's saved destroy plan or by its type; never from under people."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.fleet.folders import instance_folder
from ws_deployment.interfaces import (
    Change,
    Decision,
    NotYetError,
    StepContext,
    StepPlan,
    SubTask,
    TerraformModule,
    Undo,
)
from ws_deployment_steps import cluster_terraform, terraform_backend
from ws_deployment_steps.in_use import known_url, refuse_registered, refuse_workspaces
from ws_deployment_steps.sources import located

if TYPE_CHECKING:
    from ws_deployment.clients.terraform import Terraform

#: In the cluster's folder: that nobody was at work on the cluster when its removal began.
BEGUN = "removal.json"


def plan(context: StepContext, undo: Undo) -> StepPlan:
    """Keep the cluster, or with `destroy` remove it. Raises RefusedError while it is in use, or if another run's."""
    cluster = context.cluster
    if not cluster.create:
        return StepPlan(f"keep {cluster.name}: it was there before the run", Change.NONE, subtasks=())
    if not undo.destroy:
        return StepPlan(f"keep {cluster.name}", Change.NONE, subtasks=(), removal=undo.plan.removal)
    module = context.cluster_type(cluster.type).terraform(context)
    if module and not context.terraform.backend and not _left_here(context):
        return StepPlan(f"nothing is left of {cluster.name}", Change.NONE, subtasks=())
    _refuse(context, undo)
    how = "by Terraform" if module else f"by its type, {cluster.type}"
    return StepPlan(
        f"remove {cluster.name} ({cluster.type}) {how}",
        Change.DESTROY,
        subtasks=(SubTask("destroy", f"remove {cluster.name}"),),
    )


def carry_out(context: StepContext, undo: Undo, program: Path | None) -> None:
    """Remove the cluster, or what an attempt that was cut off has left of it; its folder goes with it.

    `program` is Terraform's, None for a type that it does not make.
    """
    from ws_deployment.tools.files import write_json  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import private_folder  # noqa: PLC0415  loaded when used

    cluster = context.cluster
    kind = context.cluster_type(cluster.type)
    module = kind.terraform(context)
    _refuse(context, undo)
    write_json(private_folder(context.folder) / BEGUN, {"run": context.run_id})
    if module is None or program is None:
        kind.destroy(context)
    elif instance_folder(context.folder).exists() or context.terraform.backend:
        cluster_terraform.refuse_switch(context, undo.outputs.get("terraform"))
        terraform = as_made(context, module, program)
        terraform.init()
        context.progress(f"Terraform: {terraform.destroy()}")
        drop_instance(context, terraform)
    shutil.rmtree(context.folder)


def verify(context: StepContext, undo: Undo) -> None:
    """Nothing is left of what was removed, as far as its type can tell."""
    cluster = context.cluster
    if not undo.destroy or not cluster.create:
        return
    try:
        left = cluster.name in context.cluster_type(cluster.type).taken_names(context.fleet)
    except NotYetError:
        left = False
    if left or instance_folder(context.folder).exists():
        raise WsDeploymentError("removing", on=cluster.name, why="there still is something of it")


def _refuse(context: StepContext, undo: Undo) -> None:
    cluster = context.cluster
    owner = _owner(context)
    if owner is None:
        other, remedy = _anothers(context)
    else:
        other = "" if owner == context.run_id else f"{instance_folder(context.folder)} belongs to run {owner}"
        remedy = "It is removed by a rollback of that run alone."
    if other:
        raise RefusedError("removing", on=cluster.name, why=other, remedy=remedy)
    refuse_registered("removing", context, undo.outputs.get("url") or known_url(context))
    refuse_workspaces("removing", context, undo.forced, begun=(context.folder / BEGUN).exists())


def _anothers(context: StepContext) -> tuple[str, str]:
    """Why a cluster of that name is not this run's, and what to do; empty where it is, or where there is none."""
    kind = context.cluster_type(context.cluster.type)
    try:
        if context.cluster.name not in kind.taken_names(context.fleet):
            return "", ""
    except NotYetError:
        pass  # then the check says what it lacks
    verdict = kind.check(context)
    return (verdict.reason, verdict.remedy) if verdict.decision is Decision.REFUSE else ("", "")


def _owner(context: StepContext) -> str | None:
    """The run that made the Terraform instance here; None where there is none, or none has got to owning it."""
    try:
        return str(json.loads((instance_folder(context.folder) / "owner.json").read_text(encoding="utf-8"))["run"])
    except FileNotFoundError:
        return None


def _left_here(context: StepContext) -> bool:
    return context.folder.exists() and any(context.folder.iterdir())


def drop_instance(context: StepContext, terraform: Terraform) -> None:
    """Take away the instance of what was destroyed. Raises WsDeploymentError where its state still has something."""
    if left := terraform.state_list():
        why = f"Terraform's state still has {', '.join(left)}"
        raise WsDeploymentError("removing", on=context.cluster.name, why=why)
    # At once, so that no half of it stands for a cluster that is gone.
    gone = context.folder / "terraform.gone"
    shutil.rmtree(gone, ignore_errors=True)
    instance_folder(context.folder).rename(gone)


def as_made(context: StepContext, module: TerraformModule, program: Path) -> Terraform:
    """The instance as it made the cluster; on a machine without it, it is written again for the backend's state."""
    from ws_deployment.clients.terraform import Terraform  # noqa: PLC0415  loaded when used
    from ws_deployment.clients.terraform_instance import write_instance  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import cache_home  # noqa: PLC0415  loaded when used

    folder = instance_folder(context.folder)
    own = {name: context.secret(reference) for name, reference in context.terraform.secret_variables.items()}
    secrets = {**module.secret_variables, **own}
    if not (folder / "main.tf.json").exists():
        source = located(context.terraform.source or module.source, context)
        variables = {**module.variables, **context.terraform.variables}
        write_instance(folder, source, variables, secrets=secrets, backend=terraform_backend.settings(context))
    return Terraform(
        program,
        folder,
        {**module.environment, **{f"TF_VAR_{name}": value for name, value in secrets.items()}},
        cache_home() / "terraform-plugins",
        log=context.output,
        on_progress=context.progress,
        cancelled=context.cancelled,
        timeout=max(context.deadline - time.monotonic(), 1.0),
    )
