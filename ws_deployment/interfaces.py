"""The plugin author's whole world: steps, their checks, and the values that pass between them and the engine.

The engine implements `StepContext` and calls the rest; a step implements `IStep` and never imports the engine.
A plugin is found by entry point (`ws_deployment.steps`, `.cluster_types`, `.registrars`, `.traffic_routers`).
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ws_deployment.config.v1 import Bridge, Environment, Preferability, SecretReference, Terraform, Versions
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.clusters import Fleet, MetaCluster, WorkspaceCluster
from ws_deployment.traffic.ramp import Registration, Stage

#: What a task hands on to later tasks of its target: JSON values, never a secret.
Outputs = Mapping[str, Any]


class NotYetError(WsDeploymentError):
    """What was asked can't be known before another task has run, for example because the cluster does not exist.

    Raised from a check it counts as *deferred*; from a plan, as "known when its time comes"; from a run it is an
    error like any other.
    """


class Scope(enum.StrEnum):
    """What one task of a step is about."""

    CLUSTER = "cluster"
    META = "meta"
    RUN = "run"


class Decision(enum.StrEnum):
    """What a check says of its step."""

    PROCEED = "proceed"
    SKIP = "skip"
    REFUSE = "refuse"
    DEFERRED = "deferred"


@dataclass(frozen=True)
class Verdict:
    """A check's answer. `reason` says why, `remedy` what to do about a refusal."""

    decision: Decision
    reason: str = ""
    remedy: str = ""

    @classmethod
    def proceed(cls, reason: str = "") -> Verdict:
        """All is as the step needs it."""
        return cls(Decision.PROCEED, reason)

    @classmethod
    def skip(cls, reason: str) -> Verdict:
        """The step's work is done already."""
        return cls(Decision.SKIP, reason)

    @classmethod
    def refuse(cls, problem: str, remedy: str) -> Verdict:
        """The step must not run."""
        return cls(Decision.REFUSE, problem, remedy)

    @classmethod
    def deferred(cls, reason: str) -> Verdict:
        """Can't be known yet; the check is made again when the task's time comes."""
        return cls(Decision.DEFERRED, reason)


class Change(enum.StrEnum):
    """What a plan does to the world, in one word."""

    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    READ = "read"
    NONE = "no change"
    UNKNOWN = "known later"


@dataclass(frozen=True)
class SubTask:
    """One of the effects that a task has in sequence. Each is journaled; between two of them a run can be stopped.

    A sub-task with a `hold` (seconds) has no effect: the engine waits, durably. `data` is JSON for the step's `run`.
    """

    name: str
    summary: str = ""
    hold: float = 0.0
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepPlan:
    """What a task would do.

    `summary` is one line. `diff` is for review (unified diff or a list; secrets masked). `unknown` names what can't
    be known beforehand. `fingerprint` identifies what was read, so that a later apply can tell whether the world
    has moved. `subtasks` are carried out in order; most steps have one.
    """

    summary: str
    change: Change = Change.UPDATE
    diff: str = ""
    unknown: tuple[str, ...] = ()
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    subtasks: tuple[SubTask, ...] = (SubTask("run"),)
    removal: str = ""


class Cancelled(Protocol):
    """Says whether the task was asked to stop; `threading.Event` fits."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


class Parameters(BaseModel):
    """Base of a plugin's own parameters: camelCase in the config, no unknown keys."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class StepContext(ABC):
    """What a plugin sees of the run and may ask of it. Implemented by the engine.

    `config_folder` is what relative paths of the config are relative to. `output` is the file that keeps the full
    output of what the task calls. `deadline` is a `time.monotonic` value.
    """

    run_id: str
    dry_run: bool
    fleet: Fleet
    terraform: Terraform
    versions: Versions
    config_folder: Path
    output: Path
    deadline: float
    cancelled: Cancelled

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Private folder (0700) of the cluster or meta cluster, kept for the fleet. A dry run does not make it."""

    @property
    @abstractmethod
    def scratch(self) -> Path:
        """Private folder that goes when the command ends; all that a dry run may write to."""

    @property
    @abstractmethod
    def cluster(self) -> WorkspaceCluster:
        """The cluster that this task is about; for `Scope.CLUSTER` alone."""

    @property
    @abstractmethod
    def meta(self) -> MetaCluster:
        """The meta cluster that this task is about; for `Scope.META` alone."""

    @abstractmethod
    def progress(self, message: str) -> None:
        """Tell what the task waits for or has come to; shown live, kept as an event."""

    @abstractmethod
    def traffic(self, shares: Mapping[str, float]) -> None:
        """Tell how starts are split now: percent by short name."""

    @abstractmethod
    def outputs(self, step: str) -> Outputs:
        """What an earlier step handed on for this target; empty where it did not run."""

    @abstractmethod
    def secret(self, reference: SecretReference) -> str:
        """The secret that `reference` names; masked from then on wherever text is written.

        Raises WsDeploymentError where the file or variable is missing or empty.
        """

    @abstractmethod
    def cluster_type(self, name: str) -> IClusterType:
        """The installed cluster type of that name."""

    @abstractmethod
    def registrar(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> IRegistrar:
        """The installed back-end for registering clusters at `meta`."""

    @abstractmethod
    def traffic_router(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> ITrafficRouter:
        """The installed back-end for moving traffic of `meta`."""

    @abstractmethod
    def with_cluster(self, cluster: WorkspaceCluster) -> StepContext:
        """This context, but about `cluster`: for a meta cluster's task that looks into its clusters."""

    def kubeconfig(self) -> Path:
        """Private kubeconfig of this task's cluster. Raises NotYetError where it does not exist yet."""
        return self.cluster_type(self.cluster.type).kubeconfig(self)

    def bridge(self, meta: MetaCluster) -> Bridge:
        """Where the bridge of `meta` is: the config's word, else what the meta cluster's type knows.

        Raises NotYetError where it is not known (yet).
        """
        return meta.bridge or self.cluster_type(meta.type).bridge(meta)

    def missing(self, problem: str, remedy: str) -> Verdict:
        """Refuse a run for lack of something that a dry run can do without."""
        if self.dry_run:
            return Verdict.deferred(f"{problem}; a run needs it: {remedy}" if remedy else problem)
        return Verdict.refuse(problem, remedy)


class IPreRun(ABC):
    """A read-only check before a step."""

    name: str

    @abstractmethod
    def check(self, context: StepContext) -> Verdict:
        """Look, change nothing, and say whether the step may run. An error raised counts as a refusal."""


class PreRun(IPreRun):
    """An IPreRun made of a name and a function."""

    def __init__(self, name: str, check: Callable[[StepContext], Verdict]) -> None:
        self.name = name
        self._check = check

    def check(self, context: StepContext) -> Verdict:
        """Ask the function."""
        return self._check(context)


P = TypeVar("P", bound=Parameters)


class IStep(ABC, Generic[P]):
    """One kind of work of a pipeline. Subclass it as `IStep[YourParameters]` and name the model in `parameters_model`.

    The engine makes one object a configured step and calls it from several threads: keep no state in it. All phases
    but `run` and `rollback` are read-only. Each of them can be repeated after a crash, so `run` finds its own
    half-done work by the run's id and goes on from it.
    """

    #: One line for `ws-deployment steps list`.
    summary: ClassVar[str]
    scope: ClassVar[Scope] = Scope.CLUSTER
    #: Pydantic model of what the config may say under `with:`.
    parameters_model: ClassVar[type[Parameters]] = Parameters

    def __init__(self, parameters: P) -> None:
        self.parameters = parameters

    def taken_names(self, context: StepContext) -> frozenset[str]:
        """Names (cloud names, short names) that exist already, which a new id must not make. Asked once a run.

        `context` is about the run. Raises WsDeploymentError where that can't be known from here.
        """
        return frozenset()

    def pre_runs(self) -> Sequence[IPreRun]:
        """Checks before anything is done, in order. The first *refuse* or *skip* ends them."""
        return ()

    @abstractmethod
    def plan(self, context: StepContext) -> StepPlan:
        """Say what `run` would do, changing nothing."""

    @abstractmethod
    def run(self, context: StepContext, subtask: SubTask) -> Outputs | None:
        """Do one sub-task of the plan. Raises TransientError for what may pass; it is then called again."""

    def verify(self, context: StepContext) -> None:
        """Make sure that what was done holds. Raises WsDeploymentError where it does not; the default trusts `run`."""

    def rollback(self, context: StepContext) -> None:
        """Undo the run's effects. The default has nothing to undo."""


@dataclass(frozen=True)
class TerraformModule:
    """A module that makes one cluster: its source, its inputs, and its secret inputs by name."""

    source: str
    variables: Mapping[str, Any]
    secret_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Finding:
    """One line of `ws-deployment doctor`: what was looked at, how it stands, and what to do about it."""

    subject: str
    health: Literal["ok", "warning", "fault"]
    text: str
    remedy: str = ""


class IClusterType(ABC):
    """A kind of cluster: how it is made and how it is reached."""

    #: One line for `ws-deployment doctor`.
    summary: ClassVar[str]
    #: What to know before trusting it; shown in plans. Empty for a type that is proven.
    preview: ClassVar[str] = ""

    def check(self, context: StepContext) -> Verdict:
        """Whether a cluster can be made: credentials, quota, and that no other bears the name."""
        return Verdict.proceed()

    def terraform(self, context: StepContext) -> TerraformModule | None:
        """The module that makes the cluster; None for a type that is not made by Terraform."""
        return None

    def create(self, context: StepContext) -> Outputs:
        """Make the cluster, or go on where this run left off; for a type without a Terraform module."""
        raise WsDeploymentError("creating", on=context.cluster.name, why=f"type {context.cluster.type} can't create")

    def destroy(self, context: StepContext) -> None:
        """Remove the cluster; for a type without a Terraform module."""
        raise WsDeploymentError("removing", on=context.cluster.name, why=f"type {context.cluster.type} can't remove")

    @abstractmethod
    def kubeconfig(self, context: StepContext) -> Path:
        """A private (0600) kubeconfig of the context's cluster. Raises NotYetError while there is no cluster."""

    def url(self, context: StepContext) -> str | None:
        """Where the meta cluster reaches the cluster, for a type that knows; else the config or the DNS zone says.

        Raises NotYetError where it is known when the cluster is there.
        """
        return None

    def taken_names(self, fleet: Fleet) -> frozenset[str]:
        """Cloud names that exist already. Raises NotYetError where that can't be known from here."""
        return frozenset()

    def diagnose(self, fleet: Fleet) -> Sequence[Finding]:
        """What a run with clusters of this type needs and has: credentials, rights, APIs, quota. Read-only."""
        return ()

    def prepare_meta(self, meta: MetaCluster, progress: Callable[[str], None]) -> None:
        """Make sure that a meta cluster of this type is there before a run. Most are there anyway."""

    def bridge(self, meta: MetaCluster) -> Bridge:
        """Where the bridge of a meta cluster of this type is. Raises NotYetError where that is not known."""
        raise NotYetError(
            "finding the bridge of",
            on=meta.name,
            why="the config does not say where it is",
            remedy=f"Add `bridge:` to the meta cluster {meta.name}.",
        )


@dataclass(frozen=True)
class TlsMaterial:
    """PEM texts with which a meta cluster reaches a workspace cluster."""

    ca: str = field(repr=False)
    crt: str = field(repr=False)
    key: str = field(repr=False)


@dataclass(frozen=True)
class RegistrationRequest:
    """A cluster to register, always cordoned: it takes traffic only when a shift says so."""

    name: str
    url: str
    tls: TlsMaterial
    region: str = ""
    preferability: Preferability = "none"
    govern: bool = True


class IRegistrar(ABC):
    """Registers workspace clusters at one meta cluster."""

    parameters_model: ClassVar[type[Parameters]] = Parameters

    def __init__(self, parameters: Any, meta: MetaCluster, context: StepContext) -> None:
        self.parameters = parameters
        self.meta = meta
        self.context = context

    @abstractmethod
    def registrations(self) -> Sequence[Registration]:
        """All registered clusters."""

    @abstractmethod
    def register(self, request: RegistrationRequest) -> None:
        """Register a cluster, cordoned."""

    @abstractmethod
    def deregister(self, name: str) -> None:
        """Remove a registration, never by force."""


class ITrafficRouter(ABC):
    """Moves the traffic of one meta cluster."""

    parameters_model: ClassVar[type[Parameters]] = Parameters

    def __init__(self, parameters: Any, meta: MetaCluster, context: StepContext) -> None:
        self.parameters = parameters
        self.meta = meta
        self.context = context

    @abstractmethod
    def registrations(self) -> Sequence[Registration]:
        """All clusters that take traffic or could, with their weights."""

    @abstractmethod
    def subtasks(self, stage: Stage) -> Sequence[SubTask]:
        """The effects that bring about `stage`, in their safe order."""

    @abstractmethod
    def carry_out(self, subtask: SubTask) -> None:
        """Do one of them. Doing it twice is the same as doing it once."""


__all__ = [
    "Bridge",
    "Change",
    "Decision",
    "Environment",
    "Finding",
    "Fleet",
    "IClusterType",
    "IPreRun",
    "IRegistrar",
    "IStep",
    "ITrafficRouter",
    "MetaCluster",
    "NotYetError",
    "Outputs",
    "Parameters",
    "PreRun",
    "Registration",
    "RegistrationRequest",
    "Scope",
    "SecretReference",
    "Stage",
    "StepContext",
    "StepPlan",
    "SubTask",
    "TerraformModule",
    "TlsMaterial",
    "Verdict",
    "WorkspaceCluster",
]
