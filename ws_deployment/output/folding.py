"""What each event of a task means for the model: one function a kind, each changing the run and its task in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.output.gates import GateView, TurnedBack, condemning

if TYPE_CHECKING:
    from ws_deployment.output.model import RunView, TaskView


def fold(run: RunView, task: TaskView, event: Event) -> None:
    """Fold an event of the task in."""
    _FOLDS[event.kind](run, task, event)


def _started(_run: RunView, task: TaskView, event: Event) -> None:
    task.status, task.started, task.seconds, task.doing = Status.RUNNING, event.at, None, "checking"
    task.output = Path(event.data["output"]) if event.data.get("output") else None


def _checked(_run: RunView, task: TaskView, event: Event) -> None:
    task.doing = f"checking: {event.data['check']}"


def _planned(_run: RunView, task: TaskView, event: Event) -> None:
    if task.goes_back:
        task.doing = str(event.data["summary"])
        return
    task.plan, task.change = str(event.data["summary"]), str(event.data["change"])
    task.removal = str(event.data.get("removal", ""))
    task.subtasks = tuple(event.data.get("subtasks", ()))
    task.doing = task.plan


def _progress(_run: RunView, task: TaskView, event: Event) -> None:
    task.doing, task.retry_at = str(event.data["message"]), None


def _retrying(_run: RunView, task: TaskView, event: Event) -> None:
    task.attempt, task.attempts = int(event.data["attempt"]) + 1, int(event.data["attempts"])
    task.retry_at, task.doing = event.at + float(event.data["wait"]), str(event.data["error"])


def _subtask_started(run: RunView, task: TaskView, event: Event) -> None:
    task.touched = True
    task.attempt, task.retry_at, task.subtask = 1, None, str(event.data["name"])
    task.hold_until = event.at + float(event.data["hold"]) if event.data.get("hold") else None
    task.doing = str(event.data.get("summary") or task.plan)
    alone = any(back.alone for back in run.turned_back[-1:] if back.task == task.key)
    task.goes_back = task.goes_back and not (alone and task.subtask in task.subtasks)


def _subtask_finished(_run: RunView, task: TaskView, _event: Event) -> None:
    task.hold_until = task.retry_at = None
    task.questions.clear()


def _waits(run: RunView, task: TaskView, event: Event) -> None:
    name, text = str(event.data["name"]), str(event.data["text"])
    run.waits[task.key, name] += 1
    if event.data["until"] is None:
        task.questions[name] = text
    else:
        task.subtask, task.doing, task.hold_until = name, text, event.data["until"]


def _approved(_run: RunView, task: TaskView, event: Event) -> None:
    task.doing = f"approved by {event.data['who']}"
    task.questions.pop(str(event.data["name"]), None)


def _withdrawn(_run: RunView, task: TaskView, event: Event) -> None:
    task.questions.pop(str(event.data["name"]), None)


def _traffic(run: RunView, task: TaskView, event: Event) -> None:
    run.traffic_at[task.target] = event.at
    for kept, key in ((run.traffic, "shares"), (run.wanted, "wanted"), (run.measured, "measured")):
        kept.pop(task.target, None)
        if event.data.get(key) is not None:
            kept[task.target] = {name: float(share) for name, share in event.data[key].items()}


def _turning_back(run: RunView, task: TaskView, event: Event) -> None:
    task.goes_back, task.retry_at, task.doing = True, None, f"turning back: {event.data['reason']}"
    task.questions.clear()
    gone = {name for back in run.turned_back if back.task == task.key and back.alone for name in back.clusters}
    parts = tuple(event.data["parts"])
    clusters = parts or tuple(name for name in task.clusters if name not in gone)
    alone = bool(parts) and bool(set(task.clusters) - set(parts) - gone)
    gates = condemning(run.gates_of(task.key), clusters)
    whole, reason = bool(event.data["wholeRun"]), str(event.data["reason"])
    back = TurnedBack(task.key, event.at, reason, clusters, alone, whole, gates)
    for place, known in enumerate(run.turned_back):
        if (known.task, known.reason, known.clusters) == (task.key, reason, clusters):
            run.turned_back[place] = replace(known, told=known.told + 1)
            return
    run.turned_back.append(back)


def _gate(run: RunView, task: TaskView, event: Event) -> None:
    key = (task.key, str(event.data["gate"]), str(event.data["cluster"]))
    run.gates[key] = GateView.of(event, run.gates.get(key))


def _finished(run: RunView, task: TaskView, event: Event) -> None:
    task.status, task.seconds = Status(event.data["status"]), float(event.data["seconds"])
    task.reason, task.remedy = str(event.data.get("reason", "")), str(event.data.get("remedy", ""))
    task.outputs = event.data.get("outputs") or {}
    if event.data.get("attempts"):
        task.attempt = int(event.data["attempts"])
    task.hold_until = task.retry_at = None
    task.doing, task.goes_back = "", False
    task.questions.clear()
    run.turned_back = [
        replace(back, done=task.status is Status.TURNED_BACK) if back.task == task.key and back.done is None else back
        for back in run.turned_back
    ]


_FOLDS: dict[Kind, Callable[[RunView, TaskView, Event], None]] = {
    Kind.TASK_STARTED: _started,
    Kind.TASK_CHECKED: _checked,
    Kind.TASK_PLANNED: _planned,
    Kind.TASK_PROGRESS: _progress,
    Kind.TASK_RETRYING: _retrying,
    Kind.SUBTASK_STARTED: _subtask_started,
    Kind.SUBTASK_FINISHED: _subtask_finished,
    Kind.TASK_WAITING: _waits,
    Kind.TASK_APPROVED: _approved,
    Kind.TASK_WITHDRAWN: _withdrawn,
    Kind.TRAFFIC: _traffic,
    Kind.GATE: _gate,
    Kind.TASK_TURNING_BACK: _turning_back,
    Kind.TASK_FINISHED: _finished,
}
