"""The story of a run as lines: one aligned line for each event that matters to somebody who reads a log.

Events are logged as names with keys; the renderer at the end makes the line of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any, TextIO

import structlog

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.output.glyphs import Glyphs, clean, one_line
from ws_deployment.output.model import RunView, TaskView
from ws_deployment.output.outputs import Output

#: Seconds between two lines of progress of one task, and between two lines that say that it still waits.
PROGRESS_EVERY = 10.0
STILL_EVERY = 60.0


class LineRenderer:
    """The last processor of the logger: a line with time, target, step and text, and indented lines of detail below.

    `widths` are of the columns for target and step; they are known when the run has started.
    """

    def __init__(self, glyphs: Glyphs) -> None:
        self._glyphs = glyphs
        self.widths = (0, 0)

    def __call__(self, logger: object, method: str, entry: MutableMapping[str, Any]) -> str:  # noqa: ARG002  structlog's
        """Render an entry."""
        at = datetime.fromtimestamp(entry["at"]).astimezone()
        columns = [f"{at:%H:%M:%S}"]
        if any(self.widths):
            target, step = self.widths
            columns += [f"{entry.get('target', ''):{target}}", f"{entry.get('step', ''):{step}}"]
        head, *more = [one_line(line) for line in clean(self.text(entry)).splitlines()] or [""]
        lines = [f"{'  '.join(columns)}  {head}", *(f"{'':10}  {line}" for line in more)]
        return "\n".join(self._glyphs.spell(line.rstrip()) for line in lines)

    @staticmethod
    def text(entry: Mapping[str, Any]) -> str:
        """What an entry says: its template, filled with its keys."""
        return _TEXTS[entry["event"]].format_map(entry)


#: The words for each name that is logged.
_TEXTS = {
    "run.preparing": "{message}",
    "run.started": "run {run} of {fleet}: id {cluster_id}, {clusters}, {tasks}",
    "run.refused": "refused by {check}: {reason}\n{remedy}",
    "run.finished": "{status} in {took}: {counts}",
    "run.problem": "{problem}\n{remedy}",
    "task.planned": "{summary}",
    "task.progress": "{message}",
    "task.still": "still: {message} ({took})",
    "task.retrying": "attempt {attempt} of {attempts} failed, again in {wait}: {error}",
    "task.subtask": "{number}/{total} {summary}",
    "task.holding": "{number}/{total} {summary}, until {until}",
    "task.traffic": "traffic now: {shares}",
    "task.done": "done in {took}{detail}",
    "task.skipped": "skipped: {reason}",
    "task.blocked": "blocked: {reason}{more}",
    "task.bad": "{status} after {took}: {reason}\n{remedy}",
}


class PlainOutput(Output):
    """Writes lines to `stream`."""

    name = "plain"

    def __init__(self, stream: TextIO) -> None:
        self._renderer = LineRenderer(Glyphs.of(stream.encoding))
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream), processors=[self._renderer], wrapper_class=structlog.BoundLogger
        )
        self._spoke: dict[str, float] = {}
        self._pending: dict[str, str] = {}
        self._blocked: list[TaskView] = []

    def take(self, event: Event, run: RunView) -> None:
        """Write what the event is worth."""
        if event.kind is not Kind.TASK_FINISHED or event.data["status"] != Status.BLOCKED:
            self._flush_blocked(event.at)
        if event.task is None:
            self._take_run(event, run)
            return
        task = run.tasks[event.task]
        for name, level, keys in self._entries(event, task, run):
            self._spoke[task.key] = event.at
            self._pending.pop(task.key, None)
            getattr(self._log, level)(name, at=event.at, target=task.target, step=task.step, **keys)

    def tick(self, now: float, run: RunView) -> None:
        """Write progress that was held back, and a sign of life of what takes long."""
        self._flush_blocked(now)
        for task in run.tasks.values():
            if task.status is not Status.RUNNING:
                continue
            silent = now - self._spoke.setdefault(task.key, now)
            if task.key in self._pending and silent >= PROGRESS_EVERY:
                self._say(now, task, "task.progress", message=self._pending.pop(task.key))
            elif silent >= STILL_EVERY:
                took = format_duration(task.elapsed(now))
                self._say(now, task, "task.still", message=task.activity(now) or task.step, took=took)

    def close(self, run: RunView) -> tuple[str, ...]:
        """Write what was held back."""
        self._flush_blocked((run.started or 0.0) + (run.seconds or 0.0))
        return ()

    def _say(self, at: float, task: TaskView, name: str, **keys: Any) -> None:
        self._spoke[task.key] = at
        self._log.info(name, at=at, target=task.target, step=task.step, **keys)

    def _flush_blocked(self, at: float) -> None:
        """One line for the tasks of a target that were blocked together."""
        blocked, self._blocked = self._blocked, []
        for target in dict.fromkeys(task.target for task in blocked):
            first, *rest = (task for task in blocked if task.target == target)
            more = f" (and {len(rest)} more after it)" if rest else ""
            self._say(at, first, "task.blocked", reason=first.reason, more=more)

    def _take_run(self, event: Event, run: RunView) -> None:
        data = event.data
        if event.kind is Kind.RUN_PROGRESS:
            self._log.info("run.preparing", at=event.at, message=data["message"])
        elif event.kind is Kind.RUN_STARTED:
            self._log.info(
                "run.started",
                at=event.at,
                run=run.run,
                fleet=run.fleet,
                cluster_id=run.cluster_id,
                clusters=_count(len(run.clusters), "cluster"),
                tasks=_count(len(run.tasks), "task"),
            )
            rows, steps = (row.name for row in run.rows), run.steps
            self._renderer.widths = (max(map(len, rows), default=0), max(map(len, steps), default=0))
        else:
            self._renderer.widths = (0, 0)
            for refusal in run.refusals:
                self._log.error("run.refused", at=event.at, **{"remedy": "", **refusal})
            if run.problem:
                self._log.error("run.problem", at=event.at, **problem_texts(run))
            counts = ", ".join(f"{count} {status}" for status, count in run.counts.items()) or "nothing to do"
            took = format_duration(run.seconds or 0.0)
            self._log.info("run.finished", at=event.at, status=run.status, took=took, counts=counts)

    def _entries(self, event: Event, task: TaskView, run: RunView) -> Iterator[tuple[str, str, dict[str, Any]]]:
        data = event.data
        if event.kind is Kind.TASK_PLANNED:
            yield "task.planned", "info", {"summary": data["summary"]}
        elif event.kind is Kind.TASK_PROGRESS:
            if event.at - self._spoke.get(task.key, event.at) >= PROGRESS_EVERY:
                yield "task.progress", "info", {"message": data["message"]}
            else:
                self._pending[task.key] = data["message"]
        elif event.kind is Kind.TASK_RETRYING:
            yield "task.retrying", "warning", {**data, "wait": format_duration(data["wait"])}
        elif event.kind is Kind.SUBTASK_STARTED and len(task.subtasks) > 1:
            place = {"number": task.subtasks_done + 1, "total": len(task.subtasks)}
            told = {**place, "summary": data.get("summary") or data["name"]}
            if task.hold_until is None:
                yield "task.subtask", "info", told
            else:
                until = f"{datetime.fromtimestamp(task.hold_until).astimezone():%H:%M:%S}"
                yield "task.holding", "info", {**told, "until": until}
        elif event.kind is Kind.TRAFFIC:
            shares = ", ".join(f"{name} {share:.3g} %" for name, share in run.traffic[task.target].items())
            yield "task.traffic", "info", {"shares": shares}
        elif event.kind is Kind.TASK_FINISHED:
            yield from self._finished(task)

    def _finished(self, task: TaskView) -> Iterator[tuple[str, str, dict[str, Any]]]:
        took = format_duration(task.seconds or 0.0)
        if task.status is Status.DONE:
            # What was planned has been said already; a task without a plan of its own says here what it was.
            detail = "" if task.plan == task.reason or not task.reason else f": {task.reason}"
            yield "task.done", "info", {"took": took, "detail": detail}
        elif task.status is Status.SKIPPED:
            yield "task.skipped", "info", {"reason": task.reason}
        elif task.status is Status.BLOCKED:
            self._blocked.append(task)
        else:
            keys = {"status": task.status, "took": took, "reason": task.reason, "remedy": task.remedy}
            yield "task.bad", "error", keys


def problem_texts(run: RunView) -> dict[str, str]:
    """The problem that ended the run before its tasks: what it was, and its remedy."""
    problem = run.problem
    head = f"{problem.get('attempted', '')} {problem.get('on', '')}".strip()
    why = problem.get("why", "")
    return {"problem": f"{head}: {why}" if head else why, "remedy": problem.get("remedy", "")}


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
