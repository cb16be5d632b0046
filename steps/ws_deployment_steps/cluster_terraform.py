"""Terraform for one cluster: what it would make, kept where a plan is saved, and making it.

A plan is made in a folder of its own against an empty state, or the backend's. What is saved there is carried out
later in the cluster's instance, and nothing else is.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ws_deployment.errors import MissingToolError, RefusedError, UsageError, WsDeploymentError
from ws_deployment.fleet.folders import instance_folder
from ws_deployment.interfaces import IClusterType, NotYetError, StepContext, TerraformModule
from ws_deployment_steps import terraform_backend
from ws_deployment_steps.sources import located

if TYPE_CHECKING:
    from ws_deployment.clients.terraform import Terraform
    from ws_deployment.clients.terraform_plan import PlanSummary

#: Terraform's plan, in the instance's folder and in that of a saved plan.
PLAN_FILE = "cluster.tfplan"
#: What it would change, for showing it again without Terraform.
SUMMARY_FILE = "summary.json"
#: Says whose an instance is, and which program wrote its state.
_OWNER_FILE = "owner.json"
#: Says which run has begun to carry out the saved plan in an instance.
_BEGUN_FILE = "applying.json"
#: What `init` makes: providers lie in the cache, and their lock is kept.
_OF_INIT = ".terraform"


def program(context: StepContext) -> Path:
    """The Terraform or OpenTofu to use. Raises MissingToolError."""
    from ws_deployment.tools.find import find  # noqa: PLC0415  loaded when used

    named = context.terraform.program
    if named and (path := shutil.which(Path(named).expanduser())):
        return Path(path)
    if not named and (found := find("terraform")):
        return found.path
    raise MissingToolError(
        "finding",
        on=named or "terraform or tofu",
        why=f"no fitting {named or 'terraform or tofu'} is here",
        remedy="Install Terraform or OpenTofu, 1.6 or newer.",
    )


def fingerprint(context: StepContext, module: TerraformModule) -> dict[str, str]:
    """What the plan stands on: program, module, inputs, backend, and the state that is there."""
    from ws_deployment.clients.terraform import terraform_version  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.digest import digest_of  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.files import read_json  # noqa: PLC0415  loaded when used

    state = read_json(instance_folder(context.folder) / "terraform.tfstate")
    found = {
        "Terraform module": digest_of(_source(context, module)),
        "Terraform state": f"serial {state['serial']} of {state['lineage']}" if state else "none",
        **{f"input {name}": json.dumps(value, default=str) for name, value in _inputs(context, module).items()},
    }
    try:
        found["Terraform program"] = terraform_version(str(program(context)))
    except MissingToolError:
        return found  # a check tells it
    return found


def foreseen(context: StepContext, module: TerraformModule) -> PlanSummary:
    """What Terraform would change: as saved, or planned in a folder apart. Raises WsDeploymentError where it can't."""
    from ws_deployment.tools.files import write_json  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import private_folder  # noqa: PLC0415  loaded when used

    if saved := _saved(context):
        return _summary(saved)
    if not context.dry_run:
        raise NotYetError("planning", why="Terraform plans them when their time comes")
    folder = private_folder(context.saved or context.scratch / "terraform" / context.cluster.name)
    backend = terraform_backend.settings(context) if context.saved else None
    try:
        terraform = _instance(context, module, folder, backend)
        terraform.init()
        summary = terraform.plan(folder / PLAN_FILE)
        write_json(folder / SUMMARY_FILE, summary.as_json())
    except WsDeploymentError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder / _OF_INIT, ignore_errors=True)
    return summary


def make(context: StepContext, module: TerraformModule, kind: IClusterType) -> dict[str, Any]:
    """Make the cluster, by the saved plan where there is one; what it hands on.

    Raises RefusedError where a saved plan no longer fits.
    """
    from ws_deployment.clients.terraform import StaleTerraformPlanError  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.files import read_json  # noqa: PLC0415  loaded when used

    folder = instance_folder(context.folder)
    if saved := _saved(context):
        terraform = _carry_out_saved(context, module, folder, saved)
    else:
        refuse_switch(context, (read_json(folder / _OWNER_FILE) or {}).get("terraform"))
        terraform = _instance(context, module, folder, terraform_backend.settings(context))
        _own(context, folder, terraform.version)
        terraform.init()
        summary = terraform.plan(folder / PLAN_FILE)
        context.progress(f"Terraform: {summary}")
        if not summary.empty:
            try:
                terraform.apply(folder / PLAN_FILE)
            except StaleTerraformPlanError:
                terraform.plan(folder / PLAN_FILE)
                terraform.apply(folder / PLAN_FILE)
    outputs = terraform.outputs()
    kind.reached(context, {name: output.value for name, output in outputs.items()})
    return {
        "terraform": terraform.version,
        "folder": str(folder),
        **{name: output.value for name, output in outputs.items() if not output.sensitive},
    }


def reach(context: StepContext, module: TerraformModule, kind: IClusterType, made_by: str) -> None:
    """Read the state of a cluster that another machine made, and give its outputs to the cluster's type."""
    refuse_switch(context, made_by)
    terraform = _instance(context, module, instance_folder(context.folder), terraform_backend.settings(context))
    _own(context, terraform.folder, made_by)
    terraform.init()
    kind.reached(context, {name: output.value for name, output in terraform.outputs().items()})


def refuse_switch(context: StepContext, made_by: str | None) -> None:
    """Refuse another program, or an older one, than wrote the state: terraform and tofu don't read each other's."""
    from ws_deployment.clients.terraform import terraform_version  # noqa: PLC0415  loaded when used

    here = terraform_version(str(program(context)))
    if not made_by or (_version(made_by) <= _version(here) and made_by.split()[0] == here.split()[0]):
        return
    raise RefusedError(
        "touching the Terraform state of",
        on=context.cluster.name,
        why=f"{made_by} wrote it, and {here} is here",
        remedy=f"Install {made_by} or a newer one of it, or name it in `terraform.program`.",
    )


def _version(named: str) -> tuple[int, ...]:
    """The numbers of `terraform 1.11.4`."""
    return tuple(int(part) for part in re.findall(r"\d+", named)[:3])


def _carry_out_saved(context: StepContext, module: TerraformModule, folder: Path, saved: Path) -> Terraform:
    """Apply the saved plan; when this run has begun with it before, what is left of it."""
    from ws_deployment.clients.terraform import StaleTerraformPlanError  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.files import read_json, write_json  # noqa: PLC0415  loaded when used

    planned = _summary(saved)
    environment = {f"TF_VAR_{name}": value for name, value in _secrets(context, module).items()}
    terraform = _terraform(context, module, folder, environment)
    if planned.made_by != terraform.version:
        raise _stale(context, f"{planned.made_by} made it, and {terraform.version} is here")
    begun = {"run": context.run_id}
    if read_json(folder / _BEGUN_FILE) == begun:
        terraform.init()
        left = terraform.plan(folder / PLAN_FILE)
        if more := _outside(planned, left):
            raise _stale(context, f"to finish it, {', '.join(more)} would be needed too")
        context.progress(f"Terraform, going on with the saved plan: {left}")
        if not left.empty:
            terraform.apply(folder / PLAN_FILE)
        return terraform
    shutil.copytree(saved, folder, dirs_exist_ok=True)
    folder.chmod(0o700)
    _own(context, folder, terraform.version)
    terraform.init()
    write_json(folder / _BEGUN_FILE, begun)
    context.progress(f"Terraform, by the saved plan: {planned}")
    try:
        terraform.apply(folder / PLAN_FILE)
    except StaleTerraformPlanError as error:
        (folder / _BEGUN_FILE).unlink()
        raise _stale(context, error.why) from error
    return terraform


def _outside(planned: PlanSummary, left: PlanSummary) -> list[str]:
    """Changes that are no part of finishing the plan. What was made by half is made anew or mended."""
    known = {change.address: change.action for change in planned.changes}
    repairs = {"create": {"create", "update", "replace"}, "replace": {"create", "update", "replace"}}
    return [
        str(change)
        for change in left.changes
        if change.address not in known
        or change.action not in repairs.get(known[change.address], {known[change.address]})
    ]


def _stale(context: StepContext, why: str) -> RefusedError:
    return RefusedError(
        "applying the saved Terraform plan of",
        on=context.cluster.name,
        why=why,
        remedy="Plan again, review the new plan, and apply that.",
    )


def _saved(context: StepContext) -> Path | None:
    """The folder with a saved plan, once it is made."""
    return context.saved if context.saved and (context.saved / SUMMARY_FILE).exists() else None


def _summary(saved: Path) -> PlanSummary:
    from ws_deployment.clients.terraform_plan import PlanSummary  # noqa: PLC0415  loaded when used

    return PlanSummary.from_json(json.loads((saved / SUMMARY_FILE).read_text(encoding="utf-8")))


def _own(context: StepContext, folder: Path, made_by: str) -> None:
    from ws_deployment.tools.files import write_json  # noqa: PLC0415  loaded when used

    write_json(folder / _OWNER_FILE, {"run": context.run_id, "fleet": context.fleet.name, "terraform": made_by})


def _instance(
    context: StepContext, module: TerraformModule, folder: Path, backend: Mapping[str, Mapping[str, Any]] | None
) -> Terraform:
    """Write the instance, and Terraform in it."""
    from ws_deployment.clients.terraform_instance import write_instance  # noqa: PLC0415  loaded when used

    environment = write_instance(
        folder,
        _source(context, module),
        _inputs(context, module),
        secrets=_secrets(context, module),
        backend=backend,
    )
    return _terraform(context, module, folder, environment)


def _terraform(
    context: StepContext, module: TerraformModule, folder: Path, environment: Mapping[str, str]
) -> Terraform:
    from ws_deployment.clients.terraform import Terraform  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import cache_home  # noqa: PLC0415  loaded when used

    return Terraform(
        program(context),
        folder,
        {**module.environment, **environment},
        cache_home() / "terraform-plugins",
        log=None if context.dry_run else context.output,
        on_progress=context.progress,
        cancelled=context.cancelled,
        timeout=max(context.deadline - time.monotonic(), 1.0),
    )


def _inputs(context: StepContext, module: TerraformModule) -> dict[str, Any]:
    return {**module.variables, **context.terraform.variables}


def _secrets(context: StepContext, module: TerraformModule) -> dict[str, str]:
    own = {name: context.secret(reference) for name, reference in context.terraform.secret_variables.items()}
    return {**module.secret_variables, **own}


def _source(context: StepContext, module: TerraformModule) -> Path:
    """Folder of the module: the config's word, else the type's own."""
    path = located(context.terraform.source or module.source, context)
    if path.is_dir():
        return path
    why = "there is no such folder"
    raise UsageError("reading the Terraform module", on=str(path), why=why, remedy="Check terraform.source.")
