"""Undoes a traffic shift: weights and cordons as they were before it, old clusters up first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.interfaces import Change, ITrafficRouter, Registration, Stage, StepPlan, SubTask, Undo
from ws_deployment.traffic.ramp import Write, shares
from ws_deployment.traffic.restore import (
    WayBack,
    Weight,
    applied,
    read,
    recorded,
    takes_starts,
    way_back,
    weights,
)
from ws_deployment_steps.forcing import refused, starts
from ws_deployment_steps.shift_plan import DOES

_UNDOING = "undoing the shift of"
#: Key in the data of a shift's first sub-task: the registrations before it, by name.
_BEFORE = "before"


def remembering(
    subtasks: Sequence[SubTask], registrations: Sequence[Registration], new: Collection[str]
) -> tuple[SubTask, ...]:
    """The shift's sub-tasks, the first of which remembers what it goes away from. URLs of `new` ones come with them."""
    if not subtasks:
        return ()
    before = {each.name: recorded(replace(each, url="") if each.name in new else each) for each in registrations}
    first = replace(subtasks[0], data={**subtasks[0].data, _BEFORE: before})
    return (first, *subtasks[1:])


def before(undo: Undo) -> dict[str, Registration]:
    """The registrations, by name, from which the first of a shift's attempts went away."""
    found: dict[str, Registration] = {}
    for attempt in _attempts(undo.plan.subtasks):
        found = _before(attempt) | found
    return found


def plan(router: ITrafficRouter, undo: Undo) -> StepPlan:
    """The writes that lead back. Raises RefusedError, naming each part that a hand or a later run has changed."""
    now = _now(router)
    back = _way(router, undo, now)
    _refuse(back, router.meta.name, undo.forced)
    stage = Stage(0.0, back.scores, back.writes, 0.0)
    subtasks = tuple(router.subtasks(stage)) if back.writes else ()
    left_out = f"; without {', '.join(sorted(back.gone))}" if back.gone else ""
    if not subtasks:
        return StepPlan(f"weights at {router.meta.name} are as before{left_out}", Change.NONE, subtasks=())
    split = ", ".join(f"{name} {share:.0f} %" for name, share in _split(now, back).items() if share)
    return StepPlan(
        f"put the weights at {router.meta.name} back: {split or 'nothing takes starts'}{left_out}",
        Change.UPDATE,
        diff="\n".join(f"{subtask.name}: {subtask.summary}" for subtask in subtasks),
        subtasks=subtasks,
    )


def carry_out(router: ITrafficRouter, subtask: SubTask, undo: Undo) -> dict[str, float]:
    """Make one write, unless starts would have no home after it; returns how they are split now, in percent."""
    now = _now(router)
    after = now
    for write in _writes(subtask):
        after = applied(after, write) if write.cluster in after else after
    part = starts(router.meta.name)
    if takes_starts(now.values()) and not takes_starts(after.values()) and part not in undo.forced:
        raise refused(_UNDOING, router.meta.name, {part: f"nothing would take starts after `{subtask.summary}`"})
    router.carry_out(subtask)
    return shares(router.registrations())


def verify(router: ITrafficRouter, undo: Undo) -> None:
    """Every weight that the shift wrote is as before."""
    if left := _way(router, undo, _now(router)).writes:
        why = f"not as before it: {', '.join(dict.fromkeys(write.cluster for write in left))}"
        raise WsDeploymentError(_UNDOING, on=router.meta.name, why=why)


def _way(router: ITrafficRouter, undo: Undo, now: Mapping[str, Registration]) -> WayBack:
    passed: dict[str, set[Weight]] = {}
    for attempt in _attempts(undo.plan.subtasks):
        for name, those in weights(_before(attempt), _made(attempt, undo.finished)).items():
            if not undo.only or name in undo.only:
                passed.setdefault(name, set()).update(those)
    return way_back(before(undo), now, passed, exact=router.exact)


def _before(attempt: Sequence[SubTask]) -> dict[str, Registration]:
    return {name: read(name, told) for name, told in attempt[0].data[_BEFORE].items()}


def _attempts(subtasks: Sequence[SubTask]) -> Iterator[list[SubTask]]:
    """The sub-tasks of each attempt; a plan's are those of all, one attempt after the other.

    What does not remember where it came from was planned before anything was known, and has written nothing.
    """
    attempt: list[SubTask] = []
    for subtask in subtasks:
        if _BEFORE in subtask.data and attempt:
            yield attempt
            attempt = []
        if _BEFORE in subtask.data or attempt:
            attempt.append(subtask)
    if attempt:
        yield attempt


def _made(attempt: Sequence[SubTask], finished: Collection[str]) -> Iterator[Write]:
    """The writes of an attempt that were journaled, and the next one, which may have been made as well.

    What was passed over on the way belongs to clusters that were turned back alone.
    """
    last = max((place for place, subtask in enumerate(attempt) if subtask.name in finished), default=-1)
    passed_over = {subtask.part for subtask in attempt[: last + 1] if subtask.name not in finished}
    for place, subtask in enumerate(attempt):
        if not subtask.hold and not subtask.approval and DOES not in subtask.data:
            yield from _writes(subtask)
        if place > last and subtask.part not in passed_over:
            return


def _writes(subtask: SubTask) -> Sequence[Write]:
    told = subtask.data.get("writes", [subtask.data])
    try:
        return [Write(one["cluster"], one["property"], one["value"]) for one in told]
    except KeyError as error:
        raise RefusedError(
            "undoing",
            on=subtask.name,
            why="its router does not tell what it wrote",
            remedy="Put the weights back by hand; the run's plan tells those before it.",
        ) from error


def _refuse(back: WayBack, meta: str, forced: frozenset[str]) -> None:
    parts = {f"weights/{name}": f"{name} has {what}" for name, what in back.changed.items()}
    parts |= {f"weights/{name}": f"{name}, to go back to, is {what}" for name, what in back.gone.items()}
    parts |= {starts(meta): f"nothing at {meta} would take starts"} if back.homeless else {}
    if left := {part: what for part, what in parts.items() if part not in forced}:
        raise refused(_UNDOING, meta, left)


def _now(router: ITrafficRouter) -> dict[str, Registration]:
    return {registration.name: registration for registration in router.registrations()}


def _split(now: Mapping[str, Registration], back: WayBack) -> dict[str, float]:
    for write in back.writes:
        now = applied(now, write)
    return shares(list(now.values()))
