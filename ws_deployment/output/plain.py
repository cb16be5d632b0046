"""The story of a run as lines: time, target, step, and what happened, aligned; details indented below.

Entries are logged as names with keys; the renderer at the end of the logger's processors makes the line of them.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from datetime import datetime
from typing import Any, TextIO

import structlog

from ws_deployment.engine.events import Event, Kind
from ws_deployment.output.glyphs import Glyphs, clean, one_line
from ws_deployment.output.model import RunView
from ws_deployment.output.outputs import Output
from ws_deployment.output.story import Entry, Story


class LineRenderer:
    """The last processor of the logger. `widths` are of the columns for target and step of a task's entries."""

    def __init__(self, glyphs: Glyphs) -> None:
        self._glyphs = glyphs
        self.widths = (0, 0)

    def __call__(self, logger: object, method: str, entry: MutableMapping[str, Any]) -> str:  # noqa: ARG002  structlog's
        """Render an entry."""
        at = datetime.fromtimestamp(entry["at"]).astimezone()
        columns = [f"{at:%H:%M:%S}"]
        if "target" in entry:
            target, step = self.widths
            columns += [f"{entry['target']:{target}}", f"{entry['step']:{step}}"]
        head, *more = [one_line(line) for line in clean(entry["text"]).splitlines()] or [""]
        lines = [f"{'  '.join(columns)}  {head}", *(f"{'':10}  {line}" for line in more)]
        return "\n".join(self._glyphs.spell(line.rstrip()) for line in lines)


class PlainOutput(Output):
    """Writes lines to `stream`."""

    name = "plain"

    def __init__(self, stream: TextIO) -> None:
        self._renderer = LineRenderer(Glyphs.of(stream.encoding))
        self._log = structlog.wrap_logger(
            structlog.PrintLogger(stream), processors=[self._renderer], wrapper_class=structlog.BoundLogger
        )
        self._story = Story()

    def take(self, event: Event, run: RunView) -> None:
        """Write what the event is worth."""
        if event.kind in {Kind.RUN_STARTED, Kind.RUN_RESUMED}:
            rows, steps = (row.name for row in run.rows), run.steps
            self._renderer.widths = (max(map(len, rows), default=0), max(map(len, steps), default=0))
        self._write(self._story.take(event, run))

    def tick(self, now: float, run: RunView) -> None:
        """Write what was held back, and a sign of life of what takes long."""
        self._write(self._story.tick(now, run))

    def _write(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            task = {"target": entry.task.target, "step": entry.task.step} if entry.task else {}
            getattr(self._log, entry.level)(entry.name, **entry.keys, **task, at=entry.at, text=entry.text)
