"""The phases of one task: checks, plan, attempts, verification. Each is time-limited and returns data.

Which task runs when is the runner's business; what is kept of it, the journal's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import tenacity

from ws_deployment.config.v1 import Retries
from ws_deployment.engine import limits
from ws_deployment.engine.context import TaskContext
from ws_deployment.engine.events import EventBus, Kind
from ws_deployment.engine.outcome import Checked, Intent, Outcome, Problem, Status
from ws_deployment.engine.pipeline import ConfiguredStep, Task
from ws_deployment.engine.staleness import differences, refusal
from ws_deployment.errors import CancelledError, RefusedError, WsDeploymentError
from ws_deployment.interfaces import Change, Decision, NotYetError, StepPlan, SubTask, TurnBackError, Verdict

_T = TypeVar("_T")
#: No second attempt: for looks beforehand, where a person can look again.
_ONCE = Retries(attempts=1)
#: Seconds that a phase gets to return after it was asked to stop.
GRACE = 15.0


class OverdueError(WsDeploymentError):
    """A phase did not return by its limit, even when asked to stop: what it did is not known."""


@dataclass(frozen=True)
class Phases:
    """The phases of one task, in the order that the engine calls them.

    `expected` is what a saved plan says of the task: what lies outside of it is refused.
    """

    task: Task
    configured: ConfiguredStep
    context: TaskContext
    bus: EventBus
    limited: limits.Limited
    expected: Intent | None = None

    def check(self) -> tuple[Checked, ...]:
        """Ask the pre-runs in order; the first refusal or skip ends them."""
        try:
            return self._limited(self._check)
        except OverdueError as error:
            return (Checked("time limit", Decision.REFUSE, error.why, error.remedy),)

    def intend(self) -> Intent:
        """Checks and plan: what the task is about to do."""
        try:
            intent = self._limited(self._intend)
        except OverdueError as error:
            return Intent(Status.FAILED, problem=Problem.of(error))
        if self.expected is None or intent.status.at_fault:
            return intent
        found = differences(self.task.key, self.expected, intent)
        return refusal(self.task.target, found) if found else intent

    def attempt(self, subtask: SubTask, *, last: bool) -> Outcome:
        """Run one sub-task with retries; after the last one verify the whole task."""
        started = time.monotonic()
        try:
            return self._limited(lambda: self._attempt(subtask, last=last))
        except OverdueError as error:
            return Outcome(Status.UNKNOWN, time.monotonic() - started, 1, problem=Problem.of(error))

    def confirm(self) -> Outcome:
        """Verify the whole task without running it."""
        started = time.monotonic()

        def verify() -> Outcome:
            try:
                self._within(self.configured.timeouts.verify, lambda: self.configured.step.verify(self.context))
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  whatever a plugin raises becomes data
                return self._outcome(Status.FAILED, started, 0, problem=Problem.of(error))
            return self._outcome(Status.DONE, started, 0)

        try:
            return self._limited(verify)
        except OverdueError as error:
            return Outcome(Status.UNKNOWN, time.monotonic() - started, 0, problem=Problem.of(error))

    def _check(self, retries: Retries = _ONCE) -> tuple[Checked, ...]:
        checks: list[Checked] = []
        for pre_run in self.configured.step.pre_runs():
            limit = self.configured.timeouts.pre_run
            try:
                verdict = self._looked(retries, limit, partial(pre_run.check, self.context))
            except NotYetError as error:
                verdict = Verdict.deferred(error.why)
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  whatever a plugin raises becomes data
                problem = Problem.of(error)
                verdict = Verdict.refuse(str(problem), problem.remedy)
            checked = Checked(pre_run.name, verdict.decision, verdict.reason, verdict.remedy)
            checks.append(checked)
            self.bus.emit(Kind.TASK_CHECKED, self.task.key, **vars(checked))
            if verdict.decision in {Decision.SKIP, Decision.REFUSE}:
                break
        return tuple(checks)

    def _intend(self) -> Intent:
        retries = _ONCE if self.context.dry_run else self.configured.retries
        checks = self._check(retries)
        if checks and checks[-1].decision == Decision.SKIP:
            return Intent(Status.SKIPPED, checks, reason=checks[-1].reason)
        if checks and checks[-1].decision == Decision.REFUSE:
            last = checks[-1]
            problem = Problem("checking", self.task.target, f"{last.check}: {last.reason}", last.remedy)
            return Intent(Status.REFUSED, checks, problem=problem)
        try:
            limit = self.configured.timeouts.plan
            plan = self._looked(retries, limit, partial(self.configured.step.plan, self.context))
        except NotYetError as error:
            if not self.context.dry_run:
                return Intent(Status.FAILED, checks, problem=Problem.of(error))
            plan = StepPlan(f"known when its time comes: {error.why}", Change.UNKNOWN)
        except CancelledError:
            raise
        except RefusedError as error:
            return Intent(Status.REFUSED, checks, problem=Problem.of(error))
        except Exception as error:  # noqa: BLE001  whatever a plugin raises becomes data
            return Intent(Status.FAILED, checks, problem=Problem.of(error))
        self.bus.emit(
            Kind.TASK_PLANNED,
            self.task.key,
            summary=plan.summary,
            change=plan.change,
            diff=plan.diff,
            unknown=plan.unknown,
            removal=plan.removal,
            subtasks=[subtask.name for subtask in plan.subtasks],
        )
        return Intent(Status.RUNNING, checks, plan)

    def _attempt(self, subtask: SubTask, *, last: bool) -> Outcome:
        started = time.monotonic()
        attempts = 0
        end = math.inf if subtask.watches else started + self.configured.timeouts.run

        def once() -> dict[str, Any]:
            nonlocal attempts
            attempts += 1
            outputs = self._within(end - time.monotonic(), lambda: self.configured.step.run(self.context, subtask))
            return dict(outputs or {})

        try:
            outputs = self._retrying(self.configured.retries, once)
            if last:
                self._within(self.configured.timeouts.verify, lambda: self.configured.step.verify(self.context))
        except CancelledError:
            raise
        except TurnBackError as error:
            turned = {"turnedBack": {"parts": sorted(error.parts), "wholeRun": error.whole_run}}
            problem = Problem.of(error)
            return self._outcome(Status.TURNED_BACK, started, attempts, problem=problem, outputs=turned)
        except Exception as error:  # noqa: BLE001  whatever a plugin raises becomes data
            status = Status.REFUSED if isinstance(error, RefusedError) else Status.FAILED
            return self._outcome(status, started, attempts, problem=Problem.of(error))
        return self._outcome(Status.DONE, started, attempts, outputs=outputs)

    def _outcome(self, status: Status, started: float, attempts: int, **rest: Any) -> Outcome:
        return Outcome(status, time.monotonic() - started, attempts, **rest)

    def _looked(self, retries: Retries, limit: float, look: Callable[[], _T]) -> _T:
        """What a read-only phase says; what may pass is looked at again."""
        try:
            return self._within(limit, look)
        except WsDeploymentError as error:
            if not error.transient or retries.attempts == 1:
                raise
        return self._retrying(retries, lambda: self._within(limit, look))

    def _retrying(self, retries: Retries, attempt: Callable[[], _T]) -> _T:
        def tell(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            self.bus.emit(
                Kind.TASK_RETRYING,
                self.task.key,
                attempt=state.attempt_number,
                attempts=retries.attempts,
                wait=round(state.upcoming_sleep, 3),
                error=str(Problem.of(error)) if error else "",
            )

        first = retries.initial
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, WsDeploymentError) and error.transient),
            wait=tenacity.wait_exponential_jitter(multiplier=first, max=retries.maximum, jitter=first),
            stop=tenacity.stop_after_attempt(retries.attempts) | tenacity.stop_after_delay(retries.total),
            sleep=self.context.sleep,
            before_sleep=tell,
            reraise=True,
        )(attempt)

    def _limited(self, work: Callable[[], _T]) -> _T:
        """Do `work` so that a plugin which does not return cannot hold the engine."""
        try:
            return self.limited.group(work, self.context.abandon, GRACE)
        except limits.OverdueError as error:
            raise OverdueError(
                f"carrying out {self.task.step} on",
                on=self.task.target,
                why=f"did not return within its limit of {error.limit:.0f} s",
                remedy="Look at its output file; raise `timeouts` for the step if it only needs longer.",
            ) from error

    def _within(self, limit: float, phase: Callable[[], _T]) -> _T:
        """Do one phase, unless the task was given up or the run asked to stop."""
        if self.context.cancelled.is_set():
            raise CancelledError("carrying out", on=self.task.key, why="asked to stop")
        self.context.restart_clock(limit)
        return self.limited.within(limit, phase)
