"""What a step sees of the run: the engine's implementation of StepContext."""

from __future__ import annotations

import atexit
import copy
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import backends, plugins
from ws_deployment.engine.events import EventBus, Kind
from ws_deployment.engine.pipeline import ConfiguredStep, Task
from ws_deployment.engine.secrets import read_secret
from ws_deployment.errors import CancelledError, UsageError
from ws_deployment.fleet.clusters import Fleet, MetaCluster, WorkspaceCluster
from ws_deployment.fleet.folders import cluster_folder
from ws_deployment.fleet.resolve import meta_clusters
from ws_deployment.interfaces import (
    IClusterType,
    IRegistrar,
    ITrafficRouter,
    MetaBackend,
    NotYetError,
    Outputs,
    Registration,
    Scope,
    StepContext,
)
from ws_deployment.tools.folders import private_folder
from ws_deployment.tools.lock import locked


class KeptInputs(Protocol):
    """Knows files and folders as they were when the run began."""

    def at(self, path: Path) -> Path:
        """Where `path` is as it was then."""
        ...


@dataclass
class RunSurroundings:
    """What all tasks of a run share. `state` is the program's state folder.

    `saved` is the folder that keeps the files of a saved plan, by task; with `saving` the steps' plans may write there.
    `marks` is the run whose marks are on what is made or undone: a rollback's is the run that it undoes. `shared` says
    that other machines may carry out parts of it. `recalled` is set when all of it shall be taken back. `frozen` tells
    why a managed cluster is not to be upgraded now. `steps` are the run's, for what one must do for another's tasks.
    """

    run_id: str
    dry_run: bool
    config: ConfigV1
    config_folder: Path
    state: Path
    bus: EventBus
    cancelled: threading.Event = field(default_factory=threading.Event)
    recalled: threading.Event = field(default_factory=threading.Event)
    frozen: Callable[[str], str] = lambda _cluster: ""
    marks: str = ""
    saved: Path | None = None
    saving: bool = False
    shared: bool = False
    steps: tuple[ConfiguredStep, ...] = ()
    kept: KeptInputs | None = None

    @cached_property
    def scratch(self) -> Path:
        """A private folder that goes when the program ends."""
        folder = Path(tempfile.mkdtemp(prefix="ws-deployment-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def saved_folder(self, task: str) -> Path | None:
        """Where a task's files of a saved plan are, or are to be; None where it has none."""
        folder = self.saved / task.replace("/", ".") if self.saved else None
        return folder if folder and (self.saving or folder.is_dir()) else None

    def plan_folder(self) -> Path:
        """Where the run keeps the files of the saved plan that it carries out."""
        return self.state / "runs" / self.run_id / "plan"

    def output_folder(self) -> Path:
        """Where the tasks' full outputs are kept."""
        return self.state / "runs" / self.run_id / "output"


class _Either:
    """Set when the run was asked to stop or the task was given up."""

    def __init__(self, run: threading.Event) -> None:
        self._run = run
        self._task = threading.Event()

    def is_set(self) -> bool:
        return self._run.is_set() or self._task.is_set()

    def give_up(self) -> None:
        self._task.set()


class TaskContext(StepContext):
    """The context of one task. `outputs` is what finished tasks handed on, by task key."""

    def __init__(
        self,
        run: RunSurroundings,
        fleet: Fleet,
        task: Task,
        outputs: Mapping[str, Outputs],
        ask: Callable[[str, str], AbstractContextManager[Callable[[], str]]] | None = None,
    ) -> None:
        self._run = run
        self._ask = ask
        self._asked = 0
        self._task = task
        self._outputs = outputs
        self._cancelled = _Either(run.cancelled)
        self._cluster = fleet.cluster(task.target) if task.scope is Scope.CLUSTER else None
        self.run_id = run.marks or run.run_id
        self.dry_run = run.dry_run
        self.fleet = fleet if self._cluster or not task.clusters else _only(fleet, task.clusters)
        self.terraform = run.config.terraform
        self.versions = run.config.versions
        self.config_folder = run.config_folder
        self.shared = run.shared
        self.metas = meta_clusters(run.config)
        self.saved = run.saved_folder(task.key)
        self.cancelled = self._cancelled
        self.deadline = time.monotonic()
        outputs_of_tasks = run.scratch if run.dry_run else run.output_folder()
        self.output = outputs_of_tasks / f"{task.key.replace('/', '.')}.log"

    @property
    def folder(self) -> Path:
        """The private folder of the context's cluster or meta cluster; the runner makes it."""
        name = self._cluster.name if self._cluster else self._task.target
        return cluster_folder(self._run.state, self.fleet.name, name)

    @property
    def scratch(self) -> Path:
        """The run's scratch folder."""
        return self._run.scratch

    @property
    def cluster(self) -> WorkspaceCluster:
        """The cluster that this task is about."""
        if self._cluster is None:
            raise UsageError("running", on=self._task.key, why=f"a step of scope {self._task.scope} has no one cluster")
        return self._cluster

    @property
    def meta(self) -> MetaCluster:
        """The meta cluster that this task is about."""
        if self._task.scope is not Scope.META:
            raise UsageError(
                "running", on=self._task.key, why=f"a step of scope {self._task.scope} has no one meta cluster"
            )
        return self.fleet.meta(self._task.target)

    def progress(self, message: str) -> None:
        """Tell it as an event."""
        self._run.bus.emit(Kind.TASK_PROGRESS, self._task.key, message=message)

    def traffic(
        self,
        shares: Mapping[str, float],
        *,
        wanted: Mapping[str, float] | None = None,
        measured: Mapping[str, float] | None = None,
    ) -> None:
        """Tell it as an event."""
        told = {"wanted": wanted, "measured": measured}
        as_json = {key: None if value is None else dict(value) for key, value in told.items()}
        self._run.bus.emit(Kind.TRAFFIC, self._task.key, shares=dict(shares), **as_json)

    def gate(self, judged: Mapping[str, Any]) -> None:
        """Tell it as an event."""
        self._run.bus.emit(Kind.GATE, self._task.key, **judged)

    def question(self, text: str) -> AbstractContextManager[Callable[[], str]]:
        """Ask by way of the run's control."""
        self._asked += 1
        return self._ask(f"question {self._asked}", text) if self._ask else super().question(text)

    def recalled(self) -> bool:
        """Whether some task has the whole run taken back."""
        return self._run.recalled.is_set()

    def frozen(self, cluster: str) -> str:
        """By the freezes of the run's state."""
        return self._run.frozen(cluster)

    def outputs(self, step: str) -> Outputs:
        """What an earlier step handed on for this target."""
        target = self._cluster.short_name if self._cluster else self._task.target
        own = f"{target}/{step}-{self._task.wave}"  # of what is about more than a cluster, each wave has its own
        return self._outputs.get(own, self._outputs.get(f"{target}/{step}", {}))

    def kubeconfig(self) -> Path:
        """The kubeconfig; of a cluster that another machine made, with the help of the step that made it."""
        try:
            return super().kubeconfig()
        except NotYetError:
            made = [(step, outputs) for step in self._run.steps if (outputs := self.outputs(step.name))]
            if self.dry_run or not self.shared or not made:
                raise
        with locked(private_folder(self._run.state / "locks") / f"reach-{self.cluster.name}", cancelled=self.cancelled):
            for step, outputs in made:
                step.step.reach(self, outputs)
        return super().kubeconfig()

    def input(self, path: Path) -> Path:
        """The file or folder as the run keeps it."""
        return self._run.kept.at(path) if self._run.kept else path

    def secret(self, reference: SecretReference) -> str:
        """Read the secret and have it masked from now on."""
        return read_secret(reference, self.config_folder)

    def cluster_type(self, name: str) -> IClusterType:
        """An object of the installed cluster type."""
        return plugins.cluster_type(name)()

    def registrar(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> IRegistrar:
        """An object of the installed registrar."""
        kind = plugins.registrar(via)
        return kind(kind.parameters_model.model_validate(options), meta, self)

    def traffic_router(self, via: str, options: Mapping[str, Any], meta: MetaCluster) -> ITrafficRouter:
        """An object of the installed traffic router."""
        kind = plugins.traffic_router(via)
        return kind(kind.parameters_model.model_validate(options), meta, self)

    def registered(self, meta: MetaCluster) -> Sequence[Registration]:
        """What the registrar and the traffic router of the pipeline list; the bridge, where no step names one."""
        told: tuple[tuple[backends.Backend | None, Callable[..., MetaBackend]], ...] = (
            (backends.registrar(self._run.config), self.registrar),
            (backends.router(self._run.config), self.traffic_router),
        )
        unknown: NotYetError | None = None
        found: dict[tuple[str, str], Registration] = {}
        asked: list[backends.Backend] = []
        for by, backend in told:
            if by is None or by in asked:
                continue
            try:
                found |= {(each.name, each.url): each for each in backend(by.via, by.options, meta).registrations()}
            except NotYetError as error:
                unknown = error
            else:
                asked.append(by)
        if unknown and not asked:
            raise unknown
        return tuple(found.values())

    def with_cluster(self, cluster: WorkspaceCluster, *, made_by: str = "") -> StepContext:
        """This context, but about `cluster`."""
        other = copy.copy(self)
        other._cluster = cluster  # noqa: SLF001  a copy of this very class
        other.run_id = made_by or self.run_id
        return other

    def restart_clock(self, limit: float) -> None:
        """Set the deadline `limit` seconds from now."""
        self.deadline = time.monotonic() + limit

    def abandon(self) -> None:
        """Ask this task alone to stop."""
        self._cancelled.give_up()

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts. Raises CancelledError as soon as the run, or the task, is asked to stop."""
        if self._cancelled.is_set() or self._run.cancelled.wait(seconds):
            raise CancelledError("waiting to retry", on=self._task.key, why="asked to stop")


def _only(fleet: Fleet, names: tuple[str, ...]) -> Fleet:
    """The fleet with the clusters that a task is about, as far as they are left."""
    return replace(fleet, workspace_clusters=tuple(c for c in fleet.workspace_clusters if c.short_name in names))
