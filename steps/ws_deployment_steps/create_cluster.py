"""create-cluster: makes the cluster, by its type's Terraform module or by the type itself, and waits for its nodes."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from ws_deployment.errors import CancelledError, MissingToolError, WsDeploymentError
from ws_deployment.fleet.folders import instance_folder
from ws_deployment.interfaces import (
    Change,
    Decision,
    IClusterType,
    IPreRun,
    IStep,
    NotYetError,
    Outputs,
    Parameters,
    PreRun,
    StepContext,
    StepPlan,
    SubTask,
    TerraformModule,
    Undo,
    Verdict,
)
from ws_deployment_steps import cluster_terraform, removal, terraform_backend
from ws_deployment_steps.sources import local_inputs

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube


class CreateClusterParameters(Parameters):
    """What create-cluster takes."""

    nodes_ready: int = Field(default=1, ge=0, description="How many nodes must be ready at least.")


class CreateCluster(IStep[CreateClusterParameters]):
    """Make the cluster unless `create: false` says that it is there."""

    summary = "Create the cluster, by Terraform or by its type, and wait for its nodes."
    parameters_model = CreateClusterParameters

    def taken_names(self, context: StepContext) -> frozenset[str]:
        """Cloud names that exist, as the types of the fleet's clusters know them."""
        types = {cluster.type for cluster in context.fleet.workspace_clusters if cluster.create}
        names = [context.cluster_type(name).taken_names(context.fleet) for name in sorted(types)]
        return frozenset().union(*names)

    def inputs(self, context: StepContext) -> Sequence[Path]:
        """The config's own Terraform module, where it is a folder."""
        return local_inputs([context.terraform.source] if context.terraform.source else [], context)

    def pre_runs(self) -> Sequence[IPreRun]:
        """Is it to be made, can it be made, and is no other's work in the way."""
        return (
            PreRun("wanted", _wanted),
            PreRun("cluster type", lambda context: context.cluster_type(context.cluster.type).check(context)),
            PreRun("terraform", _terraform_there),
            PreRun("terraform backend", _backend_is_shared),
            PreRun("terraform folder", _folder_is_ours),
        )

    def plan(self, context: StepContext) -> StepPlan:
        """What would be made, resource by resource where Terraform can plan from here, else with which inputs."""
        cluster = context.cluster
        kind = context.cluster_type(cluster.type)
        preview = (f"{cluster.type} is a preview: {kind.preview}",) if kind.preview else ()
        module = kind.terraform(context)
        if module is None:
            return StepPlan(f"create {cluster.name} ({cluster.type})", Change.CREATE, unknown=preview)
        listing, unknown = _resources(context, kind, module)
        return StepPlan(
            f"create {cluster.name} ({cluster.type}, {cluster.region}) by Terraform",
            Change.CREATE,
            diff=listing,
            unknown=(*preview, *unknown),
            fingerprint=cluster_terraform.fingerprint(context, module),
            removal=f"terraform -chdir={shlex.quote(str(instance_folder(context.folder)))} destroy",
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:  # noqa: ARG002  there is one
        """Make the cluster, or finish what an attempt of this run began."""
        cluster = context.cluster
        kind = context.cluster_type(cluster.type)
        module = kind.terraform(context)
        made = dict(kind.create(context)) if module is None else cluster_terraform.make(context, module, kind)
        kubeconfig = kind.kubeconfig(context)
        return {**made, "name": cluster.name, "kubeconfig": str(kubeconfig)}

    def verify(self, context: StepContext) -> None:
        """The API answers and nodes are ready."""
        from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy
        from ws_deployment.clients.waiting import wait_until_ready  # noqa: PLC0415  loaded when used

        kube = connect(context.kubeconfig(), context.cluster.context)
        wait_until_ready(
            "waiting for the nodes of",
            lambda: _nodes_missing(kube, self.parameters.nodes_ready),
            on=context.cluster.name,
            deadline=max(context.deadline, time.monotonic() + 1),
            cancelled=context.cancelled,
            progress=context.progress,
        )

    def reach(self, context: StepContext, made: Outputs) -> None:
        """Read the outputs of Terraform's state, for what the cluster's type needs of them."""
        kind = context.cluster_type(context.cluster.type)
        module = kind.terraform(context) if "terraform" in made else None
        if module is not None:
            cluster_terraform.reach(context, module, kind, str(made["terraform"]))

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """Keep what was made; with `destroy` remove it, unless it is in use."""
        return removal.plan(context, undo)

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:  # noqa: ARG002  there is one
        """Remove the cluster, or what an attempt has left of it."""
        by_terraform = context.cluster_type(context.cluster.type).terraform(context) is not None
        removal.carry_out(context, undo, cluster_terraform.program(context) if by_terraform else None)

    def verify_rollback(self, context: StepContext, undo: Undo) -> None:
        """Nothing is left of what was removed."""
        removal.verify(context, undo)


def _resources(context: StepContext, kind: IClusterType, module: TerraformModule) -> tuple[str, tuple[str, ...]]:
    """What Terraform would make, and what of it can't be known from here: without credentials it is not asked."""
    inputs = "\n".join(f"{key} = {json.dumps(value, default=str)}" for key, value in module.variables.items())
    try:
        if context.dry_run and not kind.plans_offline and (seen := kind.check(context)).decision is Decision.DEFERRED:
            raise NotYetError("planning", why=seen.reason)
        return cluster_terraform.foreseen(context, module).diff(), ()
    except CancelledError:
        raise
    except WsDeploymentError as error:
        return f"module {module.source}\n{inputs}", (f"the resources: {error.why}",)


def _wanted(context: StepContext) -> Verdict:
    if context.cluster.create:
        return Verdict.proceed()
    return Verdict.skip(f"create: false: {context.cluster.name} exists and is not ours to make")


def _terraform_there(context: StepContext) -> Verdict:
    if context.cluster_type(context.cluster.type).terraform(context) is None:
        return Verdict.proceed("not made by Terraform")
    try:
        return Verdict.proceed(str(cluster_terraform.program(context)))
    except MissingToolError as error:
        return context.missing(error.why, error.remedy)


def _backend_is_shared(context: StepContext) -> Verdict:
    """A worker elsewhere must be able to reach and remove what this machine makes."""
    if not context.shared or context.cluster_type(context.cluster.type).terraform(context) is None:
        return Verdict.proceed()
    if backend := context.terraform.backend:
        terraform_backend.settings(context)
        if "local" not in backend:
            return Verdict.proceed(f"kept by the backend {next(iter(backend))}")
    return Verdict.refuse(
        "Terraform's state would be kept on one machine alone, and the run's state is shared",
        "Name a remote backend in `terraform.backend`; the database itself will do: {pg: {}}, with PG_CONN_STR set.",
    )


def _folder_is_ours(context: StepContext) -> Verdict:
    """A folder that another run left may hold the state of a cluster that still exists."""
    owner = _owner(context)
    if owner in {None, context.run_id}:
        return Verdict.proceed()
    folder = instance_folder(context.folder)
    return Verdict.refuse(
        f"{folder} belongs to run {owner}",
        f"Use another --cluster-id; or, when that cluster is not needed: terraform -chdir={folder} destroy, "
        f"then remove the folder.",
    )


def _owner(context: StepContext) -> str | None:
    try:
        return str(json.loads((instance_folder(context.folder) / "owner.json").read_text(encoding="utf-8"))["run"])
    except FileNotFoundError:
        return None


def _nodes_missing(kube: Kube, wanted: int) -> str:
    nodes = kube.nodes()
    ready = [node for node in nodes if node.ready]
    if len(ready) >= max(wanted, 0) and len(ready) == len(nodes):
        return ""
    waiting = next((f"; {node.name}: {node.reason}" for node in nodes if not node.ready), "")
    return f"{len(ready)} of {max(wanted, len(nodes))} nodes ready{waiting}"
