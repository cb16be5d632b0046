"""Carries out a run: which segment goes when, what each task's phases came to, and how failures spread.

It is the journal's body: everything it decides by is either journaled or follows from what is.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ws_deployment.engine import journal
from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.events import Kind
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.limits import Limited
from ws_deployment.engine.outcome import Intent, Outcome, Status
from ws_deployment.engine.phases import Phases
from ws_deployment.engine.pipeline import ConfiguredStep, Segment, Task
from ws_deployment.errors import CancelledError
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.interfaces import Outputs, Scope, SubTask
from ws_deployment.tools.folders import private_folder

#: Seconds between two looks at the clock during a hold; a clock that is set is noticed this soon.
_LOOK = 1.0


class Runner:
    """One run, from its first segment to its last."""

    def __init__(
        self,
        surroundings: RunSurroundings,
        fleet: Fleet,
        steps: Mapping[str, ConfiguredStep],
        segments: tuple[Segment, ...],
    ) -> None:
        self._run = surroundings
        self._fleet = fleet
        self._steps = steps
        self._segments = {segment.name: segment for segment in segments}
        self._tasks = {task.key: task for segment in segments for task in segment.tasks}
        self._slots = threading.BoundedSemaphore(surroundings.config.defaults.parallelism)
        self._outcomes: dict[str, Outcome] = {}

    def coordinate(self) -> journal.Json:
        """Start each segment when all that it depends on is finished; the outcome of each task by its key."""
        waiting = dict(self._segments)
        running: dict[str, Callable[[], journal.Json]] = {}
        finished: queue.SimpleQueue[str] = queue.SimpleQueue()
        while waiting or running:
            for segment in self._ready(waiting, running):
                del waiting[segment.name]
                if blocked := self._blocked(segment):
                    self._block(segment, blocked)
                    continue
                result = journal.start_segment(self._run.run_id, segment.name, self._facts(segment))
                running[segment.name] = result
                threading.Thread(target=_notify, args=(segment.name, result, finished), daemon=True).start()
            if running:
                name = str(journal.once("next", lambda: {"segment": finished.get()})["segment"])
                try:
                    self._keep(running.pop(name)())
                except InterruptedRunError:
                    for other in running.values():
                        with contextlib.suppress(InterruptedRunError):
                            other()
                    raise
        return {key: outcome.as_json() for key, outcome in self._outcomes.items()}

    def segment(self, name: str, facts: journal.Json) -> journal.Json:
        """Carry out the tasks of a segment one after the other; their outcomes by key."""
        segment = self._segments[name]
        failed = frozenset(facts["failed"])
        fleet = self._fleet if segment.scope is Scope.CLUSTER else _without(self._fleet, failed)
        outputs: dict[str, Outputs] = dict(facts["outputs"])
        outcomes: dict[str, Outcome] = {}
        with self._slots, contextlib.closing(Limited()) as limited:
            for task in segment.tasks:
                outcome = self._task(task, fleet, outputs, limited)
                outputs[task.key] = outcome.outputs
                outcomes[task.key] = outcome
                if not outcome.status.good:
                    break
        return {key: outcome.as_json() for key, outcome in outcomes.items()}

    # -- between the segments ------------------------------------------------------------------------------------

    def _ready(self, waiting: Mapping[str, Segment], running: Mapping[str, object]) -> list[Segment]:
        unfinished = waiting.keys() | running.keys()
        return [segment for segment in waiting.values() if unfinished.isdisjoint(segment.after)]

    def _failed_clusters(self) -> frozenset[str]:
        bad = (key for key, outcome in self._outcomes.items() if not outcome.status.good)
        return frozenset(name for key in bad for name in self._tasks[key].clusters)

    def _blocked(self, segment: Segment) -> str:
        """Why the segment can't go on; empty where it can.

        A failed cluster ends its own tasks. For what clusters have in common the config's `onFailure` decides:
        `continue` goes on with those that are left.
        """
        failed = self._failed_clusters() & set(segment.clusters)
        left = set(segment.clusters) - failed
        goes_on = self._run.config.defaults.on_failure == "continue" and segment.scope is not Scope.CLUSTER
        if not failed or (left and goes_on):
            return ""
        culprits = [
            f"{key} {outcome.status}"
            for key, outcome in self._outcomes.items()
            if outcome.status.at_fault and failed & set(self._tasks[key].clusters)
        ]
        return ", ".join(culprits)

    def _block(self, segment: Segment, reason: str) -> None:
        for task in segment.tasks:
            self._finish(task, Outcome(Status.BLOCKED, reason=reason))

    def _keep(self, outcomes: journal.Json) -> None:
        """Take in a finished segment; tasks that it did not come to are blocked by the one it ended with."""
        known = {key: Outcome.from_json(outcome) for key, outcome in outcomes.items()}
        self._outcomes |= known
        last = next(reversed(known))
        segment = next(s for s in self._segments.values() if any(task.key == last for task in s.tasks))
        for task in segment.tasks:
            if task.key not in known:
                self._finish(task, Outcome(Status.BLOCKED, reason=f"{last} {known[last].status}"))

    def _finish(self, task: Task, outcome: Outcome) -> None:
        self._outcomes[task.key] = outcome
        self._tell(task, outcome)

    def _facts(self, segment: Segment) -> journal.Json:
        """What the segment must know of those before it: failed clusters, and outputs of its clusters' tasks."""
        own = set(segment.clusters)
        return {
            "failed": sorted(self._failed_clusters() & own),
            "outputs": {
                key: dict(outcome.outputs)
                for key, outcome in self._outcomes.items()
                if outcome.outputs and own & set(self._tasks[key].clusters)
            },
        }

    # -- one task ------------------------------------------------------------------------------------------------

    def _task(self, task: Task, fleet: Fleet, outputs: Mapping[str, Outputs], limited: Limited) -> Outcome:
        self._run.bus.emit(Kind.TASK_STARTED, task.key)
        context = TaskContext(self._run, fleet, task, outputs)
        private_folder(context.folder)
        phases = Phases(task, self._steps[task.step], context, self._run.bus, limited)
        started = time.monotonic()
        try:
            intent = Intent.from_json(journal.once(f"{task.key}/intent", lambda: phases.intend().as_json()))
            outcome = self._carry_out(task, intent, phases)
        except CancelledError as error:
            raise InterruptedRunError(task.key) from error
        outcome = replace(outcome, seconds=time.monotonic() - started)
        self._tell(task, outcome)
        return outcome

    def _carry_out(self, task: Task, intent: Intent, phases: Phases) -> Outcome:
        if intent.plan is None:
            return Outcome(intent.status, problem=intent.problem, reason=intent.reason)
        outputs: dict[str, Any] = {}
        attempts = 0
        for subtask in intent.plan.subtasks:
            last = subtask is intent.plan.subtasks[-1]
            outcome = self._subtask(task, subtask, phases, last=last)
            attempts = max(attempts, outcome.attempts)
            outputs |= outcome.outputs
            if not outcome.status.good:
                return replace(outcome, attempts=attempts, outputs=outputs)
        return Outcome(Status.DONE, attempts=attempts, outputs=outputs, reason=intent.plan.summary)

    def _subtask(self, task: Task, subtask: SubTask, phases: Phases, *, last: bool) -> Outcome:
        name = f"{task.key}/{subtask.name}"
        told = {"name": subtask.name, "summary": subtask.summary}
        self._run.bus.emit(Kind.SUBTASK_STARTED, task.key, **told, hold=subtask.hold)
        if subtask.hold:
            until = journal.once(name, lambda: {"until": time.time() + subtask.hold})["until"]
            self._hold(float(until))
            outcome = Outcome(Status.DONE, subtask.hold)
        else:
            outcome = Outcome.from_json(journal.once(name, lambda: phases.attempt(subtask, last=last).as_json()))
        self._run.bus.emit(
            Kind.SUBTASK_FINISHED, task.key, **told, status=outcome.status, seconds=round(outcome.seconds, 3)
        )
        return outcome

    def _hold(self, until: float) -> None:
        while (left := until - time.time()) > 0:
            if self._run.cancelled.wait(min(left, _LOOK)):
                raise CancelledError("holding", why="asked to stop")

    def _tell(self, task: Task, outcome: Outcome) -> None:
        problem = outcome.problem
        self._run.bus.emit(
            Kind.TASK_FINISHED,
            task.key,
            status=outcome.status,
            reason=str(problem) if problem else outcome.reason,
            remedy=problem.remedy if problem else "",
            seconds=round(outcome.seconds, 3),
            attempts=outcome.attempts,
            outputs=outcome.outputs,
        )


def _notify(name: str, result: Callable[[], journal.Json], finished: queue.SimpleQueue[str]) -> None:
    """Put the segment's name into `finished` when it has ended, however it ended."""
    with contextlib.suppress(BaseException):
        result()
    finished.put(name)


def _without(fleet: Fleet, failed: frozenset[str]) -> Fleet:
    left = tuple(cluster for cluster in fleet.workspace_clusters if cluster.short_name not in failed)
    return replace(fleet, workspace_clusters=left)
