"""Events: what happened in a run, in order. The engine alone writes them; outputs read them.

The JSON form is documented in docs/events.md and versioned by `SCHEMA_VERSION`.
"""

from __future__ import annotations

import enum
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ws_deployment.redaction import redact

#: Raised whenever a reader of the JSON form could misread it.
SCHEMA_VERSION = 1


class Kind(enum.StrEnum):
    """What happened. The keys of an event's `data` follow each kind."""

    #: fleet, environment, clusterId, clusters, metaClusters, steps, tasks, configFile, state (folder),
    #: undoes (the run that this one rolls back; empty for others)
    RUN_STARTED = "run.started"
    #: message
    RUN_PROGRESS = "run.progress"
    #: attempt, again (keys of tasks that are carried out again), who, host
    RUN_RESUMED = "run.resumed"
    RUN_PAUSED = "run.paused"
    RUN_UNPAUSED = "run.unpaused"
    #: status, seconds; refusals (task, check, reason, remedy); problem (attempted, on, why, remedy)
    RUN_FINISHED = "run.finished"
    #: output (the file for its full output)
    TASK_STARTED = "task.started"
    #: check, decision, reason, remedy
    TASK_CHECKED = "task.checked"
    #: summary, change, diff, unknown, removal (a command), subtasks (names)
    TASK_PLANNED = "task.planned"
    #: message
    TASK_PROGRESS = "task.progress"
    #: attempt, attempts, wait (seconds), error
    TASK_RETRYING = "task.retrying"
    #: name, summary, hold (seconds)
    SUBTASK_STARTED = "subtask.started"
    #: name, text, until (seconds since the epoch; null where a person is waited for)
    TASK_WAITING = "task.waiting"
    #: name, who, reason, at (seconds since the epoch)
    TASK_APPROVED = "task.approved"
    #: name, text (the question that is asked no more)
    TASK_WITHDRAWN = "task.withdrawn"
    #: name, summary, status, seconds
    SUBTASK_FINISHED = "subtask.finished"
    #: shares (percent by short name), wanted, measured (the same, or null)
    TRAFFIC = "traffic"
    #: gate, cluster, stage (percent), verdict, value, baseline, samples, text, query, successWhen, failWhen, dryRun,
    #: counts (by verdict), action
    GATE = "gate"
    #: reason, parts (short names; empty for all that the task did), wholeRun
    TASK_TURNING_BACK = "task.turning-back"
    #: status, reason, remedy, seconds, attempts, outputs
    TASK_FINISHED = "task.finished"


@dataclass(frozen=True)
class Event:
    """One thing that happened. `seq` orders the events of a run; `at` is seconds since the epoch.

    A `past` event happened before this process took the run up: it is told so that readers know how things stand.
    """

    run: str
    seq: int
    at: float
    kind: Kind
    task: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    past: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Event:
        """The past event that `as_json` gave."""
        at = datetime.fromisoformat(data["time"]).timestamp()
        return cls(data["run"], data["seq"], at, Kind(data["kind"]), data["task"], data["data"], past=True)

    def as_json(self) -> dict[str, Any]:
        """The documented form."""
        return {
            "v": SCHEMA_VERSION,
            "run": self.run,
            "seq": self.seq,
            "time": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "kind": self.kind,
            "task": self.task,
            "data": dict(self.data),
        }


Reader = Callable[[Event], None]


class EventBus:
    """Hands each event to every reader, in order. A reader is called under a lock and must be quick."""

    def __init__(self, run: str) -> None:
        self.run = run
        self._numbers = itertools.count(1)
        self._readers: list[Reader] = []
        self._lock = threading.Lock()

    def subscribe(self, reader: Reader) -> None:
        """Hand every further event to `reader`."""
        self._readers.append(reader)

    def recall(self, events: Iterable[Event]) -> None:
        """Tell what happened before; new events are numbered after it."""
        with self._lock:
            for event in events:
                self._numbers = itertools.count(event.seq + 1)
                for reader in self._readers:
                    reader(event)

    def emit(self, kind: Kind, task: str | None = None, **data: Any) -> None:
        """Make an event of what happened; secrets in its texts are masked."""
        masked = {key: _masked(value) for key, value in data.items()}
        with self._lock:
            event = Event(self.run, next(self._numbers), time.time(), kind, task, masked)
            for reader in self._readers:
                reader(event)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
