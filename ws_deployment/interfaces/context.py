"""What a plugin sees of the run and may ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Bridge, Terraform, Versions
from ws_deployment.fleet.clusters import Fleet, MetaCluster, WorkspaceCluster
from ws_deployment.interfaces.values import Outputs, Undo, Verdict
from ws_deployment.traffic.ramp import Registration

if TYPE_CHECKING:
    from ws_deployment.interfaces.backends import IClusterType, IRegistrar, ITrafficRouter


class Cancelled(Protocol):
    """Says whether the task was asked to stop; `threading.Event` fits."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


class StepContext(ABC):
    """What a plugin sees of the run and may ask of it. Implemented by the engine.

    `config_folder` is what relative paths of the config are relative to. `output` is the file that keeps the full
    output of what the task calls. `deadline` is a `time.monotonic` value. `saved` is the folder that keeps the files
    of a saved plan of this task (Terraform's own plan): a step's `plan` may write there, and its `run` must carry out
    what it finds there and nothing else. None where no plan is saved or applied. `shared` says that other machines may
    go on with the run: what later tasks need must not lie on this one alone.
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
    saved: Path | None = None
    shared: bool = False
    #: All meta clusters of the config, those too that govern none of the run's clusters.
    metas: tuple[MetaCluster, ...] = ()
    #: Clusters (short names) that the task has turned back: it goes on without them.
    left_out: frozenset[str] = frozenset()
    #: What the task's sub-tasks so far have handed on.
    earlier: Outputs = MappingProxyType({})
    #: What earlier attempts of a run that is tried again did of this task, all as one; None where there was none.
    attempted: Undo | None = None
    #: When (seconds since the epoch) a sub-task that watches was begun; the same however often it is taken up again.
    #: 0 for any other.
    began: float = 0.0

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
    def traffic(
        self,
        shares: Mapping[str, float],
        *,
        wanted: Mapping[str, float] | None = None,
        measured: Mapping[str, float] | None = None,
    ) -> None:
        """Tell how starts are split now: percent by short name, by the weights written.

        `wanted` is what the present stage asks for, `measured` what was counted; None where that is not known.
        """

    def gate(self, judged: Mapping[str, Any]) -> None:
        """Tell a gate's verdict, with the keys of the event `gate`; see docs/events.md."""

    def question(self, text: str) -> AbstractContextManager[Callable[[], str]]:
        """Ask a person while the sub-task goes on; what is given tells who has said yes, empty while nobody has."""
        del text
        return nullcontext(lambda: "")

    def recalled(self) -> bool:
        """Whether the whole run is being taken back: a task that can turn back does so now."""
        return False

    def frozen(self, cluster: str) -> str:
        """Why a managed cluster (`namespace/name`) is not to be upgraded now; empty where no freeze holds it."""
        del cluster
        return ""

    @abstractmethod
    def outputs(self, step: str) -> Outputs:
        """What an earlier step handed on for this target; empty where it did not run."""

    def input(self, path: Path) -> Path:
        """Where `path`, one of the step's `inputs`, is as it was when the run began; on whatever machine this is."""
        return path

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

    def registered(self, meta: MetaCluster) -> Sequence[Registration]:
        """What is registered at `meta`, asked by all that the pipeline registers or moves traffic by.

        Raises NotYetError where none of it can be asked yet, and what a back-end raises.
        """
        return self.registrar("bridge", {}, meta).registrations()

    @abstractmethod
    def with_cluster(self, cluster: WorkspaceCluster, *, made_by: str = "") -> StepContext:
        """This context, but about `cluster`: for a meta cluster's task that looks into its clusters.

        `made_by` is the run whose marks are on it, where that is another one: it is then the context's `run_id`.
        """

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
