"""Begins a run: plans it, or carries it out.

What a user asked for comes in as a Request; what came of it goes out as events and a Report.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ws_deployment.engine import applying, inputs, plugins
from ws_deployment.engine.deployment import ANY_ID, Deployment, Request, concrete, surroundings_of
from ws_deployment.engine.events import EventBus, Kind
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.meta_access import check_shared
from ws_deployment.engine.outcome import Checked, Intent, Problem, Status
from ws_deployment.engine.pipeline import Task
from ws_deployment.errors import CancelledError, LockedError, RefusedError, WsDeploymentError
from ws_deployment.fleet.resolve import fleet_name, resolve
from ws_deployment.tools.folders import private_folder

if TYPE_CHECKING:
    from pathlib import Path

    from ws_deployment.engine.manner import Manner, Report
    from ws_deployment.engine.sessions import Session
    from ws_deployment.engine.store import Run, Store


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


def dry_run(
    request: Request, bus: EventBus, run_id: str, saving: Path | None = None
) -> tuple[Deployment, tuple[tuple[Task, Intent], ...]]:
    """What a run would do. Nothing is changed, nothing is started, nothing is written but to `saving`.

    That is the folder for the files of a plan that shall be saved.
    """
    surroundings = surroundings_of(request, bus, run_id, dry_run=True)
    surroundings.saved, surroundings.saving = saving, saving is not None
    deployment = concrete(request, surroundings, used=frozenset())
    deployment.tell_start()
    return deployment, deployment.planner.plan()


def launch(request: Request, manner: Manner) -> Report:
    """Carry out a run to its end.

    Raises RefusedRunError when a check refuses beforehand, LockedError when another run is at the same clusters or
    meta clusters, and InterruptedRunError when it was asked to stop.
    """
    bus = manner.bus
    with ThreadPoolExecutor(max_workers=1) as pool:
        # The meta clusters come up while the durable library is imported and opened; each takes about half a second.
        prepared = pool.submit(prepare_metas, request, manner)
        from ws_deployment.engine import sessions  # noqa: PLC0415  heavy, see above
        from ws_deployment.engine.attendance import attend  # noqa: PLC0415  it stands on the journal
        from ws_deployment.engine.event_writer import EventWriter  # noqa: PLC0415  loaded when used

        writer = EventWriter()
        bus.subscribe(writer)
        with sessions.opened(request.state) as session, contextlib.closing(writer):
            with told_refusal(bus):
                prepared.result()
                deployment = _ready(session, request, manner)
            run = _begin(session.store, deployment, manner)
            session.leases.release([f"fleet/{run.fleet}"])
            if manner.detach:
                return sessions.leave_to_workers(session, run, deployment.fleet)
            return attend(session, run, deployment, writer, manner, fresh=True)


def _ready(session: Session, request: Request, manner: Manner) -> Deployment:
    """The deployment, with its locks held and its checks passed."""
    from ws_deployment.engine.sessions import locks, patiently  # noqa: PLC0415  heavy

    run_id = manner.bus.run

    surroundings = surroundings_of(request, manner.bus, run_id)
    surroundings.cancelled = manner.cancelled
    fleet = fleet_name(request.config)

    def enter() -> None:
        if request.plan:
            applying.refuse_applied(session.store, request.plan)
        session.leases.acquire(run_id, [f"fleet/{fleet}"])
        if not manner.new:
            _refuse_beside(session.store.unfinished(fleet))

    patiently(enter, manner)
    deployment = concrete(request, surroundings, used=session.store.used_ids(fleet))
    needed = locks(run_id, deployment.fleet)
    if not request.state.server:
        check_shared(deployment.fleet, accepted=manner.unshared_lock)
    patiently(lambda: session.leases.acquire(run_id, needed), manner)
    deployment.tell_start()
    private_folder(surroundings.output_folder())
    if request.plan:
        applying.refuse_stale(deployment, request.plan)
    if refusals := deployment.planner.refusals():
        raise RefusedRunError(refusals)
    if not manner.detach:
        session.lock_metas(deployment, manner)
    if request.plan:
        applying.keep(deployment, request.plan)
    return deployment


def _refuse_beside(unfinished: list[Run]) -> None:
    """A second fleet beside an unfinished one is rarely meant."""
    for run in unfinished:
        if run.live:
            raise LockedError(
                "beginning a run of",
                on=run.fleet,
                why=f"its run {run.id} is {run.status}",
                remedy="Wait for it with --wait, or begin another beside it with --new.",
            )
        raise RefusedError(
            "beginning a run of",
            on=run.fleet,
            why=f"its run {run.id} is {run.status}",
            remedy=f"Go on with it (`ws-deployment runs resume {run.id}`), undo it (`… rollback`), drop it "
            "(`… cancel`), or begin another beside it with --new.",
        )


def _begin(store: Store, deployment: Deployment, manner: Manner) -> Run:
    from ws_deployment.engine.store import Run  # noqa: PLC0415  heavy

    digests, contents = inputs.read(deployment)
    run = Run.begun(manner.bus.run, deployment.fleet, key=manner.key, detached=manner.detach)
    store.begin(run, {**deployment.record(), "inputs": digests}, contents)
    deployment.surroundings.kept = inputs.of_record(digests, run.id, store.state)
    return run


@contextlib.contextmanager
def told_refusal(bus: EventBus) -> Iterator[None]:
    """Tell how a run ended that never began."""
    started = time.monotonic()

    def tell(status: Status, **rest: Any) -> None:
        bus.emit(Kind.RUN_FINISHED, status=status, seconds=round(time.monotonic() - started, 3), **rest)

    try:
        yield
    except RefusedRunError as error:
        tell(Status.REFUSED, refusals=error.as_json())
        raise
    except CancelledError as error:
        tell(Status.CANCELLED)
        raise InterruptedRunError(bus.run) from error
    except RefusedError as error:
        tell(Status.REFUSED, problem=Problem.of(error).as_json())
        raise
    except WsDeploymentError as error:
        tell(Status.FAILED, problem=Problem.of(error).as_json())
        raise


def prepare_metas(request: Request, manner: Manner) -> None:
    """Have each meta cluster's type make sure that it is there; the lab's is started."""
    for meta in resolve(request.config, ANY_ID, only=request.only, exclude=request.exclude).meta_clusters:
        plugins.cluster_type(meta.type)().prepare_meta(meta, manner.tell)
