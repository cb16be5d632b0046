"""What the report tells of each task, gathered from the events of all attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.output.gates import GateView


@dataclass
class Bar:
    """A stretch of a task's life; `end` is None while it goes on. `wait` says that it only waited."""

    begin: float
    end: float | None = None
    status: Status = Status.RUNNING
    wait: bool = False


@dataclass
class TaskStory:
    """One task, over all attempts; moments are seconds since the epoch."""

    key: str
    bars: list[Bar] = field(default_factory=list)
    waits: list[Bar] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    retries: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    approvals: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    goes_back: bool = False

    def take(self, event: Event) -> None:
        """Gather from one of its events."""
        data = dict(event.data)
        if event.kind is Kind.TASK_STARTED:
            self.bars.append(Bar(event.at))
            self.checks.clear()
            self.goes_back = False
        elif event.kind is Kind.TASK_CHECKED:
            self.checks.append(data)
        elif event.kind is Kind.TASK_PLANNED and not self.goes_back:
            self.plan = data
        elif event.kind is Kind.TASK_TURNING_BACK:
            self.goes_back = True
        elif event.kind is Kind.TASK_RETRYING:
            self.retries.append((event.at, data))
        elif event.kind in {Kind.TASK_WAITING, Kind.TASK_APPROVED, Kind.TASK_WITHDRAWN}:
            self._wait(event)
        elif event.kind is Kind.SUBTASK_FINISHED:
            self.parts.append(data)
            self._end(self.waits, event.at, Status(data["status"]))
        elif event.kind is Kind.TASK_FINISHED:
            self._end(self.waits, event.at, Status(data["status"]))
            self._end(self.bars, event.at, Status(data["status"]))

    def _wait(self, event: Event) -> None:
        if event.kind is Kind.TASK_WAITING:
            self.waits.append(Bar(event.at, wait=True))
            return
        self._end(self.waits, event.at, Status.DONE)
        if event.kind is Kind.TASK_APPROVED:
            self.approvals.append((event.at, dict(event.data)))

    def leave(self, at: float) -> None:
        """Nobody is at it any more."""
        self._end(self.waits, at, Status.CANCELLED)
        self._end(self.bars, at, Status.CANCELLED)

    @staticmethod
    def _end(bars: list[Bar], at: float, status: Status) -> None:
        if bars and bars[-1].end is None:
            bars[-1].end, bars[-1].status = at, status


@dataclass(frozen=True)
class Shares:
    """How a meta cluster split starts from a moment on, in percent by short name.

    `shares` are by the weights written, `wanted` what the stage asks for, `measured` what was counted; the latter two
    are empty where they are not known.
    """

    at: float
    meta: str
    shares: dict[str, float]
    wanted: dict[str, float]
    measured: dict[str, float]


@dataclass(frozen=True)
class Turn:
    """A moment at which something was turned back."""

    at: float
    task: str
    clusters: tuple[str, ...]


def tasks(events: Sequence[Event]) -> dict[str, TaskStory]:
    """The stories of all tasks by key, in the order of the graph."""
    found: dict[str, TaskStory] = {}
    last = 0.0
    for event in events:
        if event.kind is Kind.RUN_STARTED:
            for task in event.data["tasks"]:
                found.setdefault(task["key"], TaskStory(task["key"]))
        elif event.task is not None:
            found.setdefault(event.task, TaskStory(event.task)).take(event)
        elif event.kind in {Kind.RUN_FINISHED, Kind.RUN_RESUMED}:
            for story in found.values():  # a process that was killed told no end: its last event is as near as it gets
                story.leave(event.at if event.kind is Kind.RUN_FINISHED else last)
        last = event.at
    return found


def traffic(events: Sequence[Event]) -> dict[str, list[Shares]]:
    """How each meta cluster's traffic moved, in order."""
    found: dict[str, list[Shares]] = {}
    for event in events:
        if event.kind is Kind.TRAFFIC and event.task:
            meta, data = event.task.partition("/")[0], event.data
            wanted, measured = (dict(data.get(key) or {}) for key in ("wanted", "measured"))
            found.setdefault(meta, []).append(Shares(event.at, meta, dict(data["shares"]), wanted, measured))
    return found


def gates(events: Sequence[Event]) -> dict[tuple[str, str], list[GateView]]:
    """What each gate said at each look, by task and gate, in order."""
    found: dict[tuple[str, str], list[GateView]] = {}
    for event in events:
        if event.kind is Kind.GATE:
            look = GateView.of(event)
            found.setdefault((look.task, look.gate), []).append(look)
    return found


def turns(events: Sequence[Event]) -> list[Turn]:
    """When what was turned back; a process that takes the run up tells it again, which is no second one."""
    found: dict[tuple[str | None, str], Turn] = {}
    for event in events:
        if event.kind is Kind.TASK_TURNING_BACK and event.task:
            key = (event.task, event.data["reason"])
            found.setdefault(key, Turn(event.at, event.task, tuple(event.data["parts"])))
    return list(found.values())
