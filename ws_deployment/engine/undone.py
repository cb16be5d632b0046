"""Undoes detached runs that failed and are to be taken back for that; nobody is there to do it."""

from __future__ import annotations

from ws_deployment.engine import journal, requests
from ws_deployment.engine.deployment import fleet_of, request_of
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.launch import new_run_id
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.resumption import begin_rollback
from ws_deployment.engine.sessions import locks
from ws_deployment.engine.store import Run, Store
from ws_deployment.errors import LockedError, WsDeploymentError


def undo_failed(store: Store, held: Leases, seen: set[tuple[str, int]]) -> None:
    """Queue the rollback of each such run. Of several workers one does: whoever gets the run's lease first.

    `seen` keeps the attempts that were looked at already.
    """
    for run in store.failed_detached():
        if (run.id, run.attempt) in seen:
            continue
        if requests.wants_undoing(store, run):
            try:
                held.acquire(run.id, [f"run/{run.id}"])
            except LockedError:
                continue  # another worker is at it
            try:
                _undo(store, held, run)
            finally:
                held.release([f"run/{run.id}"])
        seen.add((run.id, run.attempt))


def _undo(store: Store, held: Leases, run: Run) -> None:
    if store.find(run.id).status not in {Status.FAILED, Status.TURNED_BACK} or store.has_rollback(run.id):
        return
    record = store.record(run.id)
    fleet = fleet_of(request_of(record, store.state), record["clusterId"])
    needed = [name for name in locks(run.id, fleet) if not name.startswith("run/")]
    try:
        held.acquire(run.id, needed)
        begun, _ = begin_rollback(store, run, EventBus(new_run_id()), detach=True)
    except WsDeploymentError:
        held.release(needed)  # what it can't undo is left as failed, for a person to look at
        return
    held.leave(needed)
    journal.enqueue(begun.id, begun.attempt)
