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
from ws_deployment.output.folding import fold
from ws_deployment.output.gates import GateView, TurnedBack

#: Statuses of which no more is to come.
_FINAL = frozenset(Status) - {Status.WAITING, Status.RUNNING}


@dataclass
class TaskView:
    """One task. Times (`started`, `retry_at`, `hold_until`) are seconds since the epoch, `seconds` is a duration.

    `doing` is the latest word on what it is about; `subtask` the name of the sub-task under way, one of `subtasks`.
    `questions` are those that a person must answer before it goes on, by name; it may go on looking meanwhile.
    `goes_back` says that it is taking back what it did. `output` is the file where its full output is kept, if it
    wrote any; None until it has begun.
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
    goes_back: bool = False
    hold_until: float | None = None
    questions: dict[str, str] = field(default_factory=dict)
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

    @property
    def asks(self) -> str:
        """What a person is asked; empty where nobody is."""
        return "; ".join(self.questions.values())

    @property
    def place(self) -> int | None:
        """Which of its sub-tasks it is at, from 1; None while it goes back."""
        if self.goes_back:
            return None
        return self.subtasks.index(self.subtask) + 1 if self.subtask in self.subtasks else 1

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

    `traffic` is percent by short name, by meta cluster, as told at `traffic_at`; `wanted` is what the stage asks for
    and `measured` what was counted since, where they are known. `gates` are the last verdicts by task, gate and
    cluster, `turned_back` what had to be taken back, in order. `waits` counts how often each wait (task, name) was
    told: a process that takes the run up waits anew.
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
    wanted: dict[str, dict[str, float]] = field(default_factory=dict)
    measured: dict[str, dict[str, float]] = field(default_factory=dict)
    gates: dict[tuple[str, str, str], GateView] = field(default_factory=dict)
    turned_back: list[TurnedBack] = field(default_factory=list)
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

    def gates_of(self, task: str) -> list[GateView]:
        """The last verdicts of a task's gates."""
        return [gate for gate in self.gates.values() if gate.task == task]

    def turning(self, event: Event) -> TurnedBack:
        """What an event of the kind `task.turning-back` was folded into."""
        told = (event.task, event.data["reason"])
        return next(back for back in reversed(self.turned_back) if (back.task, back.reason) == told)

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
                task.reason, task.hold_until = "interrupted", None
                task.questions.clear()

    def take(self, event: Event) -> None:
        """Fold one event in. An event of a task that was not announced makes it known."""
        self.run = event.run
        data = event.data
        if event.task is not None:
            fold(self, self._task(event.task), event)
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
            if task.key in data["again"]:
                self.gates = {key: gate for key, gate in self.gates.items() if gate.task != task.key}
                self.turned_back = [back for back in self.turned_back if back.task != task.key]

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
