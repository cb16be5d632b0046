"""Calls work whose phases have time limits: in a thread of its own, which is given up when a phase does not return.

One thread serves many calls, and one call many phases: handing work to another thread costs more than a small phase.
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


class OverdueError(Exception):
    """A phase did not return within its limit. It may still go on; nothing waits for it any more."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit


class Limited:
    """Calls work, one after the other. Close it when no more is to come."""

    def __init__(self) -> None:
        self._thread: _Thread | None = None

    def call(self, work: Callable[[], _T], stop: Callable[[], None], grace: float) -> _T:
        """What `work` returns or raises. Its phases are limited by `within`, called from inside of it.

        When a phase is out of time `stop` is called, and it has `grace` seconds more to end. Raises OverdueError even
        if it does.
        """
        thread = self._thread = self._thread or _Thread()
        thread.work.put(work)
        while True:
            try:
                answer = thread.answers.get(timeout=max(min(thread.end - time.monotonic(), _LOOK), 0.0))
            except queue.Empty:
                if time.monotonic() < thread.end:
                    continue
                limit = thread.limit
                stop()
                self.close()
                thread.join(grace)
                raise OverdueError(limit) from None
            if isinstance(answer, _Raised):
                raise answer.error
            result: _T = answer
            return result

    def within(self, limit: float, work: Callable[[], _T]) -> _T:
        """What a phase returns or raises, limited to `limit` seconds; called from inside of `call`."""
        thread = threading.current_thread()
        if not isinstance(thread, _Thread):
            msg = "a phase is limited only inside of a call"
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

    def __init__(self) -> None:
        super().__init__(name="phases", daemon=True)
        self.work: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.limit = self.end = math.inf
        self.start()

    def run(self) -> None:
        while (work := self.work.get()) is not None:
            try:
                self.answers.put(work())
            except BaseException as error:  # noqa: BLE001  handed on to the caller
                self.answers.put(_Raised(error))
