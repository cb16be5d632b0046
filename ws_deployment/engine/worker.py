"""A worker: carries out what detached runs left in the queues, beside other workers on other machines.

The queues are the durable library's own. A worker that dies loses its lease; another one puts what it had under way
back into the queues.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from ws_deployment.engine import journal, leases
from ws_deployment.engine.detached import Detached, Refusing
from ws_deployment.engine.events import Event
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.leases import Lease, Leases
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import FORMAT, State
from ws_deployment.engine.store import Store
from ws_deployment.engine.undone import undo_failed
from ws_deployment.errors import WsDeploymentError

#: Seconds between two looks for workers that died and for runs that ended.
_LOOK = 1.0
#: Seconds between two attempts to reach a database that was there before.
_AGAIN = 5.0
#: Seconds after which a run that is recorded as queued and is in no queue is put there.
_QUEUEING = 10.0

Tell = Callable[[Event], None]
Say = Callable[[str], None]


def work(state: State, cancelled: threading.Event, tell: Tell, say: Say) -> None:
    """Carry out what is queued until `cancelled` is set. What was under way then is left to other workers.

    A worker that lost its lease (it was stopped for too long, or the database was away) lets go of all and begins
    anew under another name. Raises WsDeploymentError where the database can't be reached at the beginning.
    """
    begun = False
    while not cancelled.is_set():
        try:
            _live(state, cancelled, tell, say)
        except (WsDeploymentError, SQLAlchemyError) as error:
            if not begun:
                raise
            say(str(error).strip().splitlines()[0])
            cancelled.wait(_AGAIN)
        begun = True


def workers(found: list[Lease]) -> list[Lease]:
    """Those leases that are workers'."""
    return [lease for lease in found if lease.name.startswith("worker/")]


def _live(state: State, cancelled: threading.Event, tell: Tell, say: Say) -> None:
    """Work under one name, until asked to stop or the lease is lost."""
    store = Store(state)
    held = Leases(store.engine, f"worker-{uuid.uuid4().hex}")
    share = _Share(store, held, tell)
    lease = f"worker/{held.holder}"
    told: set[str] = set()
    seen: set[tuple[str, int]] = set()
    held.acquire("", [lease])
    try:
        with journal.opened(state, held.holder, share.body, worker=True):
            while not cancelled.wait(_LOOK):
                try:
                    if not held.check(lease):
                        say("the lease of this worker has ended: others take over what it had; it begins anew")
                        break
                    _take_over(store)
                    undo_failed(store, held, seen)
                    share.drop_ended()
                    _look_at_queued(store, told, say)
                except SQLAlchemyError:
                    continue  # a database that is away for a moment is asked again
            share.stop()
    finally:
        share.close()
        # Without its lease it counts as dead: others put back into the queues what it leaves under way.
        held.close()
        store.close()


def _take_over(store: Store) -> None:
    """Put back into the queues what workers without a lease have under way.

    The lease is taken away first: a worker that was only stopped finds out before its next effect.
    """
    for lease in workers(leases.held(store.engine)):
        if not lease.live or leases.gone(lease.pid, lease.process):
            leases.forget(store.engine, lease)
    alive = {lease.holder for lease in workers(leases.held(store.engine))}
    for executor in journal.at_work() - alive:
        journal.recover(executor)


def _look_at_queued(store: Store, told: set[str], say: Say) -> None:
    """Say once of each open run that this version leaves alone; queue what somebody was killed before queueing."""
    for run in store.queued():
        if run.id in told:
            continue
        began = store.record(run.id).get("journal", FORMAT)
        if began != FORMAT:
            say(f"run {run.id} was begun under {began}, this program writes {FORMAT}: left to a worker of that version")
        elif run.status is Status.QUEUED and time.time() - run.created > _QUEUEING:
            if not journal.has(run.id, run.attempt):
                journal.enqueue(run.id, run.attempt)
        else:
            continue
        told.add(run.id)


class _Share:
    """This worker's share of the runs: what carries them out, made when the queue first brings a part of one."""

    def __init__(self, store: Store, held: Leases, tell: Tell) -> None:
        self._store = store
        self._held = held
        self._tell = tell
        self._bodies: dict[str, Detached] = {}
        self._stopping = False
        self._lock = threading.Lock()

    def body(self, run: str, attempt: int) -> journal.Body:
        """What carries out an attempt of a run here."""
        name = journal.workflow(run, attempt)
        while True:
            with self._lock:
                try:
                    return self._body(name, run)
                except SQLAlchemyError:
                    pass  # a database that is away for a moment is asked again
            time.sleep(_LOOK)

    def _body(self, name: str, run: str) -> journal.Body:
        if self._stopping:
            raise InterruptedRunError(run)
        body = self._bodies.get(name)
        if body is not None and not body.cancelled.is_set():
            return body
        if body is not None and body.busy:
            raise InterruptedRunError(run)  # it is being stopped here
        if body is not None:
            self._bodies.pop(name).close()
        found = self._store.find(run)
        if found.finished is not None:
            raise InterruptedRunError(run)  # it was cancelled while it lay in the queue
        try:
            body = self._bodies[name] = Detached(self._store, self._held, found, self._tell)
        except WsDeploymentError as error:
            return Refusing(self._store, found, self._tell, error)
        return body

    def drop_ended(self) -> None:
        """Let go of runs that have come to an end."""
        for name, body in list(self._bodies.items()):
            if not body.busy and self._store.find(body.run.id).finished is not None:
                with self._lock:
                    self._bodies.pop(name, None)
                body.close()

    def stop(self) -> None:
        """Ask everything to stop and wait for it."""
        with self._lock:
            self._stopping = True
        for body in self._bodies.values():
            body.cancelled.set()
        while any(body.busy for body in self._bodies.values()):
            time.sleep(0.05)

    def close(self) -> None:
        """Let go of all."""
        for body in self._bodies.values():
            body.close()
