"""What the live view shows at one moment, as lines: a table of rows and steps, or a list where that does not fit.

Pure: it is told the time and the size. When it is drawn, and on what, is `live`'s business.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.text import Text

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.outcome import Status
from ws_deployment.output.advice import approval
from ws_deployment.output.glyphs import LOOKS, TELLING, Glyphs, one_line
from ws_deployment.output.live_gates import gate_lines, percent_text, split_lines, task_symbols
from ws_deployment.output.model import RowView, RunView, TaskView

#: A table's columns from roomy to tight: width of a cell, gap between two, and whether statuses are spelt out.
_FITS = ((10, 2, True), (9, 2, True), (9, 1, True), (8, 1, False))
#: The narrowest column for what a row is about; where there is less room it stands in lines below the table.
_ACTIVITY = 32
_LABEL = 20
#: How many lines a split may take, on terminals of so many lines.
_MOST, _TALL = 3, 20
#: Statuses in the order in which rows that do not all fit are shown.
_URGENCY = {status: place for place, status in enumerate((
    Status.FAILED, Status.REFUSED, Status.UNKNOWN, Status.TURNED_BACK, Status.CANCELLED, Status.INTERRUPTED,
    Status.PAUSED, Status.RUNNING, Status.BLOCKED, Status.WAITING, Status.QUEUED, Status.ROLLED_BACK, Status.DONE,
    Status.SKIPPED,
))}  # fmt: skip


def short_names(steps: Sequence[str]) -> dict[str, str]:
    """Headings for steps: their first word, or what follows it where several steps begin alike."""
    first = Counter(step.partition("-")[0] for step in steps)
    names = {}
    for step in steps:
        head, _, rest = step.partition("-")
        names[step] = rest if first[head] > 1 and rest else head
    return names if len(set(names.values())) == len(steps) else {step: step for step in steps}


@dataclass(frozen=True)
class Screen:
    """The view of a run for a terminal of `width` columns and `height` lines.

    `final` is the one that stays: it shows all rows, however many lines they take, and nothing that is passing.
    """

    run: RunView
    now: float
    width: int
    height: int
    glyphs: Glyphs = field(default_factory=Glyphs)
    final: bool = False

    def lines(self) -> list[Text]:
        """Its lines, none longer than the width, no more of them than fit."""
        if self.final and not any(task.final or task.started for task in self.run.tasks.values()):
            return []  # what ended the run before its first task is told by others
        head, foot = self._head(), self._traffic()
        foot += self._gates(self.height - len(head) - len(foot) - 1)
        room = self.height - len(head) - len(foot) - 1
        body = self._body(room)
        return [self._cut(line) for line in (*head, *body, *foot)]

    # -- head and foot -------------------------------------------------------------------------------------------

    def _head(self) -> list[Text]:
        run = self.run
        if not run.tasks:
            return [
                self._mark(run.status if run.status is not Status.WAITING else Status.RUNNING, run.doing or "preparing")
            ]
        left = Text.assemble((run.fleet, "bold"), ("  id ", "bright_black"), str(run.cluster_id))
        left.append(f"  run {run.run}", "bright_black")
        counts = run.counts
        done = counts[Status.DONE] + counts[Status.SKIPPED]
        right = Text(f"{done} of {len(run.tasks)} done")
        if faults := sum(count for status, count in counts.items() if status.at_fault):
            right.append(f", {faults} failed", "red")
        right.append(f"  {_time(run.elapsed(self.now), final=run.seconds is not None)}", "bold")
        if len(left) + len(right) + 2 > self.width:
            left = Text(run.fleet, "bold")
        lines = [left + Text(" " * max(self.width - len(left) - len(right), 2)) + right]
        if run.doing and not self.final:
            lines.append(self._mark(Status.RUNNING, run.doing))
        return [*lines, Text(), *([] if self.final else self._calls())]

    def _calls(self) -> list[Text]:
        """What a person is called for: questions, a pause; with the commands that answer, on lines of their own."""
        lines = []
        if self.run.status is Status.PAUSED:
            lines += [self._mark(Status.PAUSED, "paused before its next effect; to go on, elsewhere:")]
            lines += [Text(f"  ws-deployment runs resume {self.run.run}", "bold"), Text()]
        for task in self.run.asking:
            line = self._mark(Status.PAUSED, f"{task.key} waits for approval: ")
            lines += [line.append(self.glyphs.spell(one_line(task.asks)), "bold yellow")]
            lines += [Text("  to say yes, elsewhere: ").append(approval(self.run, task), "bold"), Text()]
        return lines

    def _traffic(self) -> list[Text]:
        width = min(self._label_width, _LABEL)
        most = _MOST if self.final or self.height >= _TALL else 1
        lines = [
            line
            for meta in self.run.traffic
            for line in split_lines(meta.ljust(width), self.run, meta, self.width, self.glyphs, most=most)
        ]
        return [Text(), *lines] if lines else []

    def _gates(self, room: int) -> list[Text]:
        """What the gates said, where the rows leave `room` for it."""
        lines = [] if self.final else gate_lines(self.run, self.width, self.glyphs)
        return lines if len(lines) <= room - 2 * len(self.run.rows) - 3 else []

    @functools.cached_property
    def _names(self) -> dict[str, str]:
        return short_names(self.run.steps)

    # -- the rows ------------------------------------------------------------------------------------------------

    @property
    def _label_width(self) -> int:
        return min(max((len(row.name) for row in self.run.rows), default=0), _LABEL)

    def _body(self, room: int) -> list[Text]:
        if not self.run.rows:
            return []
        for cell, gap, words in _FITS:
            left = self.width - self._label_width - len(self.run.steps) * (cell + gap)
            if left < 0:
                continue
            beside = left >= _ACTIVITY and not self.final
            table = self._table(cell, gap, words=words, beside=left if beside else 0)
            below = [] if beside or self.final else self._activities()
            legend = [] if words else self._legend()
            lines = [*table, *([Text(), *below] if below else []), *legend]
            if self.final or len(lines) <= room:
                return lines
        return self._list(room)

    def _table(self, cell: int, gap: int, *, words: bool, beside: int) -> list[Text]:
        names = self._names
        spare = self.width - self._label_width - len(names) * (cell + gap) if not beside else 0
        widths = {}
        for step in self.run.steps:
            widths[step] = cell + min(max(len(names[step]) - cell, 0), spare)
            spare -= widths[step] - cell
        head = Text(" " * self._label_width, "bright_black")
        for step, width in widths.items():
            head.append(" " * gap + self.glyphs.cut(names[step], width).ljust(width))
        lines = [head]
        for row in self.run.rows:
            line = Text(self.glyphs.cut(row.name, self._label_width).ljust(self._label_width))
            for step, width in widths.items():
                task = row.task(step)
                text = self._cell(task, words=words) if task else Text()
                line.append(" " * gap).append(text).append(" " * (width - len(text)))
            if beside and row.current.status is not Status.WAITING:
                about = self._about(row.current)
                line.append("  ").append(self.glyphs.cut(about, beside - 2), self._colour(row.current.status))
            lines.append(line)
        return lines

    def _cell(self, task: TaskView, *, words: bool) -> Text:
        status = task.status
        text = self.glyphs.status(status)
        if task.asks:
            return Text(f"{self.glyphs.status(Status.PAUSED)} asks", "bold yellow")
        if status in TELLING:
            text += f" {status}" if words else ""
        elif status is not Status.WAITING:
            text += f" {_time(task.elapsed(self.now), final=task.final)}"
            text += f" #{task.attempt}" if task.attempt > 1 and words else ""
        return Text(text, self._colour(status))

    def _activities(self) -> list[Text]:
        names = self._names
        shown = [row for row in self.run.rows if row.status is Status.RUNNING or row.status.at_fault]
        width = max((len(row.name) for row in shown), default=0)
        steps = max((len(names.get(row.current.step, "")) for row in shown), default=0)
        lines = []
        for row in shown:
            line = self._mark(row.status, self.glyphs.cut(row.name, _LABEL).ljust(min(width, _LABEL)))
            line.append(f"  {names.get(row.current.step, row.current.step):{steps}}  ", "bright_black")
            lines.append(line.append(self._about(row.current)))
        return lines

    def _about(self, task: TaskView) -> str:
        parts = []
        if len(task.subtasks) > 1 and not task.final and task.place is not None:
            parts.append(f"{task.place}/{len(task.subtasks)}")
        if not task.final and (told := task_symbols(self.run, task, self.glyphs)):
            parts += [f"{self._percent(task)}{told}"]
        if task.attempt > 1 and not task.final:
            parts.append(f"attempt {task.attempt} of {task.attempts}")
        about = task.reason if task.status.at_fault or task.status is Status.BLOCKED else task.activity(self.now)
        return self.glyphs.spell(one_line(", ".join((*parts, about) if about else parts)))

    def _percent(self, task: TaskView) -> str:
        """What the new clusters of a shift take, where its words don't say so."""
        shares = self.run.traffic.get(task.target, {})
        percent = percent_text(sum(share for name, share in shares.items() if name in task.clusters))
        return "" if percent in task.activity(self.now) or not shares else f"{percent} "

    def _legend(self) -> list[Text]:
        shown = [status for status in TELLING if self.run.counts[status]]
        return [Text("  ".join(f"{self.glyphs.status(s)} {s}" for s in shown), "bright_black")] if shown else []

    def _list(self, room: int) -> list[Text]:
        """One line a row: what is most urgent first where not all of them fit, and a count of the rest."""
        rows = self.run.rows
        if len(rows) <= room or self.final:
            return [self._item(row) for row in rows]
        rows = sorted(rows, key=lambda row: _URGENCY[Status.PAUSED if row.current.asks else row.status])
        shown, rest = rows[: max(room - 1, 0)], rows[max(room - 1, 0) :]
        counts = Counter(row.status for row in rest)
        counted = ", ".join(f"{count} {status}" for status, count in counts.items())
        return [*(self._item(row) for row in shown), Text(f"  and {len(rest)} more: {counted}", "bright_black")]

    def _item(self, row: RowView) -> Text:
        names, task = self._names, row.current
        place = f"{row.finished}/{len(row.tasks)}"
        line = self._mark(row.status, f"{self.glyphs.cut(row.name, self._label_width):{self._label_width}}  ")
        line.append(f"{place:>5}  ", "bright_black")
        line.append(f"{self.glyphs.cut(names.get(task.step, task.step), 10):10}  ")
        word = str(task.status) if task.status in TELLING else ""
        if task.status not in (*TELLING, Status.WAITING):
            word = _time(task.elapsed(self.now), final=task.final)
        return line.append(f"{word:8}  ").append(self._about(task))

    # -- pieces --------------------------------------------------------------------------------------------------

    def _mark(self, status: Status, text: str) -> Text:
        return Text.assemble((f"{self.glyphs.status(status)} ", self._colour(status)), self.glyphs.spell(text))

    def _colour(self, status: Status) -> str:
        return LOOKS[status].colour

    def _cut(self, line: Text) -> Text:
        line.no_wrap = True
        if line.cell_len > self.width:
            end = "…" if self.glyphs.unicode else ".."
            line.truncate(self.width - len(end), overflow="crop")
            line.append(end)
        return line


def _time(seconds: float, *, final: bool) -> str:
    """A duration; whole seconds while it grows, so that the view stays calm."""
    return format_duration(seconds) if final else format_duration(float(int(seconds))).replace(".0s", "s")
