"""Carries out one task: its intent, its sub-tasks, and the way back where it turns bad.

Part of the journal's body: everything it decides by is either journaled or follows from what is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ws_deployment.config.v1 import Retries, Timeouts
from ws_deployment.engine import journal
from ws_deployment.engine.attempt import Attempt, Teller
from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.control import Control
from ws_deployment.engine.deployment import Deployment
from ws_deployment.engine.events import Kind
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.limits import Limited
from ws_deployment.engine.outcome import Intent, Outcome, Problem, Status
from ws_deployment.engine.phases import Phases
from ws_deployment.engine.pipeline import Task
from ws_deployment.engine.store import Word
from ws_deployment.engine.undoing import WITHOUT, Undoing
from ws_deployment.errors import CancelledError
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.interfaces import Outputs, StepPlan, SubTask, Undo
from ws_deployment.tools.folders import private_folder

#: What the names of the journal's entries of a way back begin with, after the task's key.
_BACK = "back"
#: A way back is tried for half an hour.
_PATIENT = Retries(attempts=100, initial=0.2, maximum=10.0, total=1800.0)
_LONG = Timeouts(plan=1800.0, run=3600.0)


@dataclass
class _Progress:
    """How far a task has come. `left_out` are the clusters that were turned back, by the `problem` of the first."""

    plan: StepPlan
    finished: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    left_out: frozenset[str] = frozenset()
    problem: Problem | None = None

    @property
    def parts(self) -> frozenset[str]:
        """The clusters that its sub-tasks are about."""
        return frozenset(subtask.part for subtask in self.plan.subtasks if subtask.part)


class Carrier:
    """Carries out tasks of one attempt of a run, one a call."""

    def __init__(self, deployment: Deployment, control: Control, attempt: Attempt, teller: Teller) -> None:
        self._deployment = deployment
        self._run: RunSurroundings = deployment.surroundings
        self._control = control
        self._attempt = attempt
        self._teller = teller

    def carry_out(self, task: Task, fleet: Fleet, outputs: Mapping[str, Outputs], limited: Limited) -> Outcome:
        """All phases of a task; told as it ends. `outputs` is what the tasks before it handed on."""
        context = TaskContext(
            self._run,
            fleet,
            task,
            {**self._deployment.inherited, **outputs},
            ask=lambda name, text: self._control.question(task.key, name, text),
        )
        context.attempted = self._attempt.done.get(task.key)
        self._teller.begins(task, str(context.output))
        private_folder(context.folder)
        # A later attempt is a person's decision to plan what failed anew.
        expected = self._deployment.expected(task) if self._attempt.number == 1 else None
        phases = Phases(task, self._deployment.configured(task), context, self._run.bus, limited, expected)
        started = time.monotonic()
        if task.key in self._attempt.marked:
            outcome = self._confirm(task, self._attempt.marked[task.key], phases)
        else:
            intent = Intent.from_json(self._once(f"{task.key}/intent", lambda: phases.intend().as_json()))
            outcome = self._intended(task, intent, phases)
        outcome = replace(outcome, seconds=time.monotonic() - started)
        self._teller.ends(task, outcome)
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

    def _intended(self, task: Task, intent: Intent, phases: Phases) -> Outcome:
        if intent.plan is None:
            return Outcome(intent.status, problem=intent.problem, reason=intent.reason)
        progress = _Progress(intent.plan)
        for subtask in intent.plan.subtasks:
            if subtask.part in progress.left_out:
                continue
            phases.context.earlier = dict(progress.outputs)
            outcome = self._tried(task, subtask, phases, progress)
            progress.attempts = max(progress.attempts, outcome.attempts)
            progress.outputs |= outcome.outputs
            if not outcome.status.good:
                return replace(outcome, attempts=progress.attempts, outputs=progress.outputs)
            progress.finished.append(subtask.name)
        status = Status.TURNED_BACK if progress.left_out else Status.DONE
        summary = intent.plan.summary
        return Outcome(status, 0.0, progress.attempts, progress.outputs, problem=progress.problem, reason=summary)

    def _tried(self, task: Task, subtask: SubTask, phases: Phases, progress: _Progress) -> Outcome:
        """Do one sub-task; where a part of the task is turned back, do it again for those that are left."""
        last = subtask is progress.plan.subtasks[-1]
        while True:
            without = "".join(f"{WITHOUT}{part}" for part in sorted(progress.left_out))
            outcome = self._subtask(task, subtask, f"{task.key}/{subtask.name}{without}", phases, last=last)
            if outcome.status is not Status.TURNED_BACK:
                return outcome
            outcome = self._turned_back(task, outcome, phases, progress)
            if outcome.status is not Status.DONE:
                return outcome

    def _turned_back(self, task: Task, outcome: Outcome, phases: Phases, progress: _Progress) -> Outcome:
        """Take back what the task did; DONE where it goes on without the clusters that were turned back."""
        told = outcome.outputs["turnedBack"]
        parts = frozenset(told["parts"])
        all_of_it = not parts or parts | progress.left_out >= progress.parts
        reason = str(outcome.problem)
        self._run.bus.emit(
            Kind.TASK_TURNING_BACK, task.key, reason=reason, parts=told["parts"], wholeRun=told["wholeRun"]
        )
        if told["wholeRun"]:
            self._control.recall(task.key, reason)
        only = frozenset[str]() if all_of_it else parts
        undo = Undo(progress.plan, tuple(progress.finished), progress.outputs, only=only)
        # Nobody is to be kept on what turned bad because a bridge does not answer for a while.
        configured = replace(Undoing.of(phases.configured, undo), retries=_PATIENT, timeouts=_LONG)
        back = replace(phases, configured=configured, expected=None)
        gone = self._go_back(task, f"{task.key}/{_BACK}{''.join(f' {part}' for part in sorted(only))}", back)
        if not gone.status.good:
            both = f"{gone.problem}; it was to be taken back because {reason}"
            problem = replace(gone.problem, why=both) if gone.problem else outcome.problem
            return replace(gone, problem=problem)
        if all_of_it:
            return outcome
        progress.left_out |= parts
        progress.problem = progress.problem or outcome.problem
        phases.context.left_out = progress.left_out
        return gone

    def _go_back(self, task: Task, name: str, phases: Phases) -> Outcome:
        intent = Intent.from_json(self._once(f"{name}/intent", lambda: phases.intend().as_json()))
        if intent.plan is None:
            return Outcome(intent.status, problem=intent.problem, reason=intent.reason)
        for subtask in intent.plan.subtasks:
            last = subtask is intent.plan.subtasks[-1]
            outcome = self._subtask(task, subtask, f"{name}/{subtask.name}", phases, last=last)
            if not outcome.status.good:
                return outcome
        return Outcome(Status.DONE)

    def _subtask(self, task: Task, subtask: SubTask, name: str, phases: Phases, *, last: bool) -> Outcome:
        """Do one sub-task, or take what is journaled of it as `name`; a replay tells nobody again."""
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
            phases.context.began = self._began(name) if subtask.watches else 0.0
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

    def _began(self, name: str) -> float:
        """When (seconds since the epoch) what is journaled as `name` was first begun."""
        return float(self._once(f"{name}/began", lambda: {"began": time.time()})["began"])

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
            outputs = {"approved": self._control.tell_approval(task.key, subtask.name, word)}
            return Outcome(Status.DONE, time.monotonic() - began, outputs=outputs).as_json()

        return ask
