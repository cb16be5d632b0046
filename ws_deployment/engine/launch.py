"""Puts one run together: steps, fleet, id, graph; then plans it or carries it out.

What a user asked for comes in as a Request; what came of it goes out as events and a Report.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ws_deployment import __version__
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import ids, plugins
from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.events import EventBus, Kind
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.outcome import Checked, Intent, Outcome, Problem, Status
from ws_deployment.engine.pipeline import ConfiguredStep, Segment, Task, segments, tasks
from ws_deployment.engine.planner import Planner
from ws_deployment.errors import CancelledError, RefusedError, UsageError, WsDeploymentError
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.fleet.resolve import fleet_name, resolve
from ws_deployment.interfaces import Scope
from ws_deployment.tools.folders import private_folder

if TYPE_CHECKING:
    from ws_deployment.engine.store import Store

#: The id that stands for "some id" while none is known.
_ANY_ID = ids.PREFERRED.start


@dataclass(frozen=True)
class Request:
    """What a user asked for. `state` is the program's state folder; `cluster_id` is None when one shall be drawn."""

    config: ConfigV1
    config_file: Path
    steps: tuple[ConfiguredStep, ...]
    state: Path
    cluster_id: int | None = None
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deployment:
    """A request made concrete: an id, a fleet, a graph of tasks."""

    request: Request
    surroundings: RunSurroundings
    fleet: Fleet
    segments: tuple[Segment, ...]
    #: What could not be asked when the id was drawn.
    unasked: tuple[str, ...] = ()

    @property
    def steps(self) -> Mapping[str, ConfiguredStep]:
        """The configured steps by name."""
        return {step.name: step for step in self.request.steps}

    @property
    def planner(self) -> Planner:
        """Asks all tasks what they would do."""
        return Planner(self.surroundings, self.fleet, self.steps, self.segments)


@dataclass(frozen=True)
class Report:
    """What a run came to: each task's outcome by key, and its whole status."""

    status: Status
    outcomes: Mapping[str, Outcome]


class RefusedRunError(RefusedError):
    """Pre-runs refused before anything was done. `refusals` are all of them."""

    def __init__(self, refusals: tuple[tuple[Task, Checked], ...]) -> None:
        self.refusals = refusals
        first = refusals[0]
        super().__init__(
            "checking",
            on=first[0].key,
            why=f"{first[1].check}: {first[1].reason}",
            remedy=first[1].remedy,
        )

    def as_json(self) -> list[dict[str, str]]:
        """JSON values of all of them."""
        return [
            {"task": task.key, "check": check.check, "reason": check.reason, "remedy": check.remedy}
            for task, check in self.refusals
        ]


def new_run_id() -> str:
    """An id that sorts by time and fits labels of Kubernetes and of clouds: `20261121-091533-7f3a`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"


def dry_run(request: Request, bus: EventBus, run_id: str) -> tuple[Deployment, tuple[tuple[Task, Intent], ...]]:
    """What a run would do. Nothing is changed, nothing is started, nothing is written."""
    surroundings = _surroundings(request, bus, run_id, dry_run=True)
    deployment = _concrete(request, surroundings, used=frozenset())
    _tell_start(deployment)
    return deployment, deployment.planner.plan()


def launch(request: Request, bus: EventBus, run_id: str, cancelled: threading.Event) -> Report:
    """Carry out a run to its end.

    Raises RefusedRunError when a check refuses beforehand, and InterruptedRunError when `cancelled`
    was set.
    """
    surroundings = replace(_surroundings(request, bus, run_id, dry_run=False), cancelled=cancelled)
    with ThreadPoolExecutor(max_workers=1) as pool:
        # The meta clusters come up while the durable library is imported and opened; each takes about half a second.
        prepared = pool.submit(_prepare_metas, request, surroundings)
        from ws_deployment.engine import journal  # noqa: PLC0415  heavy, see above
        from ws_deployment.engine.runner import Runner  # noqa: PLC0415  it stands on the journal

        with journal.opened(request.state) as url, _store(url, bus) as store, _told_end(bus, store, run_id) as ending:
            prepared.result()
            deployment = _concrete(request, surroundings, used=store.used_ids(fleet_name(request.config)))
            _tell_start(deployment)
            private_folder(surroundings.output_folder())
            if refusals := deployment.planner.refusals():
                raise RefusedRunError(refusals)
            runner = Runner(surroundings, deployment.fleet, deployment.steps, deployment.segments)
            started = store.begin_run(run_id, deployment.fleet.name, deployment.fleet.cluster_id)
            done = journal.carry_out(run_id, _record(deployment, started), runner)
            outcomes = {key: Outcome.from_json(outcome) for key, outcome in done.items()}
            good = all(outcome.status.good for outcome in outcomes.values())
            ending["status"] = Status.DONE if good else Status.FAILED
    return Report(ending["status"], outcomes)


@contextlib.contextmanager
def _told_end(bus: EventBus, store: Store, run_id: str) -> Iterator[dict[str, Any]]:
    """Tell how the run ended, whatever way it did; what is inside sets `status`."""
    started = time.monotonic()
    ending: dict[str, Any] = {"status": Status.CANCELLED}
    try:
        yield ending
    except RefusedRunError as error:
        ending = {"status": Status.REFUSED, "refusals": error.as_json()}
        raise
    except CancelledError as error:
        raise InterruptedRunError(run_id) from error
    except WsDeploymentError as error:
        ending = {"status": Status.FAILED, "problem": Problem.of(error).as_json()}
        raise
    finally:
        bus.emit(Kind.RUN_FINISHED, **ending, seconds=round(time.monotonic() - started, 3))
        store.end_run(run_id, str(ending["status"]))


def _surroundings(request: Request, bus: EventBus, run_id: str, *, dry_run: bool) -> RunSurroundings:
    return RunSurroundings(
        run_id=run_id,
        dry_run=dry_run,
        config=request.config,
        config_folder=request.config_file.resolve().parent,
        state=request.state,
        bus=bus,
    )


@contextlib.contextmanager
def _store(url: str, bus: EventBus) -> Iterator[Store]:
    """The store at `url`, with every event of `bus` kept in it from now on."""
    from ws_deployment.engine.store import EventWriter, Store  # noqa: PLC0415  SQLAlchemy is heavy

    store = Store(url)
    writer = EventWriter(store)
    bus.subscribe(writer)
    try:
        yield store
    finally:
        writer.close()
        store.close()


def _prepare_metas(request: Request, surroundings: RunSurroundings) -> None:
    """Have each meta cluster's type make sure that it is there; the lab's is started."""

    def tell(message: str) -> None:
        surroundings.bus.emit(Kind.RUN_PROGRESS, message=message)

    for meta in resolve(request.config, _ANY_ID, only=request.only, exclude=request.exclude).meta_clusters:
        plugins.cluster_type(meta.type)().prepare_meta(meta, tell)


def _concrete(request: Request, surroundings: RunSurroundings, used: frozenset[int]) -> Deployment:
    cluster_id = request.cluster_id
    unasked: tuple[str, ...] = ()
    if cluster_id is None:
        taken, unasked = _taken(request, surroundings)
        cluster_id = ids.draw(request.config, taken, used, random.SystemRandom())
    fleet = _fleet(request, cluster_id)
    return Deployment(request, surroundings, fleet, segments(tasks(request.steps, fleet)), unasked)


def _fleet(request: Request, cluster_id: int) -> Fleet:
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
    fleet = _fleet(request, _ANY_ID)
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


def _tell_start(deployment: Deployment) -> None:
    request, fleet = deployment.request, deployment.fleet
    deployment.surroundings.bus.emit(
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
        tasks=[_task_as_json(task) for segment in deployment.segments for task in segment.tasks],
        configFile=str(request.config_file),
        state=str(request.state),
    )


def _task_as_json(task: Task) -> dict[str, Any]:
    return {
        "key": task.key,
        "step": task.step,
        "scope": task.scope,
        "target": task.target,
        "clusters": list(task.clusters),
    }


def _record(deployment: Deployment, created: float) -> dict[str, Any]:
    """What the run is, frozen: going on with it never reads the config file again."""
    request = deployment.request
    return {
        "program": __version__,
        "created": created,
        "fleet": deployment.fleet.name,
        "clusterId": deployment.fleet.cluster_id,
        "configFile": str(request.config_file.resolve()),
        "config": request.config.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "only": list(request.only),
        "exclude": list(request.exclude),
        "tasks": [_task_as_json(task) for segment in deployment.segments for task in segment.tasks],
    }
