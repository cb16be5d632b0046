"""A rollback as a run: the tasks of the run that it undoes, in reverse order, each by its step's rollback."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ws_deployment.engine.outcome import Intent, Status, plan_as_json, plan_from_json
from ws_deployment.engine.pipeline import ConfiguredStep, Segment, Task, segments
from ws_deployment.interfaces import IStep, Outputs, Parameters, StepContext, StepPlan, SubTask, Undo

#: Comes between the name of a sub-task's entry and the clusters that it was done again without.
WITHOUT = " without "


class Undoing(IStep[Parameters]):
    """A step that undoes what one task of another did."""

    summary = "Undo what a task did."

    def __init__(self, step: IStep[Any], undo: Undo) -> None:
        super().__init__(Parameters())
        self._step = step
        self._undo = undo

    @classmethod
    def of(cls, configured: ConfiguredStep, undo: Undo) -> ConfiguredStep:
        """The configured step that undoes."""
        return replace(configured, step=cls(configured.step, undo))

    def plan(self, context: StepContext) -> StepPlan:
        """What would be undone."""
        return self._step.plan_rollback(context, self._undo)

    def run(self, context: StepContext, subtask: SubTask) -> Outputs | None:
        """Undo one part."""
        self._step.rollback(context, subtask, self._undo)
        return None

    def verify(self, context: StepContext) -> None:
        """Make sure that it is undone."""
        self._step.verify_rollback(context, self._undo)


def reversed_segments(tasks: Sequence[Task], undone: Collection[str]) -> tuple[Segment, ...]:
    """The tasks in `undone` in reverse, each after those that came after it."""
    chosen = [task for task in tasks if task.key in undone]
    before = {task.key: set(task.after) for task in tasks}
    reached = {task.key: _all_before(task.key, before) for task in chosen}
    turned = []
    for task in reversed(chosen):
        later = {other.key for other in chosen if task.key in reached[other.key]}
        next_after = tuple(other.key for other in chosen if other.key in later and not reached[other.key] & later)
        turned.append(replace(task, after=next_after))
    return segments(turned)


def _all_before(key: str, before: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    left = list(before[key])
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += before[name]
    return found


def undos(
    journaled: Sequence[Mapping[str, Any]],
    tasks: Sequence[Task],
    *,
    destroy: bool = False,
    forced: Collection[str] = (),
) -> dict[str, Undo]:
    """What each task did, by key, as far as it did anything; from the entries of all attempts, the first one first."""
    result: dict[str, Undo] = {}
    for task in tasks:
        plans: list[StepPlan] = []
        finished: list[str] = []
        outputs: dict[str, Any] = {}
        for entries in journaled:
            entry = entries.get(f"{task.key}/intent")
            intent = Intent.from_json(entry) if entry else None
            if intent is None or intent.plan is None:
                continue
            plans.append(intent.plan)
            for subtask in intent.plan.subtasks:
                for outcome in _outcomes(f"{task.key}/{subtask.name}", entries):
                    finished.append(subtask.name)
                    outputs |= outcome["outputs"]
        if plans:
            done = tuple(subtask for plan in plans for subtask in plan.subtasks)
            result[task.key] = Undo(
                replace(plans[0], subtasks=done), tuple(finished), outputs, destroy=destroy, forced=frozenset(forced)
            )
    return result


def _outcomes(name: str, entries: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a sub-task came to where it was done: at once, or again without clusters that were turned back."""
    its = (entry for key, entry in entries.items() if key == name or key.startswith(f"{name}{WITHOUT}"))
    return [entry for entry in its if entry.get("status") == Status.DONE]


def undo_as_json(undo: Undo) -> dict[str, Any]:
    """JSON values; `undo_from_json` reads them."""
    return {
        "plan": plan_as_json(undo.plan),
        "finished": list(undo.finished),
        "outputs": dict(undo.outputs),
        "destroy": undo.destroy,
        "forced": sorted(undo.forced),
    }


def undo_from_json(data: Mapping[str, Any]) -> Undo:
    """The undo that `undo_as_json` gave."""
    return Undo(
        plan_from_json(data["plan"]),
        tuple(data["finished"]),
        data["outputs"],
        data["destroy"],
        frozenset(data["forced"]),
    )
