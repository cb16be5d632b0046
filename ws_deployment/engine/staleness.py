"""Whether the world is still as it was when a plan was saved: intents of then against intents of now. Pure.

What is compared is what a plan stands on and what it does (fingerprint, change, sub-tasks), not how it is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ws_deployment.engine.outcome import Intent, Problem, Status
from ws_deployment.errors import StalePlanError
from ws_deployment.interfaces import Change, StepPlan, SubTask

_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
AGAIN = "Plan again, review the new plan, and apply that."


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the plan has it: of which task, what, what it was, and what it is."""

    task: str
    what: str
    was: str
    now: str

    def __str__(self) -> str:
        was, now = (_DIGEST.sub(r"\1…", text) for text in (self.was, self.now))
        return f"{self.task}: {self.what}: was {was}, is {now}"


def stale(planned: Mapping[str, Intent], fresh: Mapping[str, Intent]) -> tuple[Difference, ...]:
    """All that differs between a saved plan's tasks and the same tasks planned now, by key."""
    gone = [
        Difference(key, "the task", "in the plan", "not made by this program") for key in planned if key not in fresh
    ]
    more = [
        Difference(key, "the task", "not in the plan", "made by this program") for key in fresh if key not in planned
    ]
    both = [each for key in planned if key in fresh for each in differences(key, planned[key], fresh[key])]
    return (*gone, *more, *both)


def differences(task: str, planned: Intent, now: Intent) -> tuple[Difference, ...]:
    """What lies outside the plan in what a task is about to do.

    What the plan said to be unknown may come out any way but as a removal.
    """
    if planned.status is not now.status or (planned.plan is None) is not (now.plan is None):
        return (Difference(task, "what is to be done", _said(planned), _said(now)),)
    if planned.plan is None or now.plan is None:
        return ()
    return tuple(
        Difference(task, what, was, is_now) for what, was, is_now in _compared(planned.plan, now.plan) if was != is_now
    )


def refusal(target: str, found: Sequence[Difference]) -> Intent:
    """What a task comes to that would leave its plan."""
    error = stale_plan(target, found)
    return Intent(Status.REFUSED, problem=Problem.of(error))


def stale_plan(on: str, found: Sequence[Difference]) -> StalePlanError:
    """The error that lists all that differs."""
    count = f"{len(found)} things differ" if len(found) > 1 else "one thing differs"
    listed = "\n".join(f"  {difference}" for difference in found)
    return StalePlanError("applying the saved plan to", on=on, why=f"it is stale: {count}\n{listed}", remedy=AGAIN)


def _compared(was: StepPlan, now: StepPlan) -> Iterator[tuple[str, str, str]]:
    """Pairs of what was and what is, by what it is about."""
    if was.change is Change.UNKNOWN:
        if now.change is Change.DESTROY:
            yield "change", was.change, now.change
        return
    yield "change", was.change, now.change
    for key, value in was.fingerprint.items():
        yield key, value, now.fingerprint.get(key, "not known")
    if not was.unknown:
        for key in now.fingerprint.keys() - was.fingerprint.keys():
            yield key, "not there", now.fingerprint[key]
    if was.subtasks or not was.unknown:
        yield from _subtasks(was.subtasks, now.subtasks)


def _subtasks(was: Sequence[SubTask], now: Sequence[SubTask]) -> Iterator[tuple[str, str, str]]:
    before, after = ({subtask.name: subtask for subtask in subtasks} for subtasks in (was, now))
    for name in before.keys() | after.keys():
        yield f"sub-task {name}", _effect(before.get(name)), _effect(after.get(name))
    if before.keys() == after.keys():
        yield "order of the sub-tasks", ", ".join(before), ", ".join(after)


def _effect(subtask: SubTask | None) -> str:
    """What a sub-task does, in words that differ when it does."""
    if subtask is None:
        return "not there"
    if subtask.hold:
        return f"a wait of {subtask.hold:g} s"
    if subtask.approval:
        return f"the question {subtask.approval!r}"
    data = ", ".join(f"{key}={value}" for key, value in sorted(subtask.data.items()))
    return data or subtask.name


def _said(intent: Intent) -> str:
    if intent.plan:
        return intent.plan.summary
    text = str(intent.problem) if intent.problem else intent.reason
    return f"{intent.status}: {text}" if text else str(intent.status)
