"""An attempt of a detached run, as one worker carries it out: the journal's body there."""

from __future__ import annotations

import contextlib
import getpass
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from ws_deployment.engine import journal, leases
from ws_deployment.engine.attendance import attempt_of, told_in
from ws_deployment.engine.control import Control
from ws_deployment.engine.deployment import request_of, restored, surroundings_of
from ws_deployment.engine.event_writer import EventWriter
from ws_deployment.engine.events import Event, EventBus, Kind
from ws_deployment.engine.interrupted import InterruptedRunError, LostLeaseError
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.outcome import Outcome, Problem, Status, ending
from ws_deployment.engine.runner import Runner
from ws_deployment.engine.store import Run, Store
from ws_deployment.engine.workers_lock import WorkersLock
from ws_deployment.errors import WsDeploymentError
from ws_deployment.tools.folders import private_folder

_T = TypeVar("_T")
#: Seconds between two attempts to write to a database that is away.
_AGAIN = 1.0


def part(run: str, holder: str = "") -> str:
    """Name of the lease that a worker holds while it has parts of a run; what all of them begin with, without one."""
    return f"part/{run}/{holder}"


class Detached:
    """Carries out parts of one attempt in this worker. `busy` counts those under way.

    Raises WsDeploymentError where this program can't go on with the run.
    """

    def __init__(self, store: Store, held: Leases, run: Run, tell: Callable[[Event], None]) -> None:
        self.run = run
        self.cancelled = threading.Event()
        self.busy = 0
        self._store = store
        self._held = held
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
        self._writer.begin(self._keep)
        held.acquire("", [part(run.id, held.holder)])
        recalled = self._deployment.surroundings.recalled
        self._metas = WorkersLock(self._deployment, self.cancelled)
        self._control = Control(
            store,
            held,
            run.id,
            self._bus,
            self.cancelled,
            lease=f"worker/{held.holder}",
            also=self._metas.hold,
            recalled=recalled,
        )
        self._control.tells = False
        self._control.__enter__()
        self._attempt = attempt_of(store, run, self._past)
        self._runner = Runner(self._deployment, self._control, self._attempt, workers=True)

    def coordinate(self) -> journal.Json:
        """Carry out the whole run by way of the queue, and record how it ended."""
        with self._counted():
            if not self._patiently(lambda: self._store.start(self.run.id)):
                raise InterruptedRunError(self.run.id)  # it was cancelled meanwhile
            self._control.tells = True
            self._tell_start()
            try:
                if self._metas.hold():
                    self._metas.remember_weights()
                done = self._runner.coordinate()
            except InterruptedRunError:
                if self._control.ending is Status.CANCELLED:
                    self._end(Status.CANCELLED)
                raise
            except Exception as error:
                self._end(Status.FAILED, problem=Problem.of(error).as_json())
                raise
            self._end(ending(map(Outcome.from_json, done.values())))
            return done

    def segment(self, name: str, facts: journal.Json) -> journal.Json:
        """Carry out one segment."""
        with self._counted():
            self._patiently(self._catch_up)
            outcomes = self._runner.segment(name, facts)
            self._writer.flush()  # once the segment counts as done nobody would tell of it again
            return outcomes

    def _tell_start(self) -> None:
        """Tell that the run, or a further attempt of it, begins; unless a worker that died has."""
        number = self.run.attempt
        if not any(event.kind is Kind.RUN_STARTED for event in self._past):
            self._deployment.tell_start()
        resumed = (event.data["attempt"] for event in self._past if event.kind is Kind.RUN_RESUMED)
        if number > 1 and number not in resumed:
            again = sorted(set(self._attempt.redone(self._deployment.tasks)))
            host = socket.gethostname()
            self._bus.emit(Kind.RUN_RESUMED, attempt=number, again=again, who=getpass.getuser(), host=host)
        self._writer.flush()

    def _catch_up(self) -> None:
        """Learn what other workers told: the segment may be one that another had when it died."""
        with self._lock:
            last = self._past[-1].seq if self._past else 0
            self._past += [Event.from_json(event) for event in self._store.events(self.run.id, after=last)]
            self._runner.were_told(told_in(self._past, self.run.attempt))

    def close(self) -> None:
        """Keep the last events and end."""
        self._control.__exit__()
        self._metas.leave(ended=False)
        self._writer.close()
        with contextlib.suppress(SQLAlchemyError):  # it ends with its worker's in any case
            self._held.release([part(self.run.id, self._held.holder)])

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self.busy += 1
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def _keep(self, batch: list[Event]) -> None:
        while True:
            try:
                return self._store.add_events(self.run.id, batch)
            except SQLAlchemyError:
                if self.cancelled.wait(_AGAIN):
                    return None  # nobody can be told

    def _end(self, status: Status, **rest: Any) -> None:
        if not self._patiently(lambda: self._held.check(f"worker/{self._held.holder}")):
            raise LostLeaseError(self.run.id)
        _tell_end(self._bus, self._writer, self.run, status, **rest)
        self._patiently(lambda: _finish(self._store, self.run, status))
        self._metas.leave(ended=True)

    def _patiently(self, work: Callable[[], _T]) -> _T:
        """Do `work` with the database, for as long as it is away: an error would end the run."""
        while True:
            try:
                return work()
            except SQLAlchemyError as error:
                if self.cancelled.wait(_AGAIN):
                    raise InterruptedRunError(self.run.id) from error


class Refusing:
    """Stands for a run that this program can't go on with, and says so: the run fails, the worker goes on."""

    def __init__(self, store: Store, run: Run, tell: Callable[[Event], None], error: WsDeploymentError) -> None:
        self._store = store
        self._run = run
        self._tell = tell
        self._problem = Problem.of(error)

    def coordinate(self) -> journal.Json:
        """Record that the run ended."""
        bus, writer = EventBus(self._run.id), EventWriter()
        bus.subscribe(self._tell)
        bus.subscribe(writer)
        writer.begin(lambda batch: self._store.add_events(self._run.id, batch))
        with contextlib.closing(writer):
            _tell_end(bus, writer, self._run, Status.FAILED, problem=self._problem.as_json())
            _finish(self._store, self._run, Status.FAILED)
        return {}

    def segment(self, name: str, facts: journal.Json) -> journal.Json:  # noqa: ARG002  none of it can be known
        """Let the segment's first task, which has the segment's name, fail for this reason."""
        return {name: Outcome(Status.FAILED, problem=self._problem).as_json()}


def _tell_end(bus: EventBus, writer: EventWriter, run: Run, status: Status, **rest: Any) -> None:
    bus.emit(Kind.RUN_FINISHED, status=status, seconds=round(time.time() - run.created, 3), **rest)
    writer.flush()  # who sees that it has ended sees all of it


def _finish(store: Store, run: Run, status: Status) -> None:
    store.finish(run.id, status)
    if run.of and status is Status.DONE:
        store.finish(run.of, Status.ROLLED_BACK)
    store.end_wait(run.id)
    for ended in filter(None, (run.id, run.of)):
        leases.give_up(store.engine, ended)
