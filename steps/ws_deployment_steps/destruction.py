"""Destroys a cluster that is retired: by Terraform's saved plan, looked at before it is carried out, or by its type.

That nobody works on it and that it may go is the caller's concern.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from ws_deployment.errors import RefusedError
from ws_deployment.fleet.folders import instance_folder
from ws_deployment.interfaces import StepContext
from ws_deployment_steps import cluster_terraform, removal

if TYPE_CHECKING:
    from ws_deployment.clients.terraform import Terraform
    from ws_deployment.clients.terraform_plan import PlanSummary

#: The saved destroy plan, in the cluster's Terraform instance.
PLAN_FILE = "destroy.tfplan"
#: What every resource of an instance's one module begins with.
_MODULE = "module.cluster."


def by_terraform(context: StepContext) -> bool:
    """Whether Terraform made the context's cluster."""
    return context.cluster_type(context.cluster.type).terraform(context) is not None


def check_program(context: StepContext) -> None:
    """Raise MissingToolError, or RefusedError where this machine's Terraform can't read the cluster's state."""
    from ws_deployment.tools.files import read_json  # noqa: PLC0415  loaded when used

    if by_terraform(context):
        owner = read_json(instance_folder(context.folder) / "owner.json") or {}
        cluster_terraform.program(context)
        cluster_terraform.refuse_switch(context, owner.get("terraform"))


def plan(context: StepContext) -> tuple[str, ...]:
    """Save the destroy plan, and tell the addresses that it destroys; none where the cluster is gone.

    Raises RefusedError where it would touch anything but this cluster's resources.
    """
    terraform = _terraform(context)
    if terraform is None:
        return ()
    terraform.init()
    return tuple(change.address for change in _planned(context, terraform).changes)


def carry_out(context: StepContext) -> None:
    """Destroy the cluster by the saved plan, and its folder; what a killed attempt has left is planned anew."""
    from ws_deployment.clients.terraform import StaleTerraformPlanError  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.files import write_json  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import private_folder  # noqa: PLC0415  loaded when used

    write_json(private_folder(context.folder) / removal.BEGUN, {"run": context.run_id})
    terraform = _terraform(context)
    if terraform:
        saved = terraform.folder / PLAN_FILE
        terraform.init()
        try:
            if saved.exists():
                terraform.apply(saved)
        except StaleTerraformPlanError as error:
            context.progress(f"Terraform: what is left is planned anew: {error.why}")
        if terraform.state_list() and not _planned(context, terraform).empty:
            terraform.apply(saved)
        saved.unlink(missing_ok=True)
        removal.drop_instance(context, terraform)
    elif not by_terraform(context):
        context.cluster_type(context.cluster.type).destroy(context)
    shutil.rmtree(context.folder)


def begun(context: StepContext) -> bool:
    """Whether the destruction has begun: nobody worked on the cluster then, and it need not answer any more."""
    return (context.folder / removal.BEGUN).exists()


def _planned(context: StepContext, terraform: Terraform) -> PlanSummary:
    summary = terraform.plan_destroy(terraform.folder / PLAN_FILE)
    if wrong := [*_not_its(context, summary)]:
        (terraform.folder / PLAN_FILE).unlink()
        raise RefusedError(
            "planning the destruction of",
            on=context.cluster.name,
            why=f"Terraform would do more than destroy this cluster: {', '.join(wrong)}",
            remedy=f"Nothing was destroyed. Look at its state: terraform -chdir={terraform.folder} state list",
        )
    context.progress(f"Terraform: {summary}")
    return summary


def _not_its(context: StepContext, summary: PlanSummary) -> list[str]:
    """What a destroy plan of this cluster can't have: no deletion, nothing of its module, or another cluster's name."""
    siblings = {json.dumps(each.name) for each in context.fleet.workspace_clusters} - {json.dumps(context.cluster.name)}
    wrong = []
    for change in summary.changes:
        foreign = sorted({leaf.before for leaf in change.attributes} & siblings)
        if change.action != "delete" or not change.address.startswith(_MODULE):
            wrong.append(str(change))
        elif foreign:
            wrong.append(f"{change}, which names {', '.join(foreign)}")
    return wrong


def _terraform(context: StepContext) -> Terraform | None:
    """Terraform in the cluster's instance; None for a type without it, and where nothing is left of the cluster."""
    module = context.cluster_type(context.cluster.type).terraform(context)
    if module is None or not (instance_folder(context.folder).exists() or context.terraform.backend):
        return None
    return removal.as_made(context, module, cluster_terraform.program(context))
