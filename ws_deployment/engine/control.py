"""What people say to a run while it goes on: pause, cancel, approve. One thread looks; the runner asks it.

It also knows whether this process may still go on: before each effect the lease is looked at.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from ws_deployment.engine.events import EventBus, Kind
from ws_deployment.engine.interrupted import InterruptedRunError, LostLeaseError, WaitingRunError
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.store import Store, Wait, Word

#: Seconds between two looks at what people said.
LOOK = 0.25


class Control:
    """A context manager around the carrying out of one run; `cancelled` is set when the run shall stop.

    `lease` is what this process must hold for each effect, by default the run's own; `also` says whether it holds
    what else it must. `recalled` is set when the whole run shall be taken back.
    """

    def __init__(
        self,
        store: Store,
        leases: Leases,
        run: str,
        bus: EventBus,
        cancelled: threading.Event,
        *,
        lease: str = "",
        also: Callable[[], bool] = lambda: True,
        exit_on_wait: bool = False,
        recalled: threading.Event | None = None,
    ) -> None:
        self._store = store
        self._leases = leases
        self._bus = bus
        self._run = run
        self._cancelled = cancelled
        self._lease = lease or f"run/{run}"
        self._also = also
        self._exit_on_wait = exit_on_wait
        self._recalled = recalled or threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look, name="control", daemon=True)
        self._lock = threading.Lock()
        self._running: int | None = None
        self._waiting = 0
        #: How the run stands when it was not this process's user who stopped it.
        self.ending: Status | None = None
        #: Whether a pause is told and recorded here; of several workers at a run only one does.
        self.tells = True
        #: Whether another process has taken the run over.
        self.lost = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    def may_go_on(self) -> None:
        """Return when the next effect may be begun. Raises InterruptedRunError, or LostLeaseError."""
        while not self._open.wait(LOOK):
            self._stop_if_asked()
        also = self._also()
        self._stop_if_asked()
        if self.lost or not also or not self._has_lease():
            self.lost = True
            self._cancelled.set()
            raise LostLeaseError(self._run)

    def confirm(self) -> None:
        """Return if it was carried out here. Raises LostLeaseError where another process has taken it over."""
        if not self._has_lease():
            self.lost = True
            raise LostLeaseError(self._run)

    def _has_lease(self) -> bool:
        """Ask the database, for as long as it takes: nothing may be begun without its word."""
        while True:
            try:
                return self._leases.check(self._lease)
            except SQLAlchemyError:
                self._cancelled.wait(LOOK)
                self._stop_if_asked()

    def hold(self, task: str, subtask: str, text: str, until: float) -> None:
        """Wait until then (seconds since the epoch).

        In one process the time that passes counts, not the clock, which may be set meanwhile.
        """
        end = time.monotonic() + until - time.time()
        with _Waiting(self, Wait(self._run, task, subtask, text, time.time(), until)):
            while (left := end - time.monotonic()) > 0:
                self._cancelled.wait(min(left, LOOK))
                self._stop_if_asked()
                self._leave_if_all_wait()

    def approval(self, task: str, subtask: str, text: str) -> Word:
        """Wait for a person's word on the task, for as long as it takes."""
        since = time.time()
        with _Waiting(self, Wait(self._run, task, subtask, text, since, None)):
            while (word := self._word(task, subtask)) is None:
                self._cancelled.wait(LOOK)
                self._stop_if_asked()
                self._leave_if_all_wait()
        return word

    @contextlib.contextmanager
    def question(self, task: str, subtask: str, text: str) -> Iterator[Callable[[], str]]:
        """Ask a person while the sub-task goes on; what is given tells who has said yes, empty while nobody has.

        What was said before it was asked is no answer: it may have been to another question. One that is left without
        an answer, and not by an error, is withdrawn.
        """
        before = len(self._approvals(task, subtask))

        def answer() -> Word | None:
            return next(iter(self._approvals(task, subtask)[before:]), None)

        self._announce(Wait(self._run, task, subtask, text, time.time(), None))
        try:
            yield lambda: word.who if (word := answer()) else ""
        finally:
            self._store.end_wait(self._run, task)
        if word := answer():
            self.tell_approval(task, subtask, word)
        else:
            self._bus.emit(Kind.TASK_WITHDRAWN, task, name=subtask, text=text)

    def tell_approval(self, task: str, subtask: str, word: Word) -> dict[str, Any]:
        """Tell who has said yes; what is kept of it."""
        said = {"who": word.who, "reason": word.reason, "at": word.at}
        self._bus.emit(Kind.TASK_APPROVED, task, name=subtask, **said)
        return said

    def recall(self, task: str, why: str) -> None:
        """Have the whole run taken back, whoever carries out its parts."""
        if not self._recalled.is_set():
            self._recalled.set()
            self._store.say(self._run, Word("recall", task, "", why, time.time()))

    def running(self, segments: int | None) -> None:
        """Note how many segments are under way; None while that is being decided."""
        with self._lock:
            self._running = segments

    def begin_wait(self, wait: Wait) -> None:
        """Note that a task waits, here and for all to see."""
        with self._lock:
            self._waiting += 1
        self._announce(wait)

    def end_wait(self, wait: Wait, *, over: bool) -> None:
        """Note that it waits no more; what is `over` is forgotten, what was interrupted is left to be seen."""
        with self._lock:
            self._waiting -= 1
        if over:
            self._store.end_wait(self._run, wait.task)

    def _announce(self, wait: Wait) -> None:
        self._store.begin_wait(wait)
        self._bus.emit(Kind.TASK_WAITING, wait.task, name=wait.subtask, text=wait.text, until=wait.until)

    def _word(self, task: str, subtask: str) -> Word | None:
        """The first approval of a task, or of one of its sub-tasks."""
        return next(iter(self._approvals(task, subtask)), None)

    def _approvals(self, task: str, subtask: str) -> list[Word]:
        fits = {task, f"{task}/{subtask}"}
        return [word for word in self._store.words(self._run, "approve") if word.task in fits]

    def _stop_if_asked(self) -> None:
        if self._cancelled.is_set():
            raise InterruptedRunError(self._run)

    def _leave_if_all_wait(self) -> None:
        with self._lock:
            alone = self._running == self._waiting
        if self._exit_on_wait and alone:
            self.ending = Status.WAITING
            self._cancelled.set()
            raise WaitingRunError(self._run)

    def _look(self) -> None:
        while not self._closing.wait(LOOK):
            try:
                wanted = self._store.wanted(self._run)
                if not self._recalled.is_set() and self._store.words(self._run, "recall"):
                    self._recalled.set()
            except SQLAlchemyError:
                continue  # a database that is away for a moment is asked again
            if wanted == "cancel" and not self._cancelled.is_set():
                self.ending = Status.CANCELLED
                self._cancelled.set()
            if wanted == "pause" and self._open.is_set():
                self._open.clear()
                self._say(Status.PAUSED, Kind.RUN_PAUSED)
            if wanted != "pause" and not self._open.is_set():
                self._say(Status.RUNNING, Kind.RUN_UNPAUSED)
                self._open.set()

    def _say(self, status: Status, kind: Kind) -> None:
        if self.tells:
            self._store.update(self._run, status=str(status))
            self._bus.emit(kind)


class _Waiting:
    def __init__(self, control: Control, wait: Wait) -> None:
        self._control = control
        self._wait = wait

    def __enter__(self) -> None:
        self._control.begin_wait(self._wait)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._control.end_wait(self._wait, over=kind is None)
