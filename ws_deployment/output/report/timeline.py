"""When each task ran, as bars on one axis of time; the words beside them say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ws_deployment.config.duration import format_duration
from ws_deployment.engine.outcome import Status
from ws_deployment.output.glyphs import Glyphs
from ws_deployment.output.model import RunView, TaskView
from ws_deployment.output.report.axis import Axis, hour
from ws_deployment.output.report.chart import abscissa
from ws_deployment.output.report.markup import Markup, element, join
from ws_deployment.output.report.story import Bar, TaskStory, Turn

#: The narrowest bar, in percent, that can still be seen.
_NARROWEST = 0.4


def timeline(run: RunView, stories: Mapping[str, TaskStory], axis: Axis, turns: Sequence[Turn] = ()) -> Markup:
    """A list of tasks for each target, each with its bars; a line through all marks a turning back."""
    marks = [element("span", class_="turn", style=f"left:{axis.place(turn.at):g}%") for turn in turns]
    parts = []
    for row in run.rows:
        items = [_item(task, stories.get(task.key), axis, marks) for task in row.tasks]
        parts += [element("h3", row.name), element("ol", *items, class_="gantt")]
    told = [
        element("p", f"The upright line: {turn.task} turned back at {hour(turn.at)}.", class_="note") for turn in turns
    ]
    return join([abscissa(axis), *parts, *told, _gap_note(axis)])


def badge(status: Status) -> Markup:
    """A status as its symbol and its word."""
    symbol = element("span", Glyphs().status(status), aria_hidden="true")
    return element("span", symbol, f" {status}", class_=f"badge {css(status)}")


def css(status: Status) -> str:
    """The class of a status."""
    return str(status).replace(" ", "-")


def _item(task: TaskView, story: TaskStory | None, axis: Axis, marks: Sequence[Markup]) -> Markup:
    took = format_duration(task.seconds) if task.seconds and task.started else ""
    bars = [_bar(bar, axis) for bar in (*story.bars, *story.waits)] if story else []
    gaps = [_stretch(gap.begin, gap.end, axis, "gap", "nobody was at it") for gap in axis.gaps]
    return element(
        "li",
        element("a", task.step, href=f"#{anchor(task.key)}"),
        element("span", badge(task.status), f" {took}", class_="fate"),
        element("span", *gaps, *bars, *marks, class_="track", aria_hidden="true"),
    )


def anchor(key: str) -> str:
    """The id of a task's section."""
    return "task-" + "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in key)


def _bar(bar: Bar, axis: Axis) -> Markup:
    end = axis.end if bar.end is None else bar.end
    what = "waited" if bar.wait else str(bar.status)
    told = f"{what}, {hour(bar.begin)} to {hour(end)}, {format_duration(max(end - bar.begin, 0.0))}"
    return _stretch(bar.begin, end, axis, "wait" if bar.wait else css(bar.status), told)


def _stretch(begin: float, end: float, axis: Axis, kind: str, told: str) -> Markup:
    left = axis.place(begin)
    width = max(axis.place(end) - left, _NARROWEST)
    left = min(left, 100.0 - width)
    return element("span", class_=f"bar {kind}", style=f"left:{left:.3f}%;width:{width:.3f}%", title=told)


def _gap_note(axis: Axis) -> Markup | None:
    if not axis.gaps:
        return None
    spans = ", ".join(f"{hour(gap.begin)} to {hour(gap.end)}" for gap in axis.gaps)
    return element("p", f"Hatched: no process was at the run ({spans}); these gaps are drawn short.", class_="note")
