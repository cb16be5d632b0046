"""Carries out an attempt of a run: which segment goes when, what each task's phases came to, how failures spread.

It is the journal's body: everything it decides by is either journaled or follows from what is.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ws_deployment.engine import journal
from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.control import Control
from ws_deployment.engine.deployment import Deployment
from ws_deployment.engine.events import Kind
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.limits import Limited
from ws_deployment.engine.outcome import Intent, Outcome, Status
from ws_deployment.engine.phases import Phases
from ws_deployment.engine.pipeline import Segment, Task
from ws_deployment.engine.store import Word
from ws_deployment.errors import CancelledError
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.interfaces import Outputs, Scope, SubTask
from ws_deployment.tools.folders import private_folder

#: Seconds between two looks at whether the run was asked to stop.
_LOOK = 0.25


@dataclass(frozen=True)
class Attempt:
    """Which attempt of a run it is, and what is known of its tasks beforehand.

    `kept` are outcomes of earlier attempts that stand. `marked` are tasks that a person said to have done by hand.
    `told` are tasks whose end was told before; nobody is told again.
    """

    number: int = 1
    kept: Mapping[str, Outcome] = field(default_factory=dict)
    marked: Mapping[str, Word] = field(default_factory=dict)
    told: frozenset[str] = frozenset()

    def redone(self, tasks: Iterable[Task]) -> tuple[str, ...]:
        """Keys of the tasks that are carried out again."""
        return tuple(task.key for task in tasks if task.key not in self.kept)


class Runner:
    """One attempt of a run, from its first segment to its last.

    With `workers` its segments are left to them; without, they are carried out here.
    """

    def __init__(self, deployment: Deployment, control: Control, attempt: Attempt, *, workers: bool = False) -> None:
        self._deployment = deployment
        self._run: RunSurroundings = deployment.surroundings
        self._fleet = deployment.fleet
        self._segments = {segment.name: segment for segment in deployment.segments}
        self._tasks = {task.key: task for segment in deployment.segments for task in segment.tasks}
        self._control = control
        self._attempt = attempt
        self._workers = workers
        self._outcomes: dict[str, Outcome] = dict(attempt.kept)
        self._begun = set(attempt.told)
        self._told = set(attempt.told)
        self._lock = threading.Lock()
        self._under_way = 0
        self._all_ended = threading.Event()
        self._all_ended.set()

    def coordinate(self) -> journal.Json:
        """Start each segment when all that it depends on is finished; the outcome of each task by its key.

        At most `defaults.parallelism` of them are under way.
        """
        most = self._run.config.defaults.parallelism
        waiting = {name: segment for name, segment in self._segments.items() if not self._is_kept(segment)}
        running: dict[str, Callable[[], journal.Json]] = {}
        finished: queue.SimpleQueue[str] = queue.SimpleQueue()
        while waiting or running:
            for segment in self._ready(waiting, running):
                if blocked := self._blocked(segment):
                    del waiting[segment.name]
                    self._block(segment, blocked)
                elif len(running) < most:
                    del waiting[segment.name]
                    running[segment.name] = self._start(segment, finished)
            if running:
                self._keep(running.pop(self._next(finished, running))())
        return {key: outcome.as_json() for key, outcome in self._outcomes.items()}

    def segment(self, name: str, facts: journal.Json) -> journal.Json:
        """Carry out the tasks of a segment one after the other; their outcomes by key."""
        with self._counted(), contextlib.closing(Limited()) as limited:
            return limited.call(journal.replayed(lambda: self._segment(self._segments[name], facts, limited)))

    def _segment(self, segment: Segment, facts: journal.Json, limited: Limited) -> journal.Json:
        failed = frozenset(facts["failed"])
        fleet = self._fleet if segment.scope is Scope.CLUSTER else _without(self._fleet, failed)
        outputs: dict[str, Outputs] = dict(facts["outputs"])
        outcomes: dict[str, Outcome] = {}
        for task in segment.tasks:
            outcome = self._attempt.kept.get(task.key) or self._task(task, fleet, outputs, limited)
            outputs[task.key] = outcome.outputs
            outcomes[task.key] = outcome
            if not outcome.status.good:
                break
        return {key: outcome.as_json() for key, outcome in outcomes.items()}

    def were_told(self, tasks: Iterable[str]) -> None:
        """Tell the ends of these tasks no more: others have."""
        self._told.update(tasks)

    def tell_ends(self, outcomes: Mapping[str, Outcome]) -> None:
        """Tell how tasks ended that are journaled, but that nobody was told of: a kill came between."""
        for key, outcome in outcomes.items():
            if key not in self._attempt.kept or self._attempt.number == 1:  # a first attempt's were recovered
                self._tell(self._tasks[key], outcome)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """Know whether segments are under way in this process: one that is asked to stop waits for them."""
        with self._lock:
            self._under_way += 1
            self._all_ended.clear()
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way:
                    self._all_ended.set()

    # -- between the segments ------------------------------------------------------------------------------------

    def _start(self, segment: Segment, finished: queue.SimpleQueue[str]) -> Callable[[], journal.Json]:
        run, number, facts = self._run.run_id, self._attempt.number, self._facts(segment)
        result = journal.start_segment(run, number, segment.name, facts, enqueue=self._workers)
        threading.Thread(target=_notify, args=(segment.name, result, finished), daemon=True).start()
        return result

    def _next(self, finished: queue.SimpleQueue[str], running: Mapping[str, object]) -> str:
        """Name of the segment that ended next; journaled, so that a replay takes them in the same order.

        After a replay `finished` still has those that the journal named: only what is still `running` counts.
        """

        def wait() -> journal.Json:
            self._control.running(len(running))
            while True:
                with contextlib.suppress(queue.Empty):
                    name = finished.get(timeout=_LOOK)
                    if name in running and not self._run.cancelled.is_set():
                        self._control.running(None)
                        return {"segment": name}
                if self._run.cancelled.is_set():
                    self._all_ended.wait()
                    raise InterruptedRunError(self._run.run_id)

        return str(journal.once("next", wait)["segment"])

    def _is_kept(self, segment: Segment) -> bool:
        return all(task.key in self._attempt.kept for task in segment.tasks)

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
        if not self._workers:
            self.tell_ends(known)
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
        context = TaskContext(self._run, fleet, task, {**self._deployment.inherited, **outputs})
        if task.key not in self._begun:
            self._begun.add(task.key)
            self._run.bus.emit(Kind.TASK_STARTED, task.key, output=str(context.output))
        private_folder(context.folder)
        # A later attempt is a person's decision to plan what failed anew.
        expected = self._deployment.expected(task) if self._attempt.number == 1 else None
        phases = Phases(task, self._deployment.configured(task), context, self._run.bus, limited, expected)
        started = time.monotonic()
        if task.key in self._attempt.marked:
            outcome = self._confirm(task, self._attempt.marked[task.key], phases)
        else:
            intent = Intent.from_json(self._once(f"{task.key}/intent", lambda: phases.intend().as_json()))
            outcome = self._carry_out(task, intent, phases)
        outcome = replace(outcome, seconds=time.monotonic() - started)
        self._tell(task, outcome)
        return outcome

    def _once(self, name: str, work: Callable[[], journal.Json]) -> journal.Json:
        """Journal what `work` comes to, if this process may still do it; one that is asked to stop leaves nothing."""

        def unless_stopped() -> journal.Json:
            self._control.may_go_on()
            try:
                return work()
            except CancelledError as error:
                raise InterruptedRunError(name) from error

        return journal.once(name, unless_stopped)

    def _confirm(self, task: Task, word: Word, phases: Phases) -> Outcome:
        """Take a task for done that a person did by hand, if it proves to be so."""
        outcome = Outcome.from_json(self._once(f"{task.key}/by hand", lambda: phases.confirm().as_json()))
        said = f"done by hand: {word.who}: {word.reason}"
        return replace(outcome, reason=said) if outcome.status.good else outcome

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
        """Do one sub-task, or take what is journaled of it; a replay tells nobody again."""
        name = f"{task.key}/{subtask.name}"
        told = {"name": subtask.name, "summary": subtask.summary}

        def start() -> None:
            self._run.bus.emit(Kind.SUBTASK_STARTED, task.key, **told, hold=subtask.hold)

        def attempt() -> journal.Json:
            start()
            outcome = phases.attempt(subtask, last=last)
            seconds = round(outcome.seconds, 3)
            self._run.bus.emit(Kind.SUBTASK_FINISHED, task.key, **told, status=outcome.status, seconds=seconds)
            return outcome.as_json()

        if not subtask.hold and not subtask.approval:
            return Outcome.from_json(self._once(name, attempt))
        if subtask.hold:
            until = float(self._once(f"{name}/until", lambda: {"until": time.time() + subtask.hold})["until"])
            work = self._held(task, subtask, until, start)
        else:
            work = self._approved(task, subtask, start)
        outcome = Outcome.from_json(self._once(name, work))
        if last and outcome.status.good:
            verified = Outcome.from_json(self._once(f"{name}/verified", lambda: phases.confirm().as_json()))
            return outcome if verified.status.good else verified
        return outcome

    def _held(
        self, task: Task, subtask: SubTask, until: float, start: Callable[[], None]
    ) -> Callable[[], journal.Json]:
        def hold() -> journal.Json:
            start()
            self._control.hold(task.key, subtask.name, subtask.summary, until)
            self._run.bus.emit(
                Kind.SUBTASK_FINISHED,
                task.key,
                name=subtask.name,
                summary=subtask.summary,
                status=Status.DONE,
                seconds=subtask.hold,
            )
            return Outcome(Status.DONE, subtask.hold).as_json()

        return hold

    def _approved(self, task: Task, subtask: SubTask, start: Callable[[], None]) -> Callable[[], journal.Json]:
        def ask() -> journal.Json:
            start()
            began = time.monotonic()
            word = self._control.approval(task.key, subtask.name, subtask.approval)
            said = {"who": word.who, "reason": word.reason, "at": word.at}
            self._run.bus.emit(Kind.TASK_APPROVED, task.key, name=subtask.name, **said)
            outputs = {"approved": said}
            return Outcome(Status.DONE, time.monotonic() - began, outputs=outputs).as_json()

        return ask

    def _tell(self, task: Task, outcome: Outcome) -> None:
        with self._lock:
            if task.key in self._told:
                return
            self._told.add(task.key)
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
