"""What a run has durably done. The one module that knows DBOS, the durable library; see docs/decisions/.

A run is a workflow, each of its segments a child workflow, each intent and outcome a step. All of it is JSON. A retry
is a further workflow of the same run, an *attempt*, that is told what is done already.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID, WorkflowHandle
from dbos._context import get_local_dbos_context
from dbos._dbos import _get_dbos_instance
from dbos._queue import queue_worker_thread
from dbos._serialization import DBOSPortableJSONSerializer

from ws_deployment.engine.state import FORMAT, State

#: Queues that workers take runs and segments from.
RUNS, SEGMENTS = "runs", "segments"

#: Seconds that a thread keeps the interpreter while others want it. A write to the journal waits for the disk and then
#: for the interpreter: by Python's default of 5 ms a reader of events could hold it up longer than the write took.
_SWITCH_INTERVAL = 0.0005
#: Seconds between two looks for what shall be taken up, and at a segment that another process carries out.
_LOOK, _LOOK_ELSEWHERE = 0.02, 0.1
#: Seconds that the library's listener sleeps at a time; closing the journal waits for it.
_CLOSE = 0.1
#: Workflows that one process carries out at once; more than the most segments of a run.
_THREADS = 256

Json = Mapping[str, Any]


class Body(Protocol):
    """What the journal calls to carry out an attempt of a run: the runner."""

    def coordinate(self) -> Json:
        """Carry out the whole run, segment by segment; its summary."""
        ...

    def segment(self, name: str, facts: Json) -> Json:
        """Carry out one segment, told what is known of the others; its outcomes."""
        ...


Bodies = Callable[[str, int], Body]
_bodies: Bodies
#: Where each run that was taken up here says why it stopped without an end.
_stopped: dict[str, queue.SimpleQueue[BaseException]] = {}


@DBOS.workflow(name="run", max_recovery_attempts=None)
def _run(run: str, attempt: int) -> Json:
    try:
        return _bodies(run, attempt).coordinate()
    except BaseException as error:
        if run in _stopped:  # whoever took it up waits at the database, where a stopped run leaves no trace
            _stopped[run].put(error)
        raise


@DBOS.workflow(name="segment", max_recovery_attempts=None)
def _segment(run: str, attempt: int, name: str, facts: Json) -> Json:
    return _bodies(run, attempt).segment(name, facts)


@contextlib.contextmanager
def opened(state: State, executor: str, bodies: Bodies, *, worker: bool = False) -> Iterator[None]:
    """Open the journal of a prepared state and close it at the end.

    `executor` is this process's name, unlike any other's. `bodies` makes what carries out an attempt of a run. A
    `worker` takes from the queues.
    """
    global _bodies  # noqa: PLW0603  the library calls functions of a module, and knows no arguments of ours
    _bodies = bodies
    logging.getLogger("dbos").setLevel(logging.CRITICAL + 1)
    DBOS(
        config=DBOSConfig(
            name="ws-deployment",
            system_database_url=state.url,
            application_version=FORMAT,
            executor_id=executor,
            serializer=DBOSPortableJSONSerializer(),
            enable_otlp=False,
            log_level="CRITICAL",
            scheduler_polling_interval_sec=3600,
            notification_listener_polling_interval_sec=_CLOSE,
            max_executor_threads=_THREADS,
        )
    )
    DBOS.listen_queues([RUNS, SEGMENTS] if worker else [])
    DBOS.launch()
    if worker:
        _register_queues()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        DBOS.destroy()


def workflow(run: str, attempt: int) -> str:
    """Name of an attempt's workflow; those of its segments follow a slash."""
    return run if attempt == 1 else f"{run}~{attempt}"


def has(run: str, attempt: int) -> bool:
    """Whether an attempt was ever begun or queued."""
    return bool(DBOS.list_workflows(workflow_ids=[workflow(run, attempt)], load_input=False, load_output=False))


def carry_out(run: str, attempt: int) -> Json:
    """Carry out an attempt from its beginning and return its outcomes."""
    with SetWorkflowID(workflow(run, attempt)):
        handle: WorkflowHandle[Json] = DBOS.start_workflow(_run, run, attempt)
    return handle.get_result()


def take_up(run: str, attempt: int) -> Json:
    """Go on with an attempt that another process began and left; its outcomes.

    Whoever calls this holds the run's lease: what the other process may still believe to carry out is taken from it.
    """
    name = workflow(run, attempt)
    if not has(run, attempt):
        return carry_out(run, attempt)
    own = DBOS.register_queue(f"carry-{run}", polling_interval_sec=_LOOK)
    done = threading.Event()
    looking = threading.Thread(target=queue_worker_thread, args=(done, _get_dbos_instance(), own), daemon=True)
    stopped = _stopped[run] = queue.SimpleQueue()
    try:
        _enqueue(name, own.name)
        looking.start()
        while (outcome := result(run, attempt)) is None:
            with contextlib.suppress(queue.Empty):
                raise stopped.get(timeout=_LOOK_ELSEWHERE)
        return outcome
    finally:
        done.set()
        del _stopped[run]


def _enqueue(name: str, target: str) -> None:
    """Put a workflow and its children into a queue, as far as other processes have them under way."""
    system = _get_dbos_instance()._sys_db  # noqa: SLF001  the library has no public way; its version is pinned
    for prefix in (name, f"{name}/"):
        for found in DBOS.list_workflows(workflow_id_prefix=prefix, status="PENDING", load_input=False):
            mine = found.workflow_id == name or found.workflow_id.startswith(f"{name}/")
            if mine and found.executor_id:
                system.reenqueue_for_recovery(found.workflow_id, [found.executor_id], target)


def at_work() -> set[str]:
    """Names of the processes that have something of the workers' queues under way, alive or not."""
    system = _get_dbos_instance()._sys_db  # noqa: SLF001  as above
    table = system.tables.workflow_status
    query = sa.select(table.c.executor_id).distinct()
    query = query.where(table.c.status == "PENDING", table.c.queue_name.in_((RUNS, SEGMENTS)))
    with system.engine.connect() as connection:
        return set(connection.execute(query.where(table.c.application_version == FORMAT)).scalars())


def recover(executor: str) -> int:
    """Put back into their queues what a dead worker had under way; how much it was."""
    system = _get_dbos_instance()._sys_db  # noqa: SLF001  as above
    pending = system.get_pending_workflows(executor, FORMAT)
    return sum(
        system.reenqueue_for_recovery(found.workflow_id, [executor], SEGMENTS if "/" in found.workflow_id else RUNS)
        for found in pending
    )


def enqueue(run: str, attempt: int) -> None:
    """Leave an attempt to the workers, from its beginning or from where it stands. No process is at it."""
    _register_queues()
    name = workflow(run, attempt)
    if has(run, attempt):
        _hand_over(name)
        return
    with SetWorkflowID(name):
        DBOS.enqueue_workflow(RUNS, _run, run, attempt)


def _register_queues() -> None:
    DBOS.register_queue(RUNS, polling_interval_sec=_LOOK_ELSEWHERE)
    DBOS.register_queue(SEGMENTS, polling_interval_sec=_LOOK_ELSEWHERE)


def _hand_over(name: str) -> None:
    """Put a workflow and its children into the workers' queues, whatever queue they were in before."""
    system = _get_dbos_instance()._sys_db  # noqa: SLF001  as above
    table = system.tables.workflow_status
    values = {"status": "ENQUEUED", "owner_xid": None, "started_at_epoch_ms": None}
    unfinished = table.c.status.in_(("PENDING", "ENQUEUED"))
    with system.engine.begin() as connection:
        for mine, target in (
            (table.c.workflow_uuid == name, RUNS),
            (table.c.workflow_uuid.startswith(f"{name}/", autoescape=True), SEGMENTS),
        ):
            connection.execute(sa.update(table).where(unfinished, mine).values(**values, queue_name=target))


def start_segment(run: str, attempt: int, name: str, facts: Json, *, enqueue: bool = False) -> Callable[[], Json]:
    """Start a segment beside the others, here or by a worker; call what is returned to wait for its outcomes."""
    with SetWorkflowID(f"{workflow(run, attempt)}/{name}"):
        handle: WorkflowHandle[Json]
        if enqueue:
            handle = DBOS.enqueue_workflow(SEGMENTS, _segment, run, attempt, name, facts)
        else:
            handle = DBOS.start_workflow(_segment, run, attempt, name, facts)
    return lambda: handle.get_result(polling_interval_sec=_LOOK_ELSEWHERE)


def once(name: str, work: Callable[[], Json]) -> Json:
    """Do `work` and journal what it returns; where that is journaled already, return that instead."""
    return DBOS.run_step({"name": name}, work)


def replayed(work: Callable[[], Json]) -> Callable[[], Json]:
    """`work` of a segment, for another thread while this one waits for it; called again, it begins anew.

    What it journaled the first time is returned to it the second time.
    """
    here, workflow = contextvars.copy_context(), get_local_dbos_context()
    begin = workflow.function_id if workflow else 0

    def anew() -> Json:
        if workflow:
            workflow.function_id = begin
        return here.copy().run(work)

    return anew


def kept(run: str, attempt: int) -> dict[str, Json]:
    """What the segments of an attempt journaled, by name of the entry, in the order of each segment."""
    entries: dict[str, Json] = {}
    for found in DBOS.list_workflows(workflow_id_prefix=f"{workflow(run, attempt)}/", load_input=False):
        for step in DBOS.list_workflow_steps(found.workflow_id):
            if isinstance(step["output"], Mapping):
                entries[step["function_name"]] = step["output"]
    return entries


def result(run: str, attempt: int) -> Json | None:
    """The outcomes of an attempt; None while it has not ended."""
    found = DBOS.list_workflows(workflow_ids=[workflow(run, attempt)], load_input=False)
    output: Json | None = found[0].output if found and found[0].status == "SUCCESS" else None
    return output


def forget(run: str) -> None:
    """Remove all that is journaled of a run."""
    prefix = (f"{run}/", f"{run}~")
    found = DBOS.list_workflows(workflow_id_prefix=run, load_input=False, load_output=False)
    names = [one.workflow_id for one in found if one.workflow_id == run or one.workflow_id.startswith(prefix)]
    if names:
        DBOS.delete_workflows(names)
    DBOS.delete_queue(f"carry-{run}")
