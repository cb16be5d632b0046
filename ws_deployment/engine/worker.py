"""A worker: carries out what detached runs left in the queues, beside other workers on other machines.

The queues are the durable library's own. A worker that dies loses its lease; another one puts what it had under way
back into the queues.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from sqlalchemy.exc import SQLAlchemyError

from ws_deployment.engine import journal, leases
from ws_deployment.engine.attendance import attempt_of
from ws_deployment.engine.control import Control
from ws_deployment.engine.deployment import request_of, restored, surroundings_of
from ws_deployment.engine.event_writer import EventWriter
from ws_deployment.engine.events import Event, EventBus, Kind
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.outcome import Outcome, Status
from ws_deployment.engine.runner import Runner
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Run, Store
from ws_deployment.tools.folders import private_folder

#: Seconds between two looks for workers that died and for runs that ended.
_LOOK = 1.0


def work(state: State, cancelled: threading.Event, tell: Callable[[Event], None]) -> None:
    """Carry out what is queued until `cancelled` is set. What was under way then is left to other workers."""
    store = Store(state)
    held = Leases(store.engine)
    share = _Share(store, held, tell)
    held.acquire("", [f"worker/{held.holder}"])
    try:
        with journal.opened(state, held.holder, share.body, worker=True):
            while not cancelled.wait(_LOOK):
                with contextlib.suppress(SQLAlchemyError):  # a database that is away for a moment is asked again
                    _take_over(store, held)
                    share.drop_ended()
            share.stop()
            journal.recover(held.holder)
    finally:
        share.close()
        held.close()
        store.close()


def _take_over(store: Store, mine: Leases) -> None:
    """Put back into the queues what workers without a lease had under way."""
    for lease in leases.held(store.engine):
        if not lease.name.startswith("worker/") or lease.holder == mine.holder:
            continue
        if not lease.live or leases.gone(lease.pid, lease.process):
            journal.recover(lease.holder)
            leases.forget(store.engine, lease)


class _Share:
    """This worker's share of the runs: what carries them out, made when the queue first brings a part of one."""

    def __init__(self, store: Store, held: Leases, tell: Callable[[Event], None]) -> None:
        self._store = store
        self._held = held
        self._tell = tell
        self._bodies: dict[str, _Detached] = {}
        self._lock = threading.Lock()

    def body(self, run: str, attempt: int) -> _Detached:
        """What carries out an attempt of a run here."""
        name = journal.workflow(run, attempt)
        with self._lock:
            if name not in self._bodies:
                self._bodies[name] = _Detached(self._store, self._held, self._store.find(run), self._tell)
            return self._bodies[name]

    def drop_ended(self) -> None:
        """Let go of runs that have come to an end."""
        for name, body in list(self._bodies.items()):
            if not body.busy and self._store.find(body.run.id).finished is not None:
                with self._lock:
                    del self._bodies[name]
                body.close()

    def stop(self) -> None:
        """Ask everything to stop and wait for it."""
        for body in self._bodies.values():
            body.cancelled.set()
        while any(body.busy for body in self._bodies.values()):
            time.sleep(0.05)

    def close(self) -> None:
        """Let go of all."""
        for body in self._bodies.values():
            body.close()


class _Detached:
    """An attempt of a detached run in this worker; the journal's body."""

    def __init__(self, store: Store, held: Leases, run: Run, tell: Callable[[Event], None]) -> None:
        self.run = run
        self.cancelled = threading.Event()
        self.busy = 0
        self._store = store
        self._lock = threading.Lock()
        self._bus = EventBus(run.id)
        record = store.record(run.id)
        request = request_of(record, store.state)
        self._deployment = restored(record, request, surroundings_of(request, self._bus, run.id))
        self._deployment.surroundings.cancelled = self.cancelled
        private_folder(self._deployment.surroundings.output_folder())
        self._past = [Event.from_json(event) for event in store.events(run.id)]
        self._bus.subscribe(tell)
        self._writer = EventWriter()
        self._bus.subscribe(self._writer)
        self._writer.begin(lambda batch: store.add_events(run.id, batch))
        lease = f"worker/{held.holder}"
        self._control = Control(store, held, run.id, self._bus, self.cancelled, lease=lease)
        self._control.__enter__()
        self._runner = Runner(self._deployment, self._control, attempt_of(store, run, self._past), workers=True)

    def coordinate(self) -> journal.Json:
        """Carry out the whole run by way of the queue, and record how it ended."""
        with self._counted():
            if not any(event.kind is Kind.RUN_STARTED for event in self._past):
                self._deployment.tell_start()
            self._store.update(self.run.id, status=str(Status.RUNNING))
            try:
                done = self._runner.coordinate()
            except InterruptedRunError:
                if self._control.ending is Status.CANCELLED:
                    self._end(Status.CANCELLED)
                raise
            good = all(Outcome.from_json(outcome).status.good for outcome in done.values())
            self._end(Status.DONE if good else Status.FAILED)
            return done

    def segment(self, name: str, facts: journal.Json) -> journal.Json:
        """Carry out one segment."""
        with self._counted():
            return self._runner.segment(name, facts)

    def close(self) -> None:
        """Keep the last events and end."""
        self._control.__exit__()
        self._writer.close()

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self.busy += 1
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def _end(self, status: Status) -> None:
        seconds = round(time.time() - self.run.created, 3)
        self._bus.emit(Kind.RUN_FINISHED, status=status, seconds=seconds)
        self._store.finish(self.run.id, status, undone=self.run.of if status is Status.DONE else "")
        self._store.end_wait(self.run.id)
        leases.give_up(self._store.engine, self.run.id)
