"""How the steps of an upgrade come to the management cluster, to the releases, and to the plan that was made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import NotYetError, Parameters, StepContext
from ws_deployment.releases import marks
from ws_deployment.releases.plan import UpgradePlan
from ws_deployment_steps.placeholders import fill
from ws_deployment_steps.sources import local_inputs, located

if TYPE_CHECKING:
    from ws_deployment.releases.gathering import Management

#: Keys of what upgrade-diff hands on.
PLAN = "plan"


class ManagementAccess(Parameters):
    """Where a cluster's Cluster API resources are, and the releases."""

    kubeconfig: str | None = Field(
        default=None, description="Kubeconfig of the management cluster; default: as kubectl does."
    )
    context: str | None = Field(default=None, description="The kubeconfig's context.")
    namespace: str = Field(default="default", description="Namespace of the Cluster.")
    cluster: str = Field(
        default="${cluster.name}", description="Name of the Cluster; default: the workspace cluster's name."
    )
    releases: str | None = Field(
        default=None, description="A folder with one folder a release; default: the management cluster's ConfigMaps."
    )
    label: str = Field(default=marks.RELEASE, description="The label of a Cluster with its release.")


class OnManagement(Parameters):
    """Parameters of a step that works at a management cluster."""

    management: ManagementAccess = Field(default=ManagementAccess(), description="Where the cluster is managed.")


class AfterDiff(OnManagement):
    """Parameters of a step that goes on with what upgrade-diff has found."""

    diff: str = Field(default="upgrade-diff", description="Name of the upgrade-diff whose plan it is about.")


def inputs(given: ManagementAccess, context: StepContext, *more: str | None) -> tuple[Path, ...]:
    """The files and folders that are read, the kubeconfig excepted."""
    return local_inputs((one for one in (given.releases, *more) if one), context)


def cluster_name(given: ManagementAccess, context: StepContext) -> str:
    """The name of the Cluster."""
    return str(fill(given.cluster, context.cluster))


def management(given: ManagementAccess, context: StepContext) -> Management:
    """The management cluster with the releases. Raises UsageError, KubeError, TransientKubeError."""
    from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy
    from ws_deployment.releases.gathering import Management  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.loader import load_catalogue, load_config_maps  # noqa: PLC0415  likewise

    # The library joins several files that the variable names.
    default = Path(os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
    file = context.config_folder / Path(given.kubeconfig).expanduser() if given.kubeconfig else default
    kube = connect(file, given.context)
    if given.releases:
        catalogue = load_catalogue(located(given.releases, context))
    else:
        maps = kube.list("v1", "ConfigMap", selector={marks.RELEASE: ()})
        catalogue = load_config_maps(maps, "the management cluster's ConfigMaps")
    return Management(kube, catalogue, given.label)


def plan_made(given: AfterDiff, context: StepContext) -> UpgradePlan:
    """The plan that upgrade-diff has made of the context's cluster. Raises NotYetError before that."""
    handed_on = context.outputs(given.diff)
    if PLAN not in handed_on:
        raise NotYetError(
            "looking for the upgrade of",
            on=context.cluster.short_name,
            why=f"{given.diff} has not run for it",
            remedy=f"Put a step `upgrade-diff` before it, or name that by `diff`; it is `{given.diff}` now.",
        )
    return read_plan(handed_on[PLAN], context)


def plan_so_far(given: AfterDiff, context: StepContext) -> UpgradePlan | None:
    """The same; None in a dry run, which comes before upgrade-diff."""
    try:
        return plan_made(given, context)
    except NotYetError:
        if not context.dry_run:
            raise
        return None


def read_plan(data: object, context: StepContext) -> UpgradePlan:
    """A plan that was journaled. Raises WsDeploymentError for what this program can't read."""
    try:
        return UpgradePlan.from_json(data)  # type: ignore[arg-type]  # anything else is told below
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WsDeploymentError(
            "reading the upgrade of",
            on=context.cluster.short_name,
            why=f"the journal has it otherwise: {error}",
            remedy="Begin a new run: it plans anew.",
        ) from error


def objects(found: Management, plan: UpgradePlan) -> Sequence[dict[str, object]]:
    """The cluster of a plan, with all objects of the kinds that its releases know, and those of the plan."""
    from ws_deployment.releases.applying import live_of  # noqa: PLC0415  loaded when used

    cluster = found.cluster(plan.cluster, plan.namespace)
    known = [found.catalogue.get(version) for version in dict.fromkeys((plan.to_version, plan.from_version))]
    (read,) = found.with_objects([cluster], known)
    every = [dict(one) for one in read.objects]
    there = {(one["kind"], one["metadata"]["name"]) for one in every}
    others = [live_of(found, planned) for planned in plan.objects if (planned.kind, planned.name) not in there]
    return [*every, *(dict(live) for live in others if live is not None)]
