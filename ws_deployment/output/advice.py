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
    if run.status is Status.TURNED_BACK and not where:
        return f"Yes, for users. {turned_back(run)}"
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
    unfinished = (task for task in moving if not task.status.good and task.status is not Status.TURNED_BACK)
    return list(dict.fromkeys(task.target for task in unfinished))


def turned_back(run: RunView) -> str:
    """What became of starts and clusters where a task turned back, in plain words."""
    back = [each for each in run.turned_back if each.done]
    clusters = ", ".join(dict.fromkeys(name for each in back for name in each.clusters))
    if not clusters:
        return "What it did was taken back."
    metas = ", ".join(dict.fromkeys(each.meta for each in back))
    gone = all(each.alone for each in back)
    where = f"No starts at {metas} go there any more" if gone else f"The weights at {metas} are as before the run"
    return f"Turned back: {clusters}. {where}; what was made is cordoned and kept for a look, and costs money."
