"""What a run is: steps, fleet, id, the graph of its tasks. Made of a user's request, or of a run's record."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ws_deployment import __version__
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import ids
from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.events import Kind
from ws_deployment.engine.frozen import frozen
from ws_deployment.engine.inputs import of_record
from ws_deployment.engine.outcome import Intent, Problem
from ws_deployment.engine.pipeline import ConfiguredStep, Segment, Task, configure, segments, tasks
from ws_deployment.engine.planner import Planner
from ws_deployment.engine.saved_plan import SavedPlan
from ws_deployment.engine.state import FORMAT, State
from ws_deployment.engine.undoing import Undoing, reversed_segments, undo_from_json
from ws_deployment.errors import UsageError, WsDeploymentError
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.fleet.resolve import resolve
from ws_deployment.interfaces import Outputs, Scope

#: The id that stands for "some id" while none is known.
ANY_ID = ids.PREFERRED.start


@dataclass(frozen=True)
class Request:
    """What a user asked for. `cluster_id` is None when one shall be drawn; `plan` is what shall be done and no more."""

    config: ConfigV1
    config_file: Path
    steps: tuple[ConfiguredStep, ...]
    state: State
    cluster_id: int | None = None
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    plan: SavedPlan | None = None


@dataclass(frozen=True)
class Deployment:
    """A request made concrete: an id, a fleet, a graph of tasks.

    A rollback's tasks have each a step of its own (`undoing`, by task), and know what the run handed on (`inherited`).
    """

    request: Request
    surroundings: RunSurroundings
    fleet: Fleet
    segments: tuple[Segment, ...]
    #: What could not be asked when the id was drawn.
    unasked: tuple[str, ...] = ()
    undoing: Mapping[str, ConfiguredStep] = field(default_factory=dict)
    inherited: Mapping[str, Outputs] = field(default_factory=dict)

    @cached_property
    def steps(self) -> Mapping[str, ConfiguredStep]:
        """The configured steps by name."""
        return {step.name: step for step in self.request.steps}

    def configured(self, task: Task) -> ConfiguredStep:
        """What carries out a task."""
        return self.undoing.get(task.key) or self.steps[task.step]

    def expected(self, task: Task) -> Intent | None:
        """What a saved plan says of a task; None where none is applied."""
        return self.request.plan.intents.get(task.key) if self.request.plan else None

    @property
    def planner(self) -> Planner:
        """Asks all tasks what they would do."""
        return Planner(self.surroundings, self.fleet, self.configured, self.segments)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, segment by segment."""
        return tuple(task for segment in self.segments for task in segment.tasks)

    def tell_start(self) -> None:
        """Tell what the run is about."""
        request, fleet = self.request, self.fleet
        self.surroundings.bus.emit(
            Kind.RUN_STARTED,
            fleet=fleet.name,
            environment=fleet.environment,
            clusterId=fleet.cluster_id,
            clusters=[
                {
                    "name": cluster.name,
                    "shortName": cluster.short_name,
                    "region": cluster.region,
                    "type": cluster.type,
                    "governedBy": [governance.meta for governance in cluster.governed_by],
                }
                for cluster in fleet.workspace_clusters
            ],
            metaClusters=[meta.name for meta in fleet.meta_clusters],
            steps=[step.name for step in request.steps],
            tasks=[_task_as_json(task) for task in self.tasks],
            configFile=str(request.config_file),
            state=str(request.state.folder),
            undoes=self.surroundings.marks,
        )

    def record(self) -> dict[str, Any]:
        """What the run is, frozen: going on with it never reads the config file again."""
        request = self.request
        plan = {"plan": request.plan.as_json()} if request.plan else {}
        return {
            **plan,
            "program": __version__,
            "journal": FORMAT,
            "configFile": str(request.config_file.resolve()),
            "config": request.config.model_dump(mode="json", by_alias=True, exclude_unset=True),
            "clusterId": self.fleet.cluster_id,
            "only": list(request.only),
            "exclude": list(request.exclude),
            "tasks": [task.key for task in self.tasks],
        }


def surroundings_of(request: Request, bus: Any, run_id: str, *, dry_run: bool = False) -> RunSurroundings:
    """What the tasks of a run share."""
    surroundings = RunSurroundings(
        run_id=run_id,
        dry_run=dry_run,
        config=request.config,
        config_folder=request.config_file.resolve().parent,
        state=request.state.folder,
        shared=bool(request.state.server),
        steps=request.steps,
        bus=bus,
        frozen=partial(frozen, request.state),
    )
    if request.plan:
        surroundings.saved = request.plan.folder or surroundings.plan_folder()
    return surroundings


def concrete(request: Request, surroundings: RunSurroundings, used: frozenset[int]) -> Deployment:
    """The request with an id, drawn where it names none: one that neither the world nor the runs in `used` have."""
    cluster_id = request.cluster_id
    unasked: tuple[str, ...] = ()
    if cluster_id is None:
        taken, unasked = _taken(request, surroundings)
        cluster_id = ids.draw(request.config, taken, used, random.SystemRandom())
    fleet = fleet_of(request, cluster_id)
    return Deployment(
        request, surroundings, fleet, segments(tasks(request.steps, fleet, request.config.waves)), unasked
    )


def request_of(record: Mapping[str, Any], state: State) -> Request:
    """The request that a record froze."""
    config = ConfigV1.model_validate(record["config"])
    return Request(
        config=config,
        config_file=Path(record["configFile"]),
        steps=configure(config),
        state=state,
        cluster_id=record["clusterId"],
        only=tuple(record["only"]),
        exclude=tuple(record["exclude"]),
        plan=SavedPlan.from_json(record["plan"]) if "plan" in record else None,
    )


def request_to_apply(plan: SavedPlan, state: State) -> Request:
    """The request that carries out a saved plan."""
    return Request(
        config=plan.config,
        config_file=plan.config_file,
        steps=configure(plan.config),
        state=state,
        cluster_id=plan.cluster_id,
        only=plan.only,
        exclude=plan.exclude,
        plan=plan,
    )


def restored(record: Mapping[str, Any], request: Request, surroundings: RunSurroundings) -> Deployment:
    """The deployment that a record froze. Raises WsDeploymentError where the program's steps make other tasks of it."""
    if record.get("journal", FORMAT) != FORMAT:
        raise WsDeploymentError(
            "going on with",
            on=f"run {surroundings.run_id}",
            why=f"version {record['program']} began it and wrote {record['journal']}; this program reads {FORMAT}",
            remedy="Go on with it under the version that began it, or cancel it and begin a new run.",
        )
    surroundings.kept = of_record(record.get("inputs", {}), surroundings.run_id, request.state)
    fleet = fleet_of(request, record["clusterId"])
    whole = segments(tasks(request.steps, fleet, request.config.waves))
    deployment = Deployment(request, surroundings, fleet, whole)
    if "undo" in record:
        undo = {key: undo_from_json(each) for key, each in record["undo"].items()}
        surroundings.marks = record["of"]
        deployment = Deployment(
            request,
            surroundings,
            fleet,
            reversed_segments(deployment.tasks, undo.keys()),
            undoing={
                task.key: Undoing.of(deployment.steps[task.step], undo[task.key])
                for task in deployment.tasks
                if task.key in undo
            },
            inherited={key: dict(each.outputs) for key, each in undo.items()},
        )
    if [task.key for task in deployment.tasks] != record.get("tasks", [task.key for task in deployment.tasks]):
        raise WsDeploymentError(
            "going on with",
            on=f"run {surroundings.run_id}",
            why=f"this program makes other tasks of its config than {record['program']} did",
            remedy="Go on with it under the program and the plugins that began it.",
        )
    return deployment


def fleet_of(request: Request, cluster_id: int) -> Fleet:
    """The fleet of a request under an id. Raises UsageError where the user's choice leaves no cluster."""
    fleet = resolve(request.config, cluster_id, only=request.only, exclude=request.exclude)
    if not fleet.workspace_clusters:
        raise UsageError(
            "selecting clusters",
            why="--only and --exclude leave none",
            remedy=f"Prefixes in the config: {', '.join(c.prefix for c in request.config.workspace_clusters)}.",
        )
    return fleet


def _taken(request: Request, surroundings: RunSurroundings) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names that exist already as far as the steps can tell, and what could not be asked."""
    fleet = fleet_of(request, ANY_ID)
    task = Task("run/names", "names", Scope.RUN, "run", (), ())
    taken: frozenset[str] = frozenset()
    unasked = []
    for step in request.steps:
        context = TaskContext(surroundings, fleet, task, {})
        try:
            taken |= step.step.taken_names(context)
        except WsDeploymentError as error:
            unasked.append(f"{step.name}: {Problem.of(error).why}")
    return taken, tuple(unasked)


def _task_as_json(task: Task) -> dict[str, Any]:
    return {
        "key": task.key,
        "step": task.step,
        "scope": task.scope,
        "target": task.target,
        "clusters": list(task.clusters),
    }
