"""The phases of one task: checks, plan, attempts, verification. Each is time-limited and returns data.

Which task runs when is the runner's business; what is kept of it, the journal's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import tenacity

from ws_deployment.config.v1 import Retries
from ws_deployment.engine.context import TaskContext
from ws_deployment.engine.events import EventBus, Kind
from ws_deployment.engine.outcome import Checked, Intent, Outcome, Problem, Status
from ws_deployment.engine.pipeline import ConfiguredStep, Task
from ws_deployment.errors import CancelledError, WsDeploymentError
from ws_deployment.interfaces import Change, Decision, NotYetError, StepPlan, SubTask, Verdict

_T = TypeVar("_T")
#: Seconds that a phase gets to return after it was asked to stop.
GRACE = 15.0


class OverdueError(WsDeploymentError):
    """A phase did not return by its limit, even when asked to stop: what it did is not known."""


@dataclass(frozen=True)
class Phases:
    """The phases of one task, in the order that the engine calls them."""

    task: Task
    configured: ConfiguredStep
    context: TaskContext
    bus: EventBus

    def check(self) -> tuple[Checked, ...]:
        """Ask the pre-runs in order; the first refusal or skip ends them."""
        checks: list[Checked] = []
        for pre_run in self.configured.step.pre_runs():
            limit = self.configured.timeouts.pre_run
            try:
                verdict = self._within(limit, lambda pre_run=pre_run: pre_run.check(self.context))  # type: ignore[misc]  # a lambda's default has no annotation
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

    def intend(self) -> Intent:
        """Checks and plan: what the task is about to do."""
        checks = self.check()
        if checks and checks[-1].decision == Decision.SKIP:
            return Intent(Status.SKIPPED, checks, reason=checks[-1].reason)
        if checks and checks[-1].decision == Decision.REFUSE:
            last = checks[-1]
            problem = Problem("checking", self.task.target, f"{last.check}: {last.reason}", last.remedy)
            return Intent(Status.REFUSED, checks, problem=problem)
        try:
            plan = self._within(self.configured.timeouts.plan, lambda: self.configured.step.plan(self.context))
        except NotYetError as error:
            if not self.context.dry_run:
                return Intent(Status.FAILED, checks, problem=Problem.of(error))
            plan = StepPlan(f"known when its time comes: {error.why}", Change.UNKNOWN)
        except CancelledError:
            raise
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

    def attempt(self, subtask: SubTask, *, last: bool) -> Outcome:
        """Run one sub-task with retries; after the last one verify the whole task."""
        started = time.monotonic()
        attempts = 0
        self.context.restart_clock(self.configured.timeouts.run)

        def once() -> dict[str, Any]:
            nonlocal attempts
            attempts += 1
            left = self.context.deadline - time.monotonic()
            outputs = self._within(left, lambda: self.configured.step.run(self.context, subtask))
            return dict(outputs or {})

        try:
            outputs = self._retrying(self.configured.retries, once)
            if last:
                self._within(self.configured.timeouts.verify, lambda: self.configured.step.verify(self.context))
        except CancelledError:
            raise
        except OverdueError as error:
            return self._outcome(Status.UNKNOWN, started, attempts, problem=Problem.of(error))
        except Exception as error:  # noqa: BLE001  whatever a plugin raises becomes data
            return self._outcome(Status.FAILED, started, attempts, problem=Problem.of(error))
        return self._outcome(Status.DONE, started, attempts, outputs=outputs)

    def _outcome(self, status: Status, started: float, attempts: int, **rest: Any) -> Outcome:
        return Outcome(status, time.monotonic() - started, attempts, **rest)

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

    def _within(self, limit: float, work: Callable[[], _T]) -> _T:
        """Do `work` in a thread of its own, so that a plugin which does not return cannot hold the engine."""
        result: list[_T] = []
        failure: list[BaseException] = []

        def body() -> None:
            try:
                result.append(work())
            except BaseException as error:  # noqa: BLE001  handed on to the waiting thread
                failure.append(error)

        thread = threading.Thread(target=body, name=self.task.key, daemon=True)
        thread.start()
        thread.join(max(limit, 0.0))
        if thread.is_alive():
            self.context.abandon()
            thread.join(GRACE)
            raise OverdueError(
                f"carrying out {self.task.step} on",
                on=self.task.target,
                why=f"did not return within its limit of {limit:.0f} s",
                remedy="Look at its output file; raise `timeouts` for the step if it only needs longer.",
            )
        if failure:
            raise failure[0]
        return result[0]
