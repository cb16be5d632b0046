"""An attempt of a run: what is known of its tasks beforehand, and who was told what of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ws_deployment.engine.events import EventBus, Kind
from ws_deployment.engine.outcome import Outcome
from ws_deployment.engine.pipeline import Task
from ws_deployment.engine.store import Word
from ws_deployment.interfaces import Undo


@dataclass(frozen=True)
class Attempt:
    """Which attempt of a run it is, and what is known of its tasks beforehand.

    `kept` are outcomes of earlier attempts that stand, `done` what they did of tasks that are carried out again.
    `marked` are tasks that a person said to have done by hand. `told` are tasks whose end was told before; nobody is
    told again.
    """

    number: int = 1
    kept: Mapping[str, Outcome] = field(default_factory=dict)
    marked: Mapping[str, Word] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    done: Mapping[str, Undo] = field(default_factory=dict)

    def redone(self, tasks: Iterable[Task]) -> tuple[str, ...]:
        """Keys of the tasks that are carried out again."""
        return tuple(task.key for task in tasks if task.key not in self.kept)


class Teller:
    """Tells the beginning and the end of each task of an attempt once, whatever is carried out again."""

    def __init__(self, bus: EventBus, attempt: Attempt) -> None:
        self._bus = bus
        self._lock = threading.Lock()
        self._begun = set(attempt.told)
        self._ended = set(attempt.told)

    def were_told(self, tasks: Iterable[str]) -> None:
        """Tell the ends of these tasks no more: others have."""
        with self._lock:
            self._ended.update(tasks)

    def begins(self, task: Task, output: str) -> None:
        """A task begins, with the file for its full output."""
        if self._first(task, self._begun):
            self._bus.emit(Kind.TASK_STARTED, task.key, output=output)

    def ends(self, task: Task, outcome: Outcome) -> None:
        """A task has come to an end."""
        if not self._first(task, self._ended):
            return
        problem = outcome.problem
        self._bus.emit(
            Kind.TASK_FINISHED,
            task.key,
            status=outcome.status,
            reason=str(problem) if problem else outcome.reason,
            remedy=problem.remedy if problem else "",
            seconds=round(outcome.seconds, 3),
            attempts=outcome.attempts,
            outputs=outcome.outputs,
        )

    def _first(self, task: Task, told: set[str]) -> bool:
        with self._lock:
            first = task.key not in told
            told.add(task.key)
            return first
