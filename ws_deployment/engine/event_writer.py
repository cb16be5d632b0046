"""Keeps a run's events in the store, in batches, from a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from ws_deployment.engine.events import Event

#: Longest time, in seconds, that an event waits for others to be written with it.
BATCH = 0.25


class EventWriter:
    """A reader of events. They wait until `begin` says where to keep them; past ones are kept already."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Event | threading.Event | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Have the event written soon."""
        if not event.past:
            self._queue.put(event)

    def begin(self, keep: Callable[[list[Event]], None]) -> None:
        """From now on have events kept by `keep`."""
        self._thread = threading.Thread(target=self._write, args=(keep,), name="event-writer", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Return when all events so far are kept."""
        if self._thread and self._thread.is_alive():
            self._queue.put(kept := threading.Event())
            self._hurry.set()
            while not kept.wait(BATCH) and self._thread.is_alive():
                pass

    def close(self) -> None:
        """Write what is left and end."""
        if self._thread:
            self._queue.put(None)
            self._hurry.set()
            self._thread.join()

    def _write(self, keep: Callable[[list[Event]], None]) -> None:
        more, left = True, list[Event]()
        while more:
            batch, waiting, more = self._batch()
            left += batch
            if left:
                with contextlib.suppress(SQLAlchemyError):  # a disk that is full now is tried with the next batch
                    keep(left)
                    left = []
            for kept in waiting:
                kept.set()

    def _batch(self) -> tuple[list[Event], list[threading.Event], bool]:
        """What came within a moment, who waits for it, and whether more may come."""
        events: list[Event] = []
        waiting: list[threading.Event] = []
        taken = self._queue.get()
        if isinstance(taken, Event):
            self._hurry.wait(BATCH)
        self._hurry.clear()
        while taken is not None:
            if isinstance(taken, Event):
                events.append(taken)
            else:
                waiting.append(taken)
            try:
                taken = self._queue.get_nowait()
            except queue.Empty:
                return events, waiting, True
        return events, waiting, False
