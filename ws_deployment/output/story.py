"""The story of a run in words: which events are worth a line, and what the line says.

How lines look is their writers' business: `plain`, `werft`, and the CI systems with folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.output.advice import approval
from ws_deployment.output.gates import GateView, split
from ws_deployment.output.model import RunView, TaskView

#: Seconds between two entries of progress of one task, and between two that say that it still waits.
PROGRESS_EVERY = 10.0
STILL_EVERY = 60.0

#: What an action of a gate's limit is called.
_ACTIONS = {"hold": "holds", "ask": "asks a person"}

#: The words for each name that is logged.
_TEXTS = {
    "run.preparing": "{message}",
    "run.started": "{what} of {fleet}: id {cluster_id}, {clusters}, {tasks}",
    "run.resumed": "run {run} of {fleet} is taken up by {who} on {host}{attempt}: {done} of {tasks} done{again}",
    "run.paused": "PAUSED before its next effect; to go on:\nws-deployment runs resume {run}",
    "run.unpaused": "goes on",
    "run.refused": "{task}: refused by {check}: {reason}\n{remedy}",
    "run.finished": "{status} in {took}: {counts}",
    "run.problem": "{problem}\n{remedy}",
    "task.planned": "{summary}",
    "task.progress": "{message}",
    "task.still": "still: {message} ({took})",
    "task.retrying": "attempt {attempt} of {attempts} failed, again in {wait}: {error}",
    "task.subtask": "{place}{summary}",
    "task.holding": "{place}{summary}, until {until}",
    "task.asks": "APPROVAL IS WAITED FOR: {question}\nto say yes: {command}",
    "task.approved": "approved by {who}{reason}",
    "task.withdrawn": "no approval is waited for any more: {question}",
    "task.traffic": "traffic now: {shares}",
    "task.gate": "gate {gate} at {stage}: {verdict}: {why}{action}",
    "task.turning-back": "TURNING BACK {clusters}: {reason}{whole}",
    "task.done": "done in {took}{detail}",
    "task.skipped": "skipped: {reason}",
    "task.blocked": "blocked: {reason}{more}",
    "task.bad": "{status} after {took}: {reason}\n{remedy}",
}


@dataclass(frozen=True)
class Entry:
    """One thing worth a line: a name with keys. `at` is seconds since the epoch; `task` is None for the whole run."""

    name: str
    at: float
    keys: Mapping[str, Any]
    task: TaskView | None = None
    level: Literal["info", "warning", "error"] = "info"

    @property
    def text(self) -> str:
        """What it says; further lines hold details."""
        return _TEXTS[self.name].format_map(self.keys).rstrip()


@dataclass(frozen=True)
class _Told:
    """The last split that was told, whether it was measured, its words and when."""

    shares: Mapping[str, float]
    measured: bool
    text: str
    at: float


class Story:
    """Makes entries of events and of passing time; holds back what would come too often."""

    def __init__(self) -> None:
        self._spoke: dict[str, float] = {}
        self._pending: dict[str, str] = {}
        self._blocked: list[TaskView] = []
        self._splits: dict[str, _Told] = {}
        self._verdicts: dict[tuple[str, str, str], tuple[str, str, float]] = {}

    def take(self, event: Event, run: RunView) -> Iterator[Entry]:
        """The entries for an event that `run` has folded in."""
        if event.kind is not Kind.TASK_FINISHED or event.data["status"] != Status.BLOCKED:
            yield from self.flush(event.at)
        if event.task is None:
            yield from _of_run(event, run)
            return
        for entry in self._of_task(event, run.tasks[event.task], run):
            self._spoke[event.task] = event.at
            self._pending.pop(event.task, None)
            yield entry

    def tick(self, now: float, run: RunView) -> Iterator[Entry]:
        """Progress that was held back, and a sign of life of what takes long."""
        yield from self.flush(now)
        for task in run.tasks.values():
            if task.status is not Status.RUNNING:
                continue
            silent = now - self._spoke.setdefault(task.key, now)
            if task.key in self._pending and silent >= PROGRESS_EVERY:
                self._spoke[task.key] = now
                yield Entry("task.progress", now, {"message": self._pending.pop(task.key)}, task)
            elif silent >= STILL_EVERY:
                self._spoke[task.key] = now
                keys = {"message": task.activity(now) or task.step, "took": format_duration(task.elapsed(now))}
                yield Entry("task.still", now, keys, task)

    def flush(self, at: float) -> Iterator[Entry]:
        """One entry for the tasks of a target that were blocked together."""
        blocked, self._blocked = self._blocked, []
        for target in dict.fromkeys(task.target for task in blocked):
            first, *rest = (task for task in blocked if task.target == target)
            more = f" (and {len(rest)} more after it)" if rest else ""
            yield Entry("task.blocked", at, {"reason": first.reason, "more": more}, first)

    def _of_task(self, event: Event, task: TaskView, run: RunView) -> Iterator[Entry]:
        data = event.data
        if event.kind is Kind.TASK_PLANNED:
            yield Entry("task.planned", event.at, {"summary": data["summary"]}, task)
        elif event.kind is Kind.TASK_PROGRESS:
            yield from self._progress(event, task)
        elif event.kind is Kind.TASK_RETRYING:
            keys = {**data, "wait": format_duration(data["wait"])}
            yield Entry("task.retrying", event.at, keys, task, "warning")
        elif event.kind is Kind.SUBTASK_STARTED and (len(task.subtasks) > 1 or task.goes_back) and not data.get("hold"):
            keys = {**_place(task), "summary": data.get("summary") or data["name"]}
            yield Entry("task.subtask", event.at, keys, task)
        elif event.kind in {Kind.TASK_WAITING, Kind.TASK_APPROVED, Kind.TASK_WITHDRAWN}:
            yield _of_wait(event, task, run)
        elif event.kind in {Kind.TRAFFIC, Kind.GATE, Kind.TASK_TURNING_BACK}:
            yield from self._of_shift(event, task, run)
        elif event.kind is Kind.TASK_FINISHED and task.status is Status.BLOCKED:
            self._blocked.append(task)
        elif event.kind is Kind.TASK_FINISHED:
            yield _of_end(event, task)

    def _of_shift(self, event: Event, task: TaskView, run: RunView) -> Iterator[Entry]:
        if event.kind is Kind.TRAFFIC:
            yield from self._split(event, task, run)
        elif event.kind is Kind.GATE:
            yield from self._gate(event, task, run)
        else:
            yield _of_turning_back(event, task, run)

    def _split(self, event: Event, task: TaskView, run: RunView) -> Iterator[Entry]:
        """Told when it changes, when it has been measured for the first time since, and then once in a while."""
        shares, measured = dict(run.traffic[task.target]), run.measured.get(task.target)
        told = self._splits.get(task.key)
        text = split(shares, measured)
        changed = told is None or told.shares != shares
        newly = measured is not None and told is not None and not told.measured
        if changed or newly or (told is not None and told.text != text and event.at - told.at >= STILL_EVERY):
            self._splits[task.key] = _Told(shares, measured is not None, text, event.at)
            yield Entry("task.traffic", event.at, {"shares": text}, task)

    def _gate(self, event: Event, task: TaskView, run: RunView) -> Iterator[Entry]:
        """Told when its verdict changes or leads to something else than before; what wavers, not each time.

        That it knows nothing at first is no news, and a turning back is told with its reason.
        """
        key = (task.key, str(event.data["gate"]), str(event.data["cluster"]))
        gate = run.gates[key]
        action = "" if gate.action == "goOn" else gate.action
        verdict, before, at = self._verdicts.get(key, ("inconclusive", "", -PROGRESS_EVERY))
        matters = gate.verdict == "failed" or action not in {"", before}
        if (verdict, before) != (gate.verdict, action) and (matters or event.at - at >= PROGRESS_EVERY):
            self._verdicts[key] = (gate.verdict, action, event.at)
            if action != "rollback":
                yield _of_gate(event, gate, task)

    def _progress(self, event: Event, task: TaskView) -> Iterator[Entry]:
        if event.at - self._spoke.get(task.key, event.at) >= PROGRESS_EVERY:
            yield Entry("task.progress", event.at, {"message": event.data["message"]}, task)
        else:
            self._pending[task.key] = event.data["message"]


def _of_run(event: Event, run: RunView) -> Iterator[Entry]:
    if event.kind is Kind.RUN_PROGRESS:
        yield Entry("run.preparing", event.at, {"message": event.data["message"]})
    elif event.kind is Kind.RUN_STARTED:
        facts = {"fleet": run.fleet, "cluster_id": run.cluster_id}
        sizes = {"clusters": _count(len(run.clusters), "cluster"), "tasks": _count(len(run.tasks), "task")}
        sizes["what"] = f"rollback {run.run} of run {run.undoes}" if run.undoes else f"run {run.run}"
        yield Entry("run.started", event.at, {**facts, **sizes})
    elif event.kind is Kind.RUN_RESUMED:
        yield _of_resumption(event, run)
    elif event.kind is Kind.RUN_PAUSED:
        yield Entry("run.paused", event.at, {"run": run.run}, level="warning")
    elif event.kind is Kind.RUN_UNPAUSED:
        yield Entry("run.unpaused", event.at, {})
    else:
        for refusal in run.refusals:
            yield Entry("run.refused", event.at, {"remedy": "", **refusal}, level="error")
        if run.problem:
            keys = {"problem": run.problem_text, "remedy": run.problem.get("remedy", "")}
            yield Entry("run.problem", event.at, keys, level="error")
        counts = ", ".join(f"{count} {status}" for status, count in run.counts.items()) or "nothing to do"
        took = format_duration(run.seconds or 0.0)
        yield Entry("run.finished", event.at, {"status": run.status, "took": took, "counts": counts})


def _of_resumption(event: Event, run: RunView) -> Entry:
    done = sum(task.status.good for task in run.tasks.values())
    again = event.data["again"]
    keys = {
        "run": run.run,
        "fleet": run.fleet,
        "who": event.data["who"],
        "host": event.data["host"],
        "attempt": f", attempt {run.attempt}" if run.attempt > 1 else "",
        "done": done,
        "tasks": _count(len(run.tasks), "task"),
        "again": f"; again: {', '.join(again)}" if again else "",
    }
    return Entry("run.resumed", event.at, keys)


def _of_wait(event: Event, task: TaskView, run: RunView) -> Entry:
    if event.kind is Kind.TASK_APPROVED:
        reason = f": {event.data['reason']}" if event.data.get("reason") else ""
        return Entry("task.approved", event.at, {"who": event.data["who"], "reason": reason}, task)
    if event.kind is Kind.TASK_WITHDRAWN:
        return Entry("task.withdrawn", event.at, {"question": event.data["text"]}, task)
    if event.data["until"] is None:
        keys = {"question": event.data["text"], "command": approval(run, task)}
        return Entry("task.asks", event.at, keys, task, "warning")
    until = f"{datetime.fromtimestamp(event.data['until']).astimezone():%H:%M:%S}"
    return Entry("task.holding", event.at, {**_place(task), "summary": task.doing, "until": until}, task)


def _of_gate(event: Event, gate: GateView, task: TaskView) -> Entry:
    keys = {
        "gate": gate.name,
        "stage": "all stages" if gate.stage is None else f"{gate.stage:g} %",
        "verdict": gate.verdict,
        "why": gate.text,
        "action": f"; it {_ACTIONS[gate.action]}" if gate.action in _ACTIONS else "",
    }
    bad = gate.verdict in {"failed", "error"} or gate.action in _ACTIONS
    return Entry("task.gate", event.at, keys, task, "warning" if bad else "info")


def _of_turning_back(event: Event, task: TaskView, run: RunView) -> Entry:
    back = run.turning(event)
    keys = {
        "clusters": ", ".join(back.clusters) or task.key,
        "reason": back.reason,
        "whole": "\nthe whole run is taken back" if back.whole_run else "",
    }
    return Entry("task.turning-back", event.at, keys, task, "error")


def _place(task: TaskView) -> dict[str, str]:
    """Which of its sub-tasks a task is at."""
    return {"place": "back: " if task.place is None else f"{task.place}/{len(task.subtasks)} "}


def _of_end(event: Event, task: TaskView) -> Entry:
    took = format_duration(task.seconds or 0.0)
    if task.status is Status.DONE:
        # What was planned has been said already; a task without a plan of its own says here what it was.
        detail = "" if task.plan == task.reason or not task.reason else f": {task.reason}"
        return Entry("task.done", event.at, {"took": took, "detail": detail}, task)
    if task.status is Status.SKIPPED:
        return Entry("task.skipped", event.at, {"reason": task.reason}, task)
    keys = {"status": task.status, "took": took, "reason": task.reason, "remedy": task.remedy}
    return Entry("task.bad", event.at, keys, task, "error")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
