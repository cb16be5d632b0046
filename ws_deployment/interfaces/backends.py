"""Back-ends that steps ask for by name: kinds of clusters, registrars, traffic routers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from ws_deployment.config.prometheus import Prometheus
from ws_deployment.config.v1 import Bridge, KubernetesAccess, Preferability
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.clusters import Fleet, MetaCluster
from ws_deployment.interfaces.context import StepContext
from ws_deployment.interfaces.values import NotYetError, Outputs, Parameters, SubTask, Verdict
from ws_deployment.traffic.ramp import Registration, Stage


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
    #: Whether Terraform can plan its module with neither credentials nor a provider's download.
    plans_offline: ClassVar[bool] = False

    def check(self, context: StepContext) -> Verdict:
        """Whether a cluster can be made: credentials, quota, and that no other bears the name."""
        return Verdict.proceed()

    def terraform(self, context: StepContext) -> TerraformModule | None:
        """The module that makes the cluster; None for a type that is not made by Terraform."""
        return None

    def reached(self, context: StepContext, outputs: Mapping[str, Any]) -> None:
        """Keep, in the context's folder, what `kubeconfig` needs of all of the module's outputs, sensitive ones too.

        Called where the module was applied, and on each other machine that goes on with the cluster.
        """

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

    def remains(self, context: StepContext) -> Sequence[str]:
        """What is left of the context's cluster, asked when it was removed; all that may cost something.

        Raises NotYetError where that can't be known from here.
        """
        name = context.cluster.name
        return (f"the cluster {name}",) if name in self.taken_names(context.fleet) else ()

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

    def kubernetes(self, meta: MetaCluster) -> KubernetesAccess | None:
        """Where the Kubernetes API of a meta cluster of this type is; None where nobody says.

        Raises NotYetError where it is known when the meta cluster is there.
        """
        return meta.kubernetes or (meta.bridge.kubernetes if meta.bridge else None)

    def prometheus(self, meta: MetaCluster) -> Prometheus | None:
        """Where the Prometheus of a meta cluster of this type is; None where nobody says.

        Raises NotYetError where it is known when the meta cluster is there.
        """
        return meta.prometheus


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


class MetaBackend(ABC):
    """What works at one meta cluster, on behalf of one task. `parameters` is an object of `parameters_model`."""

    parameters_model: ClassVar[type[Parameters]] = Parameters

    def __init__(self, parameters: Any, meta: MetaCluster, context: StepContext) -> None:
        self.parameters = parameters
        self.meta = meta
        self.context = context

    @abstractmethod
    def registrations(self) -> Sequence[Registration]:
        """All registered clusters with their weights."""


class IRegistrar(MetaBackend):
    """Registers workspace clusters at one meta cluster."""

    @abstractmethod
    def register(self, request: RegistrationRequest) -> None:
        """Register a cluster, cordoned."""

    @abstractmethod
    def cordon(self, name: str) -> None:
        """Let no further workspace start on a registered cluster."""

    @abstractmethod
    def deregister(self, name: str) -> None:
        """Remove a registration, never by force."""


class ITrafficRouter(MetaBackend):
    """Moves the traffic of one meta cluster, and moves it back: the way back is a stage of 0 %."""

    #: Whether scores and cordons become what `carry_out` is told. One that leaves the writes to another (a job) may
    #: come to the same split by other writes.
    exact: ClassVar[bool] = True

    @abstractmethod
    def subtasks(self, stage: Stage) -> Sequence[SubTask]:
        """The effects that bring about `stage`, in their safe order.

        The data of each tells its writes, by which a rollback knows what it has to undo: it is {cluster, property,
        value}, or has a list of these as `writes`.
        """

    def starts(self) -> Mapping[str, int] | None:
        """Starts so far by short name, for a back-end that counts them; None for one that does not."""
        return None

    @abstractmethod
    def carry_out(self, subtask: SubTask) -> None:
        """Do one of them. Doing it twice is the same as doing it once."""
