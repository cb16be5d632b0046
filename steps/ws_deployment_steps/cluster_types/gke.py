"""The cluster type `gke`: clusters on Google Kubernetes Engine, made by the module terraform/gke."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ws_deployment.config.v1 import Project
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import Finding, Fleet, IClusterType, NotYetError, StepContext, TerraformModule, Verdict
from ws_deployment.tools.bundled import bundled
from ws_deployment_steps.cluster_types.kept import kubeconfig_path

if TYPE_CHECKING:
    from ws_deployment.clients.gke import Gke
    from ws_deployment.clients.gke import GkeCluster as Found
    from ws_deployment.clients.google_project import GoogleProject, Quota

#: Labels of the module by which a cluster says whose it is (terraform/gke/cluster.tf).
RUN_LABEL = "ws-deployment-run"
FLEET_LABEL = "ws-deployment-fleet"

#: What the module's default node pools take at once: one node in each of three zones, three pools.
_NEEDED = {"N2D_CPUS": 3 * (4 + 8 + 8), "SSD_TOTAL_GB": 3 * (100 + 512 + 512)}
_LONGEST_LABEL = 63

#: What making and removing a cluster asks of whoever runs Terraform, one per kind of thing (docs/gke.md).
PERMISSIONS = (
    "compute.networks.create",
    "compute.regions.get",
    "compute.routers.create",
    "compute.subnetworks.create",
    "container.clusters.create",
    "container.clusters.delete",
    "container.clusters.list",
    "container.operations.list",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.create",
    "resourcemanager.projects.setIamPolicy",
)
APIS = ("compute.googleapis.com", "container.googleapis.com", "iam.googleapis.com")


class GkeCluster(IClusterType):
    """A cluster with a network, identities and node pools of its own."""

    summary: ClassVar[str] = "a cluster on Google Kubernetes Engine, made by Terraform"
    preview: ClassVar[str] = (
        "tested against doubles of Google's API and of the Terraform provider; not yet proven on Google Cloud "
        "(docs/gke.md says how to prove it)"
    )

    def check(self, context: StepContext) -> Verdict:
        """Credentials can be read, the name is free or this run's, and the quota holds what the node pools need."""
        gke = _gke(context.fleet.project)
        try:
            found = gke.find(context.cluster.name, context.cluster.region)
        except WsDeploymentError as error:
            if error.transient and not context.dry_run:
                raise
            return context.missing(error.why, error.remedy or "See `ws-deployment doctor`.")
        if found:
            return _whose(found, context)
        try:
            lacking = _lacking(_project(context.fleet.project).quotas(context.cluster.region))
        except WsDeploymentError as error:
            return Verdict.proceed(f"the name is free; the quota could not be read: {error.why}")
        if lacking:
            return Verdict.refuse(
                f"the quota of {context.cluster.region} is too small: {lacking}",
                "Ask Google for more (IAM & Admin, Quotas), remove clusters, or set smaller `node_pools`.",
            )
        return Verdict.proceed("the name is free, the quota suffices")

    def terraform(self, context: StepContext) -> TerraformModule:
        """The module terraform/gke, with what the config says of the project."""
        cluster, project = context.cluster, context.fleet.project
        variables = {
            "name": cluster.name,
            "region": cluster.region,
            "labels": {label(key): label(value) for key, value in cluster.labels.items()},
            "run_id": label(context.run_id),
            "fleet": label(context.fleet.name),
            "project": project.id,
            "short_name": cluster.short_name,
            "network": project.network,
            "bucket": project.bucket,
            "domain": f"ws-{cluster.short_name}.{project.dns_zone}" if project.dns_zone else None,
        }
        # A path, not a token: the provider mints its own, for as long as an apply lasts.
        file = _credentials_file(project)
        environment = {"GOOGLE_CREDENTIALS": str(file)} if file else {}
        return TerraformModule(
            source=str(bundled("terraform/gke")),
            variables={key: value for key, value in variables.items() if value is not None},
            environment=environment,
        )

    def kubeconfig(self, context: StepContext) -> Path:
        """A kubeconfig that mints a fresh token whenever it is used; a dry run keeps none."""
        target = kubeconfig_path(context)
        if target.exists():
            return target
        cluster = context.cluster
        gke = _gke(context.fleet.project)
        try:
            found = gke.find(cluster.name, cluster.region) if context.dry_run else _settled(gke, context)
        except WsDeploymentError as error:
            if not context.dry_run:
                raise
            raise NotYetError("reaching", on=cluster.name, why=error.why, remedy=error.remedy) from error
        if found is None or not found.running:
            status = f"it is {found.status}" if found else "there is no such cluster yet"
            raise NotYetError("reaching", on=cluster.name, why=status)
        gke.write_kubeconfig(found, target)
        return target

    def taken_names(self, fleet: Fleet) -> frozenset[str]:
        """Names of all clusters in the project. Raises NotYetError where Google can't be asked from here."""
        try:
            return frozenset(cluster.name for cluster in _gke(fleet.project).clusters())
        except WsDeploymentError as error:
            raise NotYetError(
                "asking which names are taken in", on=fleet.project.id, why=error.why, remedy=error.remedy
            ) from error

    def diagnose(self, fleet: Fleet) -> Sequence[Finding]:
        """Credentials, permissions, APIs, and the quota of each region that gets a cluster."""
        project = _project(fleet.project)
        regions = sorted({one.region for one in fleet.workspace_clusters if one.type == "gke" and one.create})
        looks: dict[str, Callable[[], Finding]] = {
            "permissions": lambda: _permissions(project),
            "APIs": lambda: _apis(project),
            **{f"quota of {region}": partial(_quota, project, region) for region in regions},
        }
        return [_found(f"{name} in {fleet.project.id}", look) for name, look in looks.items()]


def label(text: str) -> str:
    """`text` as Google takes a label's key or value: at most 63 of lower-case letters, digits, - and _.

    Source: https://cloud.google.com/kubernetes-engine/docs/how-to/creating-managing-labels#requirements
    """
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:_LONGEST_LABEL]


def _settled(gke: Gke, context: StepContext) -> Found | None:
    """The cluster when nothing is done to it any more: Google may still be at what a killed run began."""
    cluster = context.cluster
    return gke.wait_settled(
        cluster.name,
        cluster.region,
        deadline=context.deadline,
        cancelled=context.cancelled,
        progress=context.progress,
    )


def _whose(found: Found, context: StepContext) -> Verdict:
    owner = found.labels.get(RUN_LABEL)
    if owner == label(context.run_id):
        return Verdict.proceed("this run has made it, or began to")
    return Verdict.refuse(
        f"{context.fleet.project.id} has a cluster {found.name} of {f'run {owner}' if owner else 'somebody else'}",
        "Take another --cluster-id, or remove that cluster.",
    )


def _found(subject: str, look: Callable[[], Finding]) -> Finding:
    try:
        found = look()
    except WsDeploymentError as error:
        return Finding(subject, "warning" if error.transient else "fault", error.why, error.remedy)
    return replace(found, subject=subject)


def _permissions(project: GoogleProject) -> Finding:
    if missing := project.missing_permissions(PERMISSIONS):
        return Finding("", "fault", f"missing: {', '.join(missing)}", "Grant the roles that docs/gke.md lists.")
    return Finding("", "ok", f"all {len(PERMISSIONS)} that are needed")


def _apis(project: GoogleProject) -> Finding:
    if disabled := project.disabled_apis(APIS):
        remedy = f"gcloud services enable {' '.join(disabled)} --project {project.project}"
        return Finding("", "fault", f"not enabled: {', '.join(disabled)}", remedy)
    return Finding("", "ok", f"all {len(APIS)} that are needed are enabled")


def _quota(project: GoogleProject, region: str) -> Finding:
    if lacking := _lacking(project.quotas(region)):
        return Finding("", "fault", lacking, "Ask Google for more (IAM & Admin, Quotas), or remove clusters.")
    return Finding("", "ok", "holds what the default node pools of a cluster need")


def _lacking(quotas: Iterable[Quota]) -> str:
    return ", ".join(
        f"{quota.metric} has {quota.free:g} of {quota.limit:g} left, {_NEEDED[quota.metric]} are needed"
        for quota in quotas
        if quota.metric in _NEEDED and quota.free < _NEEDED[quota.metric]
    )


def _gke(project: Project) -> Gke:
    from ws_deployment.clients.gke import Gke  # noqa: PLC0415  loaded when used

    return Gke(project.id, credentials_file=_credentials_file(project))


def _project(project: Project) -> GoogleProject:
    from ws_deployment.clients.google_project import GoogleProject  # noqa: PLC0415  loaded when used

    return GoogleProject(project.id, credentials_file=_credentials_file(project))


def _credentials_file(project: Project) -> Path | None:
    return Path(project.credentials_file).expanduser().resolve() if project.credentials_file else None
