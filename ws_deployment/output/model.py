"""A run as people look at it: rows of tasks, folded from events one by one.

Every output that needs to know more than one event reads it from here; how it is shown is theirs. One thread folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.interfaces import Scope

#: Statuses of which no more is to come.
_FINAL = frozenset(Status) - {Status.WAITING, Status.RUNNING}


@dataclass
class TaskView:
    """One task. Times (`started`, `retry_at`, `hold_until`) are seconds since the epoch, `seconds` is a duration.

    `doing` is the latest word on what it is about; `subtask` the name of the sub-task under way, one of `subtasks`.
    `asks` is the question that a person must answer before it goes on; empty where nobody is asked. `output` is the
    file where its full output is kept, if it wrote any; None until it has begun.
    """

    key: str
    step: str
    scope: str
    target: str
    clusters: tuple[str, ...] = ()
    status: Status = Status.WAITING
    started: float | None = None
    seconds: float | None = None
    attempt: int = 1
    attempts: int = 0
    retry_at: float | None = None
    doing: str = ""
    subtask: str = ""
    subtasks: tuple[str, ...] = ()
    subtasks_done: int = 0
    hold_until: float | None = None
    asks: str = ""
    output: Path | None = None
    change: str = ""
    plan: str = ""
    removal: str = ""
    touched: bool = False
    reason: str = ""
    remedy: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether no more is to come."""
        return self.status in _FINAL

    def elapsed(self, now: float) -> float:
        """Seconds that it has taken, until `now` where it is under way; 0 where it has not begun."""
        if self.seconds is not None:
            return self.seconds
        return max(now - self.started, 0.0) if self.started is not None else 0.0

    def activity(self, now: float) -> str:
        """What it is about or waits for at this moment, in one line."""
        if self.asks:
            return f"waits for approval: {self.asks}"
        if self.hold_until is not None:
            left = format_duration(float(round(max(self.hold_until - now, 0.0))))
            return f"{self.doing or self.subtask}, {left} left"
        if self.retry_at is not None and self.retry_at > now:
            return f"again in {self.retry_at - now:.0f}s: {self.doing}"
        return self.doing


@dataclass
class RowView:
    """All tasks of one target (a cluster, a meta cluster, the run), in the pipeline's order."""

    name: str
    scope: str
    tasks: list[TaskView] = field(default_factory=list)

    def task(self, step: str) -> TaskView | None:
        """Its task of that step."""
        return next((task for task in self.tasks if task.step == step), None)

    @property
    def current(self) -> TaskView:
        """The task to look at: what went wrong, else what runs or was stopped, else what comes next, else the last."""
        for wanted in (_at_fault, _running, _cancelled, _waiting):
            for task in self.tasks:
                if wanted(task):
                    return task
        return self.tasks[-1]

    @property
    def status(self) -> Status:
        """How the row stands as a whole."""
        current = self.current.status
        if current is Status.WAITING and not self.current.started and any(task.status.good for task in self.tasks):
            return Status.RUNNING
        return current

    @property
    def finished(self) -> int:
        """How many of its tasks came to a good end."""
        return sum(task.status.good for task in self.tasks)


def _at_fault(task: TaskView) -> bool:
    return task.status.at_fault


def _running(task: TaskView) -> bool:
    return task.status is Status.RUNNING


def _cancelled(task: TaskView) -> bool:
    return task.status is Status.CANCELLED


def _waiting(task: TaskView) -> bool:
    return task.status is Status.WAITING


@dataclass(frozen=True)
class ClusterView:
    """A cluster that the run is to make."""

    name: str
    short_name: str
    region: str
    type: str
    governed_by: tuple[str, ...]


@dataclass
class RunView:
    """The whole run. `seconds` is None until it has ended; `undoes` is the run that this one rolls back.

    `traffic` is percent by short name, by meta cluster, as told at `traffic_at`. `waits` counts how often each wait
    (task, name) was told: a process that takes the run up waits anew.
    """

    run: str = ""
    fleet: str = ""
    environment: str = ""
    cluster_id: int | None = None
    config_file: str = ""
    state: str = ""
    clusters: tuple[ClusterView, ...] = ()
    metas: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    tasks: dict[str, TaskView] = field(default_factory=dict)
    rows: list[RowView] = field(default_factory=list)
    undoes: str = ""
    attempt: int = 1
    traffic: dict[str, dict[str, float]] = field(default_factory=dict)
    traffic_at: dict[str, float] = field(default_factory=dict)
    waits: Counter[tuple[str, str]] = field(default_factory=Counter)
    doing: str = ""
    status: Status = Status.WAITING
    started: float | None = None
    seconds: float | None = None
    problem: Mapping[str, str] = field(default_factory=dict)
    refusals: tuple[Mapping[str, str], ...] = ()

    def elapsed(self, now: float) -> float:
        """Seconds since it began, or that it took."""
        if self.seconds is not None:
            return self.seconds
        return max(now - self.started, 0.0) if self.started is not None else 0.0

    @property
    def counts(self) -> Counter[Status]:
        """How many tasks stand how."""
        return Counter(task.status for task in self.tasks.values())

    @property
    def faults(self) -> list[TaskView]:
        """The tasks that went wrong by themselves, in the order of the graph."""
        return [task for task in self.tasks.values() if task.status.at_fault]

    @property
    def problem_text(self) -> str:
        """What ended the run before its tasks, without the remedy; empty where nothing did."""
        head = f"{self.problem.get('attempted', '')} {self.problem.get('on', '')}".strip()
        why = str(self.problem.get("why", ""))
        return f"{head}: {why}" if head else why

    @property
    def asking(self) -> list[TaskView]:
        """The tasks that wait for a person."""
        return [task for task in self.tasks.values() if task.asks]

    @property
    def what(self) -> str:
        """What kind of run it is, in a word."""
        return "rollback" if self.undoes else "rollout"

    def leave(self, status: Status, at: float) -> None:
        """Note that nobody is at it any more since `at`, and how it stands as a whole.

        What it waits for it goes on waiting for where it was left so; all else that was under way was interrupted.
        """
        self.status = status
        for task in self.tasks.values():
            if task.status is not Status.RUNNING:
                continue
            waits = task.asks or task.hold_until is not None
            task.status = Status.WAITING if waits and status is Status.WAITING else Status.CANCELLED
            task.seconds, task.retry_at = task.elapsed(at), None
            if task.status is Status.CANCELLED:
                task.reason, task.hold_until, task.asks = "interrupted", None, ""

    def take(self, event: Event) -> None:
        """Fold one event in. An event of a task that was not announced makes it known."""
        self.run = event.run
        data = event.data
        if event.task is not None:
            _TASK_EVENTS[event.kind](self, self._task(event.task), event.at, data)
        elif event.kind is Kind.RUN_STARTED:
            self._start(event.at, data)
        elif event.kind is Kind.RUN_PROGRESS:
            self.doing = str(data["message"])
        elif event.kind is Kind.RUN_RESUMED:
            self._resume(event.at, data)
        elif event.kind is Kind.RUN_PAUSED:
            self.status = Status.PAUSED
        elif event.kind is Kind.RUN_UNPAUSED:
            self.status = Status.RUNNING
        elif event.kind is Kind.RUN_FINISHED:
            self._finish(event.at, data)

    def _start(self, at: float, data: Mapping[str, Any]) -> None:
        self.status, self.started, self.doing = Status.RUNNING, at, ""
        self.fleet, self.environment, self.cluster_id = data["fleet"], data["environment"], data["clusterId"]
        self.config_file, self.state = data.get("configFile", ""), data.get("state", "")
        self.undoes = data.get("undoes", "")
        self.metas, self.steps = tuple(data["metaClusters"]), tuple(data["steps"])
        self.clusters = tuple(
            ClusterView(each["name"], each["shortName"], each["region"], each["type"], tuple(each["governedBy"]))
            for each in data["clusters"]
        )
        for task in data["tasks"]:
            self._add(TaskView(task["key"], task["step"], task["scope"], task["target"], tuple(task["clusters"])))
        order = {name: place for place, name in enumerate((*(c.short_name for c in self.clusters), *self.metas))}
        self.rows.sort(key=lambda row: order.get(row.name, len(order)))

    def _resume(self, at: float, data: Mapping[str, Any]) -> None:
        """It goes on: tasks that are carried out again stand at their beginning."""
        self.leave(Status.RUNNING, at)  # a process that was killed told no end
        self.seconds, self.attempt, self.problem = None, int(data["attempt"]), {}
        for task in self.tasks.values():
            if task.key in data["again"]:
                for wait in [wait for wait in self.waits if wait[0] == task.key]:
                    del self.waits[wait]
            if task.key in data["again"] or task.status is Status.CANCELLED or (task.started and not task.final):
                fresh = TaskView(task.key, task.step, task.scope, task.target, task.clusters)
                vars(task).update(vars(fresh))

    def _task(self, key: str) -> TaskView:
        if key not in self.tasks:
            target, _, step = key.partition("/")
            self._add(TaskView(key, step, Scope.RUN, target))
        return self.tasks[key]

    def _add(self, task: TaskView) -> None:
        self.tasks[task.key] = task
        row = next((row for row in self.rows if row.name == task.target), None)
        if row is None:
            row = RowView(task.target, task.scope)
            self.rows.append(row)
        row.tasks.append(task)

    def _finish(self, at: float, data: Mapping[str, Any]) -> None:
        self.leave(Status(data["status"]), at)
        self.seconds = float(data["seconds"])
        self.problem = data.get("problem") or {}
        self.refusals = tuple(data.get("refusals") or ())


def _started(_run: RunView, task: TaskView, at: float, data: Mapping[str, Any]) -> None:
    task.status, task.started, task.seconds, task.doing = Status.RUNNING, at, None, "checking"
    task.output = Path(data["output"]) if data.get("output") else None


def _checked(_run: RunView, task: TaskView, _at: float, data: Mapping[str, Any]) -> None:
    task.doing = f"checking: {data['check']}"


def _planned(_run: RunView, task: TaskView, _at: float, data: Mapping[str, Any]) -> None:
    task.plan, task.change, task.removal = str(data["summary"]), str(data["change"]), str(data.get("removal", ""))
    task.subtasks = tuple(data.get("subtasks", ()))
    task.doing = task.plan


def _progress(_run: RunView, task: TaskView, _at: float, data: Mapping[str, Any]) -> None:
    task.doing, task.retry_at = str(data["message"]), None


def _retrying(_run: RunView, task: TaskView, at: float, data: Mapping[str, Any]) -> None:
    task.attempt, task.attempts = int(data["attempt"]) + 1, int(data["attempts"])
    task.retry_at, task.doing = at + float(data["wait"]), str(data["error"])


def _subtask_started(_run: RunView, task: TaskView, at: float, data: Mapping[str, Any]) -> None:
    task.touched = True
    task.attempt, task.retry_at, task.subtask = 1, None, str(data["name"])
    task.hold_until = at + float(data["hold"]) if data.get("hold") else None
    task.doing = str(data.get("summary") or task.plan)


def _subtask_finished(_run: RunView, task: TaskView, _at: float, _data: Mapping[str, Any]) -> None:
    task.subtasks_done += 1
    task.hold_until = task.retry_at = None
    task.asks = ""


def _waits(run: RunView, task: TaskView, _at: float, data: Mapping[str, Any]) -> None:
    run.waits[task.key, str(data["name"])] += 1
    task.subtask, task.doing, task.hold_until = str(data["name"]), str(data["text"]), data["until"]
    task.asks = "" if task.hold_until is not None else task.doing


def _approved(_run: RunView, task: TaskView, _at: float, data: Mapping[str, Any]) -> None:
    task.doing, task.asks = f"approved by {data['who']}", ""


def _traffic(run: RunView, task: TaskView, at: float, data: Mapping[str, Any]) -> None:
    run.traffic_at[task.target] = at
    run.traffic[task.target] = {name: float(share) for name, share in data["shares"].items()}


def _finished(_run: RunView, task: TaskView, _at: float, data: Mapping[str, Any]) -> None:
    task.status, task.seconds = Status(data["status"]), float(data["seconds"])
    task.reason, task.remedy = str(data.get("reason", "")), str(data.get("remedy", ""))
    task.outputs = data.get("outputs") or {}
    if data.get("attempts"):
        task.attempt = int(data["attempts"])
    task.hold_until = task.retry_at = None
    task.doing = task.asks = ""


_TASK_EVENTS = {
    Kind.TASK_STARTED: _started,
    Kind.TASK_CHECKED: _checked,
    Kind.TASK_PLANNED: _planned,
    Kind.TASK_PROGRESS: _progress,
    Kind.TASK_RETRYING: _retrying,
    Kind.SUBTASK_STARTED: _subtask_started,
    Kind.SUBTASK_FINISHED: _subtask_finished,
    Kind.TASK_WAITING: _waits,
    Kind.TASK_APPROVED: _approved,
    Kind.TRAFFIC: _traffic,
    Kind.TASK_FINISHED: _finished,
}
