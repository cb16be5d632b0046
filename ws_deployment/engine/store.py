"""The program's own tables beside the journal's: runs and their events. What `runs list` will read without DBOS."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ws_deployment.engine.events import Event

_metadata = sa.MetaData()
_runs = sa.Table(
    "wsd_runs",
    _metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("fleet", sa.String, nullable=False, index=True),
    sa.Column("cluster_id", sa.Integer, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("finished", sa.Float),
)
_events = sa.Table(
    "wsd_events",
    _metadata,
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
)

#: Longest time, in seconds, that an event waits for others to be written with it.
BATCH = 0.25


class Store:
    """Runs and events in one database. Threads may share it."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)
        _metadata.create_all(self._engine)

    def begin_run(self, run: str, fleet: str, cluster_id: int) -> float:
        """Record that a run has begun, and return when (seconds since the epoch)."""
        now = time.time()
        row = {"id": run, "fleet": fleet, "cluster_id": cluster_id, "status": "running", "created": now}
        with self._engine.begin() as connection:
            connection.execute(_runs.insert(), row)
        return now

    def end_run(self, run: str, status: str) -> None:
        """Record how a run ended; one that never began is not there."""
        with self._engine.begin() as connection:
            connection.execute(_runs.update().where(_runs.c.id == run).values(status=status, finished=time.time()))

    def used_ids(self, fleet: str) -> frozenset[int]:
        """Cluster ids of all runs of the fleet so far."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_runs.c.cluster_id).where(_runs.c.fleet == fleet))
            return frozenset(row.cluster_id for row in rows)

    def add_events(self, events: list[Event]) -> None:
        """Keep events, all or none."""
        rows = [{"run": e.run, "seq": e.seq, "event": json.dumps(e.as_json(), separators=(",", ":"))} for e in events]
        with self._engine.begin() as connection:
            connection.execute(_events.insert(), rows)

    def events(self, run: str) -> list[Mapping[str, Any]]:
        """The events of a run in order, in their documented JSON form."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_events.c.event).where(_events.c.run == run).order_by(_events.c.seq))
            return [json.loads(row.event) for row in rows]

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


class EventWriter:
    """A reader of events that keeps them in the store, in batches, from a thread of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="event-writer", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Have the event written soon."""
        self._queue.put(event)

    def close(self) -> None:
        """Write what is left and end."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        more = True
        while more:
            batch, more = self._batch()
            if batch:
                self._store.add_events(batch)

    def _batch(self) -> tuple[list[Event], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        threading.Event().wait(BATCH)
        batch = [first]
        while not self._queue.empty():
            event = self._queue.get()
            if event is None:
                return batch, False
            batch.append(event)
        return batch, True
