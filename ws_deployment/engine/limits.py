"""Calls work whose phases have time limits: in a thread of its own, which is left behind when a phase does not return.

One call serves all the tasks of a segment: handing work to another thread costs more than a small phase.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")
#: Seconds between two looks at the limit, which another phase may have set anew.
_LOOK = 0.25
#: Seconds between two looks whether a phase has ended that was asked to.
_LOOK_OVERDUE = 0.02


class OverdueError(Exception):
    """A phase did not return within its limit. It may still go on; nothing waits for it any more."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit


class LeftBehindError(BaseException):
    """Ends a thread that nobody waits for any more. No Exception, so that nothing is made of it."""


class Limited:
    """Calls work, one after the other. Close it when no more is to come."""

    def __init__(self) -> None:
        self._thread: _Thread | None = None

    def call(self, work: Callable[[], _T]) -> _T:
        """What `work` returns or raises; it wraps what has time limits into `group`.

        When one of them does not end, its thread is left behind, and `work` is called anew in another, where the first
        group is not tried but raises OverdueError: until there, `work` must return what was found out before.
        """
        while True:
            thread = self._thread = self._thread or _Thread()
            thread.work.put(work)
            answer = thread.answer()
            if isinstance(answer, OverdueError):
                self.close()
                self._thread = _Thread(overdue=answer.limit)
                continue
            if isinstance(answer, _Raised):
                raise answer.error
            result: _T = answer
            return result

    def group(self, work: Callable[[], _T], stop: Callable[[], None], grace: float) -> _T:
        """What `work` returns or raises, some phases that are limited by `within`; alone or inside of `call`.

        When one of them is out of time `stop` is called, and it has `grace` seconds more to end. Raises OverdueError
        even if it does.
        """
        thread = threading.current_thread()
        if thread is not self._thread:
            return self.call(lambda: self.group(work, stop, grace))
        self._thread.settle()
        self._thread.stop, self._thread.grace = stop, grace
        try:
            return work()
        finally:
            thread.settle()

    def within(self, limit: float, work: Callable[[], _T]) -> _T:
        """What a phase returns or raises, limited to `limit` seconds; called from inside of `group`."""
        thread = threading.current_thread()
        if not isinstance(thread, _Thread):
            msg = "a phase is limited only inside of a group"
            raise TypeError(msg)
        thread.limit, thread.end = limit, time.monotonic() + limit
        try:
            return work()
        finally:
            thread.end = math.inf

    def close(self) -> None:
        """Let the thread end when its present work has ended."""
        if self._thread:
            self._thread.work.put(None)
            self._thread = None


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Thread(threading.Thread):
    """`end` is when the present phase is out of time (`time.monotonic`); infinite between phases."""

    def __init__(self, overdue: float | None = None) -> None:
        super().__init__(name="phases", daemon=True)
        self.work: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self.stop: Callable[[], None] = lambda: None
        self.grace = 0.0
        self.limit = self.end = math.inf
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._overdue = overdue
        self._left_behind = False
        self._lock = threading.Lock()
        self.start()

    def run(self) -> None:
        while (work := self.work.get()) is not None:
            try:
                self._answers.put(work())
            except LeftBehindError:
                return
            except BaseException as error:  # noqa: BLE001  handed on to the caller
                self._answers.put(_Raised(error))

    def answer(self) -> Any:
        """What the present work returned or raised; an OverdueError where it is not waited for any more."""
        while True:
            try:
                return self._answers.get(timeout=max(min(self.end - time.monotonic(), _LOOK), 0.0))
            except queue.Empty:
                if time.monotonic() >= self.end and not self._ends_when_asked():
                    return OverdueError(self.limit)

    def settle(self) -> None:
        """Say of a group that one of its phases was out of time; called in this thread."""
        with self._lock:
            if self._left_behind:
                raise LeftBehindError
            limit, self._overdue = self._overdue, None
        if limit is not None:
            raise OverdueError(limit)

    def _ends_when_asked(self) -> bool:
        with self._lock:
            self._overdue = self.limit
        self.stop()
        end = time.monotonic() + self.grace
        while time.monotonic() < end:
            if self.end == math.inf:
                return True
            time.sleep(_LOOK_OVERDUE)
        with self._lock:
            self._left_behind = self.end != math.inf
        return not self._left_behind
