"""Version 1 of the config: the models alone. Reading files and telling faults is the loader's work.

Keys are camelCase in files and snake_case here. Nothing in a model is a secret: secrets come by reference.
"""

# Annotations stand here as they are, not as texts (`from __future__ import annotations`): pydantic would compile each.
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ws_deployment.config.duration import Duration
from ws_deployment.config.model import Model, Name, Prefix, SecretReference, Shorthand
from ws_deployment.config.paths import AnyValue, LocalPath, PathOrName
from ws_deployment.config.prometheus import Prometheus
from ws_deployment.config.waves import Wave

Environment = Literal["staging", "production"]
OnFailure = Literal["stop", "continue", "rollback"]
BridgeApi = Literal["2021", "2026"]
Preferability = Literal["none", "prefer", "dontschedule"]

Percent = Annotated[float, Field(gt=0, le=100)]


class Project(Shorthand):
    """The cloud project that the clusters live in: an object, or its id alone."""

    shorthand = "id"

    id: str = Field(min_length=1, description="The id of the cloud project.")
    credentials_file: LocalPath | None = Field(
        default=None,
        description="Google credentials (a service account's or an external account's file); without it "
        "the application default credentials are used.",
    )
    network: str | None = Field(default=None, description="An existing VPC network; without it one is made a cluster.")
    dns_zone: str | None = Field(default=None, description="DNS zone below which clusters get their host names.")
    bucket: str | None = Field(default=None, description="Bucket for the workload's own storage.")


class TlsFiles(Model):
    """Paths of PEM files for a mutual TLS connection."""

    ca: LocalPath = Field(description="Certificates of the authorities that the server's is checked against.")
    crt: LocalPath | None = Field(default=None, description="The client's certificate; goes with `key`.")
    key: LocalPath | None = Field(default=None, description="The client's private key; goes with `crt`.")

    @model_validator(mode="after")
    def _pair(self) -> "TlsFiles":
        if (self.crt is None) != (self.key is None):
            msg = "`crt` and `key` go together"
            raise ValueError(msg)
        return self


class KubernetesAccess(Model):
    """A namespace of a cluster, by kubeconfig and context. A bridge is reached through it by a port-forward."""

    kubeconfig: LocalPath | None = Field(default=None, description="Path; without it $KUBECONFIG, then ~/.kube/config.")
    context: str | None = Field(default=None, description="Context of that kubeconfig; default: its current one.")
    namespace: str = Field(default="default", description="Namespace that the bridge runs in, or that is written to.")


class Bridge(Model):
    """The meta cluster's ws-manager-bridge: where its ClusterService is, and which generation it speaks."""

    api: BridgeApi = Field(default="2026", description="Generation of the bridge's API.")
    address: str | None = Field(default=None, description="host:port of the bridge's gRPC service.")
    tls: TlsFiles | None = Field(default=None, description="For an address that speaks TLS.")
    kubernetes: KubernetesAccess | None = Field(default=None, description="Reach the bridge by a port-forward.")

    @model_validator(mode="after")
    def _one_way(self) -> "Bridge":
        if self.address and self.kubernetes:
            msg = "give `address` or `kubernetes`, not both"
            raise ValueError(msg)
        if self.tls and not self.address:
            msg = "`tls` needs an `address`"
            raise ValueError(msg)
        return self


class MetaCluster(Model):
    """A control plane that sends users to workspace clusters."""

    name: Name = Field(description="What `governedBy` names.")
    region: str = Field(min_length=1, description="Where it is, for example europe-west1.")
    type: str = Field(default="gke", description="gke, local, existing, or another installed cluster type.")
    bridge: Bridge | None = Field(
        default=None, description="Where its ws-manager-bridge is reached; a run needs it, a dry run does not."
    )
    kubernetes: KubernetesAccess | None = Field(
        default=None,
        description="Where runs keep their lock and the weights before them (a Lease, a ConfigMap); default: the "
        "bridge's. `{}` gives a meta cluster of type `local` a Kubernetes API of its own.",
    )
    prometheus: Prometheus | None = Field(
        default=None, description="Where the metrics of its workspace clusters are asked for; gates need it."
    )


class Hints(Model):
    """Registration hints for the bridge."""

    preferability: Preferability = Field(
        default="none", description="Whether the meta cluster shall prefer it (prefer) or spare it (dontschedule)."
    )


class Governance(Model):
    """One meta cluster that a workspace cluster is registered at."""

    meta: Name = Field(description="Name of the meta cluster.")
    govern: bool = Field(default=True, description="Whether that meta cluster governs it: watches its workspaces.")
    cordoned: bool = Field(default=False, description="Stay cordoned: registered, but given no traffic.")
    hints: Hints | None = Field(default=None, description="Hints for this registration; default: the cluster's.")


class WorkspaceClusterDefaults(Model):
    """What a workspace cluster may say and `defaults.workspaceCluster` may say for all."""

    region: str | None = Field(
        default=None,
        min_length=1,
        description="Where it is made, for example europe-west1. Needed, here or by default.",
    )
    governed_by: Name | tuple[Governance, ...] | None = Field(
        default=None,
        description="A meta cluster's name, or a list when there are several or flags are needed. Needed, here or by "
        "default.",
    )
    type: str | None = Field(
        default=None, description="gke (the default), local, existing, command, or another installed type."
    )
    create: bool | None = Field(
        default=None, description="Default: true. With false the cluster exists under `name`; it is never destroyed."
    )
    values_files: tuple[LocalPath, ...] | None = Field(default=None, description="Helm values files for every release.")
    labels: dict[str, str] | None = Field(
        default=None, description="Labels for what is created; those of the defaults are added."
    )
    hints: Hints | None = Field(default=None, description="Hints for the cluster's registrations.")
    url: str | None = Field(default=None, description="Where the meta cluster reaches it; default from the host name.")
    kubeconfig: LocalPath | None = Field(default=None, description="For `type: existing`.")
    context: str | None = Field(default=None, description="For `type: existing`.")
    command: tuple[PathOrName, ...] | None = Field(
        default=None, min_length=1, description="For `type: command`: the team's own program; JSON in and out."
    )


class WorkspaceCluster(WorkspaceClusterDefaults):
    """A workspace cluster that shall exist after the run."""

    name: Name | None = Field(
        default=None, description="Full name; without it made from environment, prefix, id, region."
    )
    prefix: Prefix = Field(description="Begins its names, before the run's id: `eu` makes eu17. Unique in the config.")
    replaces: tuple[Name, ...] | None = Field(
        default=None,
        description="Short names of the clusters it takes over from; default: available ones of its prefix.",
    )
    capacity: float = Field(
        default=1.0,
        ge=0.01,
        le=100,
        description="Its part of starts beside the run's other clusters: one with 2 takes twice those of one with 1.",
    )


class Retries(Model):
    """Retries of an attempt that failed by an error that may pass: exponential back-off with jitter."""

    attempts: int = Field(default=4, ge=1, le=100, description="Attempts in all, the first included.")
    initial: Duration = Field(default=1.0, gt=0, description="Wait before the second attempt.")
    maximum: Duration = Field(default=30.0, gt=0, description="Longest wait between two attempts.")
    total: Duration = Field(default=600.0, gt=0, description="No new attempt after this time.")


class Timeouts(Model):
    """Time limits of a task's phases."""

    pre_run: Duration = Field(default=60.0, gt=0, description="For all checks before the step.")
    plan: Duration = Field(default=300.0, gt=0, description="For finding out what would change.")
    run: Duration = Field(default=3600.0, gt=0, description="For each attempt.")
    verify: Duration = Field(default=600.0, gt=0, description="For proving that what was done holds.")


class PipelineStep(Shorthand):
    """One step of the pipeline: an object, or the step's name alone."""

    shorthand = "step"

    step: Name = Field(description="An installed step: see `ws-deployment steps list`.")
    name: Name | None = Field(default=None, description="Name of its tasks; needed when a step occurs twice.")
    parameters: dict[str, AnyValue] = Field(
        default_factory=dict, alias="with", description="The step's own parameters."
    )
    retries: Retries | None = Field(default=None, description="Default: `defaults.retries`.")
    timeouts: Timeouts | None = Field(default=None, description="Default: `defaults.timeouts`.")
    only: tuple[Prefix, ...] | None = Field(default=None, description="Prefixes of the clusters that it is for.")


class Terraform(Model):
    """Where the module of created clusters comes from and where its state is kept."""

    source: PathOrName | None = Field(
        default=None, description="A path, or git::URL//folder?ref=REF; default: the built-in module of the type."
    )
    program: PathOrName | None = Field(
        default=None, description="terraform or tofu, or a path; default: what is found."
    )
    backend: dict[str, dict[str, AnyValue]] | None = Field(
        default=None, max_length=1, description="One Terraform backend block, for example {gcs: {bucket: x}}."
    )
    variables: dict[str, AnyValue] = Field(default_factory=dict, description="Extra inputs of the module.")
    secret_variables: dict[str, SecretReference] = Field(
        default_factory=dict, description="Extra inputs that are secret; handed on by environment, never by argument."
    )


class Versions(Model):
    """Which chart and image versions this rollout installs."""

    charts: dict[str, str] = Field(default_factory=dict, description="Release name to chart version.")
    images: dict[str, str] = Field(default_factory=dict, description="Release name to image tag.")


class StateStore(Model):
    """Where runs are kept that several machines share."""

    database: SecretReference = Field(
        description="The URL of a PostgreSQL database, which may hold a password. `--state` comes before it."
    )


class Notification(Model):
    """A webhook told at start, waiting, failure and end of a run."""

    url: SecretReference = Field(description="The webhook's URL, which is a secret.")
    format: Literal["json", "slack"] = Field(default="json", description="Form of the message.")
    on: tuple[Literal["start", "waiting", "failure", "end"], ...] = Field(
        default=("start", "waiting", "failure", "end"), description="What it is told of."
    )


class Defaults(Model):
    """What holds for all clusters and steps that do not say otherwise."""

    workspace_cluster: WorkspaceClusterDefaults = Field(
        default_factory=WorkspaceClusterDefaults, description="For workspace clusters that don't say otherwise."
    )
    retries: Retries = Field(default_factory=Retries, description="For steps that don't say otherwise.")
    timeouts: Timeouts = Field(default_factory=Timeouts, description="For steps that don't say otherwise.")
    parallelism: int = Field(default=8, ge=1, le=200, description="Clusters worked on at once.")
    on_failure: OnFailure = Field(
        default="stop",
        description="When a cluster fails. stop: the others finish their steps, its meta cluster's traffic stays. "
        "continue: go on without it. rollback: undo the run.",
    )


#: The pipeline of a config that names none.
DEFAULT_PIPELINE = (
    "create-cluster",
    "install-gitpod",
    "install-jaeger",
    "install-monitoring",
    "alive-test",
    "register-cluster",
    "traffic-shift",
)


class ConfigV1(Model):
    """The whole document."""

    version: Literal["v1"] = Field(description="Decides how the rest is read.")
    name: Name | None = Field(default=None, description="The fleet's name; default: project-environment.")
    environment: Environment = Field(description="What kind of fleet it is; a run for production asks first.")
    project: Project = Field(description="The cloud project that the clusters live in: an object, or its id alone.")
    meta_clusters: tuple[MetaCluster, ...] = Field(
        min_length=1, description="The control planes that send users to workspace clusters."
    )
    workspace_clusters: tuple[WorkspaceCluster, ...] = Field(
        min_length=1, description="The clusters that shall exist after the run."
    )
    pipeline: tuple[PipelineStep, ...] = Field(
        default=tuple(PipelineStep(step=step) for step in DEFAULT_PIPELINE),
        min_length=1,
        description="The steps, in order; default: " + ", ".join(DEFAULT_PIPELINE) + ".",
    )
    waves: tuple[Wave, ...] = Field(
        default=(), description="Which clusters go through the pipeline first; default: all at once."
    )
    terraform: Terraform = Field(default_factory=Terraform, description="How clusters are created.")
    versions: Versions = Field(default_factory=Versions, description="What is installed on them.")
    state: StateStore | None = Field(default=None, description="Where runs are kept; default: the user's state folder.")
    notifications: tuple[Notification, ...] = Field(default=(), description="Who is told of the run.")
    defaults: Defaults = Field(default_factory=Defaults, description="What holds where nothing else is said.")
