"""Undoes what a shift has done beside its writes: everybody is admitted again, Pods that keep room are taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import Change, StepContext, StepPlan, SubTask, Undo
from ws_deployment_steps import shift_canary, warmup
from ws_deployment_steps.shift_plan import DOES, RELEASE, release
from ws_deployment_steps.shift_stages import Admitted


def undone_too(context: StepContext, plan: StepPlan, undo: Undo) -> StepPlan:
    """The plan of the way back with what there is to be undone beside the weights, after them."""
    more = tuple(_more(context, undo))
    if not more:
        return plan
    diff = "\n".join([*([plan.diff] if plan.diff else []), *(f"{each.name}: {each.summary}" for each in more)])
    return replace(plan, change=Change.UPDATE, diff=diff, subtasks=(*plan.subtasks, *more))


def verify(context: StepContext, undo: Undo) -> None:
    """Nobody is kept away any more by what the shift did. Raises WsDeploymentError."""
    if left := [name for name, _ in _limited(context, undo)]:
        why = f"{', '.join(left)} still admits only some users"
        raise WsDeploymentError("undoing the canary at", on=context.meta.name, why=why)


def _limited(context: StepContext, undo: Undo) -> Iterator[tuple[str, Admitted]]:
    found = shift_canary.limited(context, undo.plan.subtasks)
    return ((name, admitted) for name, admitted in found if not undo.only or name in undo.only)


def _more(context: StepContext, undo: Undo) -> Iterator[SubTask]:
    for name, admitted in _limited(context, undo):
        yield from shift_canary.admits((name,), admitted, "0%")
    told = [subtask.data for subtask in undo.plan.subtasks]
    warmed = dict.fromkeys(name for data in told if data.get(DOES) == RELEASE for name in data["clusters"])
    if left := warmup.reserved(context, [name for name in warmed if not undo.only or name in undo.only]):
        yield release(left, 0)
