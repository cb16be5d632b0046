"""Undoes what a shift has done beside its writes: Pods that keep room are taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ws_deployment.interfaces import Change, StepContext, StepPlan, SubTask, Undo
from ws_deployment_steps import warmup
from ws_deployment_steps.shift_plan import DOES, RELEASE, release


def undone_too(context: StepContext, plan: StepPlan, undo: Undo) -> StepPlan:
    """The plan of the way back with what there is to be undone beside the weights, after them."""
    more = tuple(_more(context, undo))
    if not more:
        return plan
    diff = "\n".join([*([plan.diff] if plan.diff else []), *(f"{each.name}: {each.summary}" for each in more)])
    return replace(plan, change=Change.UPDATE, diff=diff, subtasks=(*plan.subtasks, *more))


def _more(context: StepContext, undo: Undo) -> Iterator[SubTask]:
    told = [subtask.data for subtask in undo.plan.subtasks]
    warmed = dict.fromkeys(name for data in told if data.get(DOES) == RELEASE for name in data["clusters"])
    if left := warmup.reserved(context, [name for name in warmed if not undo.only or name in undo.only]):
        yield release(left, 0)
