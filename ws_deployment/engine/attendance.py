"""Attends a run from where it stands to its end, or until it is stopped."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterable
from typing import Any

from ws_deployment.engine import journal
from ws_deployment.engine.attempt import Attempt
from ws_deployment.engine.control import Control
from ws_deployment.engine.deployment import Deployment
from ws_deployment.engine.event_writer import EventWriter
from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.interrupted import InterruptedRunError, LostLeaseError, WaitingRunError
from ws_deployment.engine.manner import Manner, Report
from ws_deployment.engine.outcome import Outcome, Problem, Status
from ws_deployment.engine.outcome import ending as how_ended
from ws_deployment.engine.runner import Runner
from ws_deployment.engine.sessions import Session, locks
from ws_deployment.engine.store import Run, Store
from ws_deployment.engine.undoing import undo_from_json
from ws_deployment.errors import WsDeploymentError
from ws_deployment.tools.folders import private_folder


def attend(
    session: Session,
    run: Run,
    deployment: Deployment,
    writer: EventWriter,
    manner: Manner,
    *,
    fresh: bool,
) -> Report:
    """Carry a run out from its beginning (`fresh`), or go on with it.

    The caller holds its locks. Raises InterruptedRunError when it was stopped.
    """
    store, bus = session.store, deployment.surroundings.bus
    deployment.surroundings.cancelled = manner.cancelled
    private_folder(deployment.surroundings.output_folder())
    past = [] if fresh else [Event.from_json(event) for event in store.events(run.id)]
    writer.begin(lambda batch: store.add_events(run.id, batch))
    bus.recall(past)
    attempt = attempt_of(store, run, past)
    if not fresh:
        if not past:
            deployment.tell_start()
        again = sorted(set(attempt.redone(deployment.tasks))) if attempt.number > 1 else []
        bus.emit(Kind.RUN_RESUMED, attempt=run.attempt, again=again, who=getpass.getuser(), host=socket.gethostname())
        store.end_wait(run.id)
    store.update(run.id, status=str(Status.RUNNING), finished=None)
    started = time.monotonic()
    ending: dict[str, Any] = {"status": Status.INTERRUPTED}
    control = Control(
        store,
        session.leases,
        run.id,
        bus,
        manner.cancelled,
        also=session.meta_lock.held,
        exit_on_wait=manner.exit_on_wait,
        recalled=deployment.surroundings.recalled,
    )
    runner = session.bodies[run.id] = Runner(deployment, control, attempt)
    try:
        with control:
            go = journal.carry_out if fresh else journal.take_up
            done = go(run.id, run.attempt)
            control.confirm()  # the journal gives one that was stopped and woke what another process came to
        outcomes = {key: Outcome.from_json(outcome) for key, outcome in done.items()}
        runner.tell_ends(outcomes)
        ending = {"status": how_ended(outcomes.values())}
        return Report(ending["status"], outcomes)
    except LostLeaseError:
        raise
    except InterruptedRunError:
        ending = {"status": control.ending or Status.INTERRUPTED}
        if control.ending is Status.WAITING:
            raise WaitingRunError(run.id) from None
        raise
    except WsDeploymentError as error:
        ending = {"status": Status.FAILED, "problem": Problem.of(error).as_json()}
        raise
    finally:
        bus.emit(Kind.RUN_FINISHED, **ending, seconds=round(time.monotonic() - started, 3))
        writer.close()  # what has ended is not gone on with, so whatever it told has to be kept by then
        if not control.lost:
            _record_end(session, run, deployment, ending["status"])


def _record_end(session: Session, run: Run, deployment: Deployment, status: Status) -> None:
    """Keep how it ended. What only waits keeps its locks: nobody else may move weights in the middle of a ramp."""
    if status in {Status.INTERRUPTED, Status.WAITING}:
        session.store.update(run.id, status=str(status))
    else:
        session.store.finish(run.id, status, undone=run.of if status is Status.DONE else "")
    if status is Status.WAITING:
        session.leases.leave(name for name in locks(run.id, deployment.fleet) if not name.startswith("run/"))


def attempt_of(store: Store, run: Run, past: Iterable[Event]) -> Attempt:
    """What is known of the present attempt's tasks before it is carried out."""
    known = store.record(run.id).get("attempts", {}).get(str(run.attempt), {})
    kept = {key: Outcome.from_json(outcome) for key, outcome in known.get("kept", {}).items()}
    words = {word.task: word for word in store.words(run.id, "mark-done")}
    marked = {key: words[key] for key in known.get("marked", ()) if key in words}
    done = {key: undo_from_json(undo) for key, undo in known.get("done", {}).items()}
    return Attempt(run.attempt, kept, marked, told_in(past, run.attempt), done)


def told_in(past: Iterable[Event], attempt: int) -> frozenset[str]:
    """Keys of the tasks whose end was told in that attempt."""
    told: set[str] = set()
    number = 1
    for event in past:
        if event.kind is Kind.RUN_RESUMED and event.data["attempt"] != number:
            number = event.data["attempt"]
            told.clear()
        elif event.kind is Kind.TASK_FINISHED and event.task:
            told.add(event.task)
    return frozenset(told if number == attempt else ())
