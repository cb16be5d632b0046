"""What CI systems with folds have in common: a task's lines are kept until it ends and then written as one fold.

So folds of clusters that run in parallel never interleave. Signs of life are written at once, outside of folds.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TextIO

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.events import Event
from ws_deployment.output.glyphs import Glyphs, clean, one_line
from ws_deployment.output.kept import last_lines
from ws_deployment.output.model import RunView, TaskView
from ws_deployment.output.outputs import Output
from ws_deployment.output.story import Entry, Story

#: Entries that are told at once; those of the first kind are not repeated in the fold.
_PASSING = frozenset({"task.still", "task.blocked"})
_AT_ONCE = _PASSING | {
    "task.holding",
    "task.asks",
    "task.approved",
    "task.withdrawn",
    "task.traffic",
    "task.turning-back",
}
_ENDS = frozenset({"task.done", "task.skipped", "task.bad"})


class GroupedOutput(Output):
    """Writes a line for each entry of the run, and a fold for each task that ended."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._glyphs = Glyphs.of(stream.encoding)
        self._story = Story()
        self._kept: dict[str, list[str]] = {}

    @abstractmethod
    def fold(self, task: TaskView, heading: str, lines: Sequence[str]) -> None:
        """Write the fold of a task that ended."""

    def annotate(self, task: TaskView) -> None:
        """Point to a task that ended, outside of its fold."""

    def ask(self, task: TaskView, lines: Sequence[str]) -> None:
        """Make sure that the question of a task is seen; `lines` have been written."""

    def take(self, event: Event, run: RunView) -> None:
        """Keep or write what the event is worth."""
        self._entries(self._story.take(event, run))

    def tick(self, now: float, run: RunView) -> None:
        """Write signs of life."""
        self._entries(self._story.tick(now, run))

    def close(self, run: RunView) -> Sequence[str]:
        """Write the folds of tasks that were interrupted."""
        for key in list(self._kept):
            task = run.tasks[key]
            self._end(task, [f"{task.status} after {format_duration(task.elapsed(time.time()))}"])
        return ()

    def line(self, text: str) -> None:
        """Write one line at once."""
        self._stream.write(self._glyphs.spell(text) + "\n")
        self._stream.flush()

    def _entries(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            lines = [one_line(line) for line in clean(entry.text).splitlines()]
            if entry.task is None:
                for line in lines:
                    self.safe(line)
            elif entry.name in _ENDS:
                self._end(entry.task, lines)
            else:
                if entry.name in _AT_ONCE:
                    self.safe(f"{entry.task.key}: {lines[0]}")
                if entry.name == "task.asks":
                    for line in lines[1:]:
                        self.safe(f"    {line}")
                    self.ask(entry.task, lines)
                if entry.name not in _PASSING:
                    at = f"{datetime.fromtimestamp(entry.at).astimezone():%H:%M:%S}"
                    self._kept.setdefault(entry.task.key, []).extend(f"{at}  {line}" for line in lines)

    def _end(self, task: TaskView, lines: Sequence[str]) -> None:
        heading = f"{self._glyphs.status(task.status)} {task.key}  {lines[0]}"
        kept = [*self._kept.pop(task.key, []), *lines[1:]]
        if output := last_lines(task.output):
            kept += ["", *output]
        if kept:
            self.fold(task, heading, kept)
        else:
            self.safe(heading)
        self.annotate(task)

    def safe(self, text: str) -> None:
        """Write a line whose words come from elsewhere."""
        self.line(text)
