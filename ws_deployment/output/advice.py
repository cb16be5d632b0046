"""How to go on: the commands that fit how a run stands, and whether it may be left as it stands."""

from __future__ import annotations

from ws_deployment.engine.outcome import Status
from ws_deployment.output.model import RunView, TaskView

#: Statuses of runs that have come to an end of which something can be done again.
_TO_DO_AGAIN = frozenset({Status.FAILED, Status.TURNED_BACK, Status.CANCELLED})


def approval(run: RunView, task: TaskView) -> str:
    """The command that says yes to what a task asks; it names the task where several ask."""
    which = f" --task {task.key}" if len(run.asking) > 1 else ""
    return f"ws-deployment runs approve {run.run}{which}"


def going_on(run: RunView) -> dict[str, str]:
    """Commands to go on with a run that does not end well by itself, by what each is for; none where there is none."""
    begun = any(task.started for task in run.tasks.values())
    name, status = run.run, run.status
    commands: dict[str, str] = {}
    if not run.tasks:
        return commands
    for task in run.asking:
        commands[f"to say yes to {task.key}:"] = approval(run, task)
    if status is Status.PAUSED:
        commands["to let it go on:"] = f"ws-deployment runs resume {name}"
    elif status is Status.WAITING:
        then = "then, to go on:" if run.asking else "to go on when its time has come:"
        commands[then] = f"ws-deployment runs resume {name}"
    elif status is Status.INTERRUPTED:
        commands["to go on where it stands:"] = f"ws-deployment runs resume {name}"
    elif status in _TO_DO_AGAIN and begun:
        commands["to do again what did not end well:"] = f"ws-deployment runs retry {name}"
    if status in {Status.WAITING, Status.INTERRUPTED, *_TO_DO_AGAIN} and begun and not run.undoes:
        commands["to undo it:"] = f"ws-deployment runs rollback {name}"
    return commands


def safety(run: RunView, *, attended: bool) -> str:
    """Whether the run may be left as it stands, in plain words. `attended` says whether a process is at it."""
    split = _between(run)
    where = f"in the middle of moving traffic at {', '.join(split)}: starts stay split as above" if split else ""
    if attended:
        return _safety_of_attended(run, where)
    if run.status in {Status.DONE, Status.ROLLED_BACK}:
        return "Yes. It has come to its end."
    if run.asking:
        return f"It waits for a person{where and f', {where}'}. No process is at it: approve and resume."
    if run.status is Status.QUEUED:
        return "Yes, while a worker runs: one takes it up."
    return _safety_of_left(run, where)


def _safety_of_left(run: RunView, where: str) -> str:
    stopped = "No process is at it" if run.status in {Status.INTERRUPTED, Status.WAITING} else f"It is {run.status}"
    if where:
        return f"Not for long. {stopped}, {where} until somebody goes on with it or undoes it."
    if run.traffic:
        return f"Yes, for users: all traffic that it was to move has been moved. {stopped}; what is left can wait."
    return f"Yes, for users: no traffic was moved. {stopped}; what it has made takes no starts and costs money."


def _safety_of_attended(run: RunView, where: str) -> str:
    if run.status is Status.PAUSED:
        return f"Yes, if that is meant: it is paused{where and f', {where}'} until it is resumed."
    if run.asking:
        return f"It waits for a person{where and f', {where}'}. It goes on by itself once it is approved."
    return "Yes. A process carries it out, and nothing is asked of you."


def _between(run: RunView) -> list[str]:
    """The meta clusters whose traffic was begun to be moved and not moved to the end."""
    moving = (task for task in run.tasks.values() if task.target in run.traffic and task.touched)
    return list(dict.fromkeys(task.target for task in moving if not task.status.good))
