"""Goes on with a run that stands in the store: takes it up, tries what failed again, or undoes it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ws_deployment.engine import journal, sessions
from ws_deployment.engine.attendance import attend
from ws_deployment.engine.deployment import Deployment, request_of, restored, surroundings_of
from ws_deployment.engine.detached import part
from ws_deployment.engine.event_writer import EventWriter
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.launch import RefusedRunError, prepare_metas, told_refusal
from ws_deployment.engine.leases import gone, held
from ws_deployment.engine.manner import Manner, Report
from ws_deployment.engine.outcome import Checked, Outcome, Problem, Status
from ws_deployment.engine.pipeline import Task
from ws_deployment.engine.sessions import Session
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Run, Store, opened
from ws_deployment.engine.undoing import undo_as_json, undos
from ws_deployment.errors import CancelledError, LockedError, RefusedError, UsageError
from ws_deployment.interfaces import Decision

#: Seconds that workers get to let go of a run that has ended, and between two looks at it.
_LETTING_GO, _LOOK = 10.0, 0.25


def resume(state: State, name: str, manner: Manner) -> Report:
    """Go on with an unfinished run where its work stands; a detached one stays with the workers.

    Raises RefusedError for one that has come to an end, and LockedError for one that a process is at.
    """
    if _is_with_workers(state, name, manner):
        return Report(Status.QUEUED)
    with _taken(state, name, manner) as (session, run):
        if run.finished is not None:
            raise RefusedError("resuming", on=f"run {run.id}", why=f"it is {run.status}", remedy=_after_the_end(run))
        session.store.update(run.id, wanted="")
        return _attend(session, run, manner, detach=manner.detach)


def retry(state: State, name: str, manner: Manner, only: Collection[str] = ()) -> Report:
    """Carry out again what failed and what depended on it, or only the tasks in `only`; the rest is kept."""
    with _taken(state, name, manner) as (session, run):
        if run.finished is None:
            raise RefusedError(
                "retrying",
                on=f"run {run.id}",
                why=f"it is {run.status}",
                remedy=f"Go on with it: `ws-deployment runs resume {run.id}`.",
            )
        if run.status is Status.ROLLED_BACK:
            raise RefusedError("retrying", on=f"run {run.id}", why="it was rolled back", remedy="Begin a new run.")
        record = session.store.record(run.id)
        ended = journal.result(run.id, run.attempt)
        if ended is None:  # it was cancelled before its end: what is left of it is done now
            session.store.retry(run.id, run.attempt, record)
        else:
            outcomes = {key: Outcome.from_json(outcome) for key, outcome in ended.items()}
            tasks = _deployment(run, record, state, manner.bus).tasks
            again = _again(tasks, outcomes, only)
            done = undos(_journaled(run, record), [task for task in tasks if task.key in again])
            marked = {word.task for word in session.store.words(run.id, "mark-done")}
            record.setdefault("attempts", {})[str(run.attempt + 1)] = {
                "kept": {key: outcome.as_json() for key, outcome in outcomes.items() if key not in again},
                "marked": sorted(again & marked),
                "done": {
                    key: undo_as_json(replace(each, plan=replace(each.plan, diff=""))) for key, each in done.items()
                },
            }
            session.store.retry(run.id, run.attempt + 1, record)
        return _attend(session, session.store.find(run.id), manner, detach=manner.detach or run.detached)


def _is_with_workers(state: State, name: str, manner: Manner) -> bool:
    """Whether the run is the workers' to go on with; if so it is no longer held up.

    Raises WsDeploymentError where this program can't go on with it: a worker of its version can't either.
    """
    with opened(state) as store:
        run = store.find(name)
        if not run.detached or run.finished is not None:
            return False
        _deployment(run, store.record(run.id), state, manner.bus)
        store.update(run.id, wanted="")
        return True


def rollback(
    state: State,
    name: str,
    manner: Manner,
    *,
    destroy: bool = False,
    forced: Collection[str] = (),
) -> Report:
    """Undo what a run did, as a run of its own named by the bus, in reverse order."""
    with _taken(state, name, manner) as (session, run):
        _refuse_rollback(run)
        with told_refusal(manner.bus):
            begun, deployment = begin_rollback(
                session.store, run, manner.bus, destroy=destroy, forced=forced, detach=manner.detach
            )
        session.leases.acquire(begun.id, [f"run/{begun.id}"])
        if manner.detach:
            return sessions.leave_to_workers(session, begun, deployment.fleet)
        return _carry(session, begun, deployment, manner, fresh=True)


def begin_rollback(
    store: Store,
    run: Run,
    bus: EventBus,
    *,
    destroy: bool = False,
    forced: Collection[str] = (),
    detach: bool = False,
) -> tuple[Run, Deployment]:
    """Record a rollback of a run, named by the bus, and what it will do. The caller holds the run's locks.

    Raises RefusedRunError where its first tasks would be refused.
    """
    record = store.record(run.id)
    done = _deployment(run, record, store.state, EventBus(run.id))
    undo = undos(_journaled(run, record), done.tasks, destroy=destroy, forced=forced)
    undoing = {
        **{key: value for key, value in record.items() if key not in {"tasks", "attempts", "undo", "recovered"}},
        "of": run.id,
        "undo": {key: undo_as_json(each) for key, each in undo.items()},
    }
    deployment = restored(undoing, request_of(undoing, store.state), surroundings_of(done.request, bus, bus.run))
    undoing["tasks"] = [task.key for task in deployment.tasks]
    if refused := deployment.planner.refused_first():
        deployment.tell_start()
        raise RefusedRunError(tuple((task, _checked(problem)) for task, problem in refused))
    begun = replace(
        run,
        id=bus.run,
        kind="rollback",
        of=run.id,
        key=None,
        status=Status.QUEUED if detach else Status.RUNNING,
        wanted="",
        detached=detach,
        attempt=1,
        last_seq=0,
        created=time.time(),
        finished=None,
    )
    store.begin(begun, undoing)
    return begun, deployment


def _journaled(run: Run, record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The journal's entries of all attempts, the first one first."""
    recovered: Mapping[str, Any] = record.get("recovered", {})
    return [recovered, *(journal.kept(run.id, number) for number in range(1, run.attempt + 1))]


@contextlib.contextmanager
def _taken(state: State, name: str, manner: Manner) -> Iterator[tuple[Session, Run]]:
    """A run that this process may go on with: its locks are held, and those of the run that it undoes."""
    with sessions.opened(state) as session:
        run = session.store.find(name)
        deployment = _deployment(run, session.store.record(run.id), state, manner.bus)
        needed = sessions.locks(run.id, deployment.fleet) + ([f"run/{run.of}"] if run.of else [])
        _refuse_beside_workers(run)
        try:
            _let_workers_go(session, run, manner)
            sessions.patiently(lambda: session.leases.acquire(run.id, needed), manner)
            prepare_metas(deployment.request, manner)
            session.lock_metas(deployment, manner)
        except CancelledError as error:
            raise InterruptedRunError(run.id) from error
        yield session, session.store.find(run.id)


def _attend(session: Session, run: Run, manner: Manner, *, detach: bool) -> Report:
    deployment = _deployment(run, session.store.record(run.id), session.store.state, manner.bus)
    if detach:
        session.store.update(run.id, detached=True, status=str(Status.QUEUED))
        return sessions.leave_to_workers(session, run, deployment.fleet)
    return _carry(session, run, deployment, manner, fresh=False)


def _carry(
    session: Session,
    run: Run,
    deployment: Deployment,
    manner: Manner,
    *,
    fresh: bool,
) -> Report:
    writer = EventWriter()
    manner.bus.subscribe(writer)
    if fresh:
        deployment.tell_start()
    with contextlib.closing(writer):
        report = attend(session, run, deployment, writer, manner, fresh=fresh)
    if run.of and report.status is Status.DONE:
        session.store.end_wait(run.of)
    return report


def _deployment(run: Run, record: Mapping[str, Any], state: State, bus: EventBus) -> Deployment:
    request = request_of(record, state)
    return restored(record, request, surroundings_of(request, bus, run.id))


def _again(tasks: tuple[Task, ...], outcomes: Mapping[str, Outcome], only: Collection[str]) -> set[str]:
    """Keys of the tasks to carry out again. Raises UsageError where there is none."""
    keys = {task.key for task in tasks}
    bad = {key for key in keys if key not in outcomes or not outcomes[key].status.good}
    if not only:
        if not bad:
            raise UsageError("retrying", why="no task of the run failed", remedy="There is nothing to do again.")
        return bad
    if unknown := sorted(set(only) - keys):
        raise UsageError(
            "retrying", on=", ".join(unknown), why="the run has no such task", remedy=f"It has: {', '.join(keys)}."
        )
    again = set(only)
    for task in tasks:  # in their order: what depends on one that is done again is done again, if it is not good
        if task.key in bad and again & set(task.after):
            again.add(task.key)
    return again


def _checked(problem: Problem) -> Checked:
    return Checked(f"{problem.attempted} {problem.on}".strip(), Decision.REFUSE, problem.why, problem.remedy)


def _refuse_beside_workers(run: Run) -> None:
    if run.detached and run.finished is None:
        raise RefusedError(
            "going on with",
            on=f"run {run.id}",
            why=f"it is {run.status} and with the workers",
            remedy=f"Wait for its end, or end it: `ws-deployment runs cancel {run.id}`.",
        )


def _let_workers_go(session: Session, run: Run, manner: Manner) -> None:
    """Wait until no worker has a part of an ended run any more: what was under way ends first."""
    end = time.monotonic() + max(_LETTING_GO, manner.wait or 0)
    while True:
        parts = [lease for lease in held(session.store.engine) if lease.name.startswith(part(run.id))]
        busy = next((lease for lease in parts if lease.live and not gone(lease.pid, lease.process)), None)
        if busy is None:
            return
        if time.monotonic() > end:
            raise LockedError(
                "going on with",
                on=f"run {run.id}",
                why=f"a worker is still at it (process {busy.pid} on {busy.host})",
                remedy="Wait for it with --wait.",
            )
        if manner.cancelled.wait(_LOOK):
            raise CancelledError("waiting for the workers at", on=f"run {run.id}", why="asked to stop")


def _refuse_rollback(run: Run) -> None:
    why = ""
    if run.kind == "rollback":
        why = "it is a rollback itself"
    elif run.status is Status.ROLLED_BACK:
        why = "it was rolled back before"
    if why:
        raise RefusedError("rolling back", on=f"run {run.id}", why=why, remedy="Begin a new run.")


def _after_the_end(run: Run) -> str:
    if run.status is Status.DONE:
        return f"Undo it: `ws-deployment runs rollback {run.id}`."
    if run.status is Status.ROLLED_BACK:
        return "Begin a new run."
    return f"Try what failed again: `ws-deployment runs retry {run.id}`; or undo it: `… runs rollback {run.id}`."
