"""What a run has durably done. The one module that knows DBOS, the durable library; see docs/decisions/.

A run is a workflow, each of its segments a child workflow, each intent and outcome a step. All of it is JSON.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandle
from dbos._serialization import DBOSPortableJSONSerializer

#: Version of what the journal holds. A run goes on only under a program that writes the same.
FORMAT = "journal-1"

#: Seconds that a thread keeps the interpreter while others want it. A write to the journal waits for the disk and then
#: for the interpreter: by Python's default of 5 ms a reader of events could hold it up longer than the write took.
SWITCH_INTERVAL = 0.0005

Json = Mapping[str, Any]


class Body(Protocol):
    """What the journal calls to carry out a run: the runner."""

    def coordinate(self) -> Json:
        """Carry out the whole run, segment by segment; its summary."""
        ...

    def segment(self, name: str, facts: Json) -> Json:
        """Carry out one segment, told what is known of the others; its outcomes."""
        ...


_bodies: dict[str, Body] = {}


@DBOS.workflow(name="run")
def _run(run_id: str, _record: Json) -> Json:
    return _bodies[run_id].coordinate()


@DBOS.workflow(name="segment")
def _segment(run_id: str, name: str, facts: Json) -> Json:
    return _bodies[run_id].segment(name, facts)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[str]:
    """Open the journal in `folder` (made 0700; the file is 0600), give its database URL, close it at the end."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "state.db"
    _prepare(path)
    url = f"sqlite:///{path.resolve()}"
    logging.getLogger("dbos").setLevel(logging.CRITICAL + 1)
    DBOS(
        config=DBOSConfig(
            name="ws-deployment",
            system_database_url=url,
            application_version=FORMAT,
            executor_id=f"cli-{uuid.uuid4().hex}",
            serializer=DBOSPortableJSONSerializer(),
            enable_otlp=False,
            log_level="CRITICAL",
            scheduler_polling_interval_sec=3600,
        )
    )
    DBOS.listen_queues([])
    DBOS.launch()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield url
    finally:
        sys.setswitchinterval(interval)
        DBOS.destroy()


def _prepare(path: Path) -> None:
    """Make the file private before anything is in it, and switch it to WAL, which DBOS leaves to its user."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def carry_out(run_id: str, record: Json, body: Body) -> Json:
    """Carry out a run from its beginning and return its summary. `record` is kept as the run's input."""
    _bodies[run_id] = body
    with SetWorkflowID(run_id):
        handle: WorkflowHandle[Json] = DBOS.start_workflow(_run, run_id, record)
    return handle.get_result()


def start_segment(run_id: str, name: str, facts: Json) -> Callable[[], Json]:
    """Start a segment beside the others; call what is returned to wait for its outcomes."""
    with SetWorkflowID(f"{run_id}/{name}"):
        handle: WorkflowHandle[Json] = DBOS.start_workflow(_segment, run_id, name, facts)
    return handle.get_result


def once(name: str, work: Callable[[], Json]) -> Json:
    """Do `work` and journal what it returns; where that is journaled already, return that instead."""
    return DBOS.run_step({"name": name}, work)
