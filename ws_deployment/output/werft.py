"""The story of a run as werft's log cutter reads it: phases for steps, slices for tasks, results for clusters.

Format: `[id|PHASE] text`, `[id] line`, `[id|DONE]`, `[id|FAIL] why`, `[type|RESULT] payload description`
(github.com/csweichel/werft, pkg/logcutter). The cutter's scanner gives up at lines of 64 KiB.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from ws_deployment.engine.events import Event, Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.output.advice import approval
from ws_deployment.output.glyphs import Glyphs, clean, one_line
from ws_deployment.output.kept import last_lines
from ws_deployment.output.model import RunView, TaskView
from ws_deployment.output.outputs import Output
from ws_deployment.output.story import Entry, Story

#: Characters of one line, well below the scanner's limit even where each takes four bytes.
_LONGEST = 8000
_RUN = "run"


class WerftOutput(Output):
    """Writes slices as they grow: werft sorts parallel ones apart by their ids."""

    name = "werft"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._glyphs = Glyphs.of(stream.encoding)
        self._story = Story()
        self._phases: set[str] = set()

    def take(self, event: Event, run: RunView) -> None:
        """Write the lines that the event is worth."""
        if event.kind is Kind.TASK_STARTED and event.task:
            self._phase(run.tasks[event.task].step)
        self._write(self._story.take(event, run))
        if event.kind is Kind.TASK_FINISHED and event.task and run.tasks[event.task].status is not Status.BLOCKED:
            self._end(run.tasks[event.task])
        elif event.kind is Kind.RUN_FINISHED:
            self._results(run)

    def tick(self, now: float, run: RunView) -> None:
        """Write what was held back, and a sign of life of what takes long."""
        self._write(self._story.tick(now, run))

    def _phase(self, step: str) -> None:
        if step not in self._phases:
            self._phases.add(step)
            self._line(f"[{step}|PHASE] {step}")

    def _write(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            identity = _slice(entry.task) if entry.task else _RUN
            for line in clean(entry.text).splitlines():
                self._line(f"[{identity}] {one_line(line)}")

    def _end(self, task: TaskView) -> None:
        for line in last_lines(task.output):
            self._line(f"[{_slice(task)}] {line}")
        if task.status.good:
            self._line(f"[{_slice(task)}|DONE]")
        else:
            self._line(f"[{_slice(task)}|FAIL] {one_line(task.reason) or task.status}")

    def _results(self, run: RunView) -> None:
        for task in run.tasks.values():
            if url := task.outputs.get("url"):
                self._line(f"[url|RESULT] {url} {task.target} of {run.fleet}")
        counts = ", ".join(f"{count} {status}" for status, count in run.counts.items())
        self._line(f"[status|RESULT] {run.status} {run.fleet} run {run.run}: {counts}")
        for task in run.asking:
            self._line(f"[approve|RESULT] {approval(run, task)} {task.key}: {one_line(task.asks)}")
        self._line(f"[{_RUN}|DONE]" if run.status.good else f"[{_RUN}|FAIL] {run.status}")

    def _line(self, text: str) -> None:
        self._stream.write(self._glyphs.spell(self._glyphs.cut(text, _LONGEST)) + "\n")
        self._stream.flush()


def _slice(task: TaskView) -> str:
    return f"{task.target} {task.step}"
