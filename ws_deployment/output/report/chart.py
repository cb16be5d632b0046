"""What the report's pictures have in common: a frame with a scale of values, the run's axis of time, and marks on it.

A picture is stretched to its frame, so that it fits any width; words stand around it as text, not in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ws_deployment.output.gates import number
from ws_deployment.output.report.axis import Axis, Tick, hour, ticks
from ws_deployment.output.report.markup import Markup, element, join
from ws_deployment.output.report.story import Turn


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high`, a mark each `step`, with `unit` behind their numbers."""

    low: float
    high: float
    step: float
    unit: str = ""

    @classmethod
    def holding(cls, values: Iterable[float]) -> Scale:
        """A scale with round ends that holds zero and the values, with some room above them."""
        known = [0.0, *values]
        low, high = min(known), max(known)
        high = high + (high - low) * _HEAD if high > low else low + 1.0
        power = 10.0 ** math.floor(math.log10(high - low))
        step = next(part * power for part in (0.2, 0.5, 1.0, 2.0, 5.0) if (high - low) / (part * power) <= _STEPS)
        return cls(math.floor(low / step) * step, math.ceil(high / step) * step, step)

    def place(self, value: float) -> float:
        """How far below the top of a picture of the height 100 a value stands."""
        return round(100.0 * (self.high - value) / (self.high - self.low), 3)

    def text(self, value: float) -> str:
        """A value with its unit."""
        return f"{number(value)}{self.unit}"

    @property
    def marks(self) -> tuple[float, ...]:
        """Values that get a line across the picture and a number beside it."""
        count = round((self.high - self.low) / self.step)
        return tuple(self.low + place * self.step for place in range(count + 1))


#: How many round steps a scale has at most, and the room above the highest value, as a part of all.
_STEPS, _HEAD = 5.0, 0.05


@dataclass(frozen=True)
class Line:
    """A level across the picture with a word at its end."""

    value: float
    kind: str
    label: str


@dataclass(frozen=True)
class Chart:
    """A picture. `title` and `told` say what it shows to who can't see it; `name` is unique in the document.

    `shapes` are drawn in their order; `lines` are levels, `rows` what stands below it on the same axis of time, each
    with its label. Without an ordinate that counts (`scale`) there is none.
    """

    name: str
    title: str
    told: str
    scale: Scale
    axis: Axis
    turns: Sequence[Turn] = ()
    lines: Sequence[Line] = ()
    shapes: Sequence[Markup] = ()
    rows: Sequence[tuple[str, Markup]] = field(default=())

    def markup(self) -> Markup:
        """The frame with all that is in it."""
        numbers = [
            element("span", self.scale.text(value), style=f"top:{self.scale.place(value):g}%")
            for value in self.scale.marks
        ]
        rows = [
            part
            for label, track in self.rows
            for part in (element("span", label, class_="rowname", title=label), track)
        ]
        return element(
            "div",
            element("div", *numbers, class_="ordinate", aria_hidden="true"),
            element("div", self._picture(), *self._words(), class_="plot"),
            *rows,
            abscissa(self.axis),
            class_="chart",
        )

    def _picture(self) -> Markup:
        levels = (_across(self.scale.place(value), "grid") for value in self.scale.marks)
        upright = (_upright(tick.place, "grid") for tick in ticks(self.axis))
        limits = (_across(self.scale.place(line.value), f"limit {line.kind}") for line in self.lines)
        turns = (_upright(self.axis.place(turn.at), "turn") for turn in self.turns)
        return element(
            "svg",
            element("title", self.title, id=f"{self.name}-title"),
            element("desc", self.told, id=f"{self.name}-desc"),
            *self.shapes,
            *levels,
            *upright,
            *limits,
            *turns,
            viewBox="0 0 100 100",
            preserveAspectRatio="none",
            role="img",
            aria_labelledby=f"{self.name}-title {self.name}-desc",
        )

    def _words(self) -> list[Markup]:
        """What the lines are called; the picture's description says it too."""
        words = [
            element("span", line.label, class_=f"word {line.kind}", style=f"top:{self.scale.place(line.value):g}%")
            for line in self.lines
        ]
        for turn in self.turns:
            place = self.axis.place(turn.at)
            side = f"right:{100 - place:g}%" if place > _MIDDLE else f"left:{place:g}%"
            words.append(element("span", "↺ turned back", class_="word turn", style=side))
        return [element("div", *words, class_="words", aria_hidden="true")] if words else []


_MIDDLE = 50.0


def abscissa(axis: Axis) -> Markup:
    """The axis of time below a picture: its ends, and round moments between them."""
    between = [
        element("span", tick.label, class_=_thinned(place, tick), style=f"left:{tick.place:g}%")
        for place, tick in enumerate(ticks(axis))
    ]
    ends = (element("span", hour(axis.begin)), *between, element("span", hour(axis.end)))
    return element("p", *ends, class_="scale", aria_hidden="true")


def _thinned(place: int, tick: Tick) -> str:
    """The class of a moment's label; a narrow page leaves every other one out, and those near the ends."""
    near = not _NEAR <= tick.place <= 100.0 - _NEAR
    return "tick thin" if near or place % 2 else "tick"


#: How near the ends a label has no room on a narrow page, in percent.
_NEAR = 24.0


def area(top: Sequence[tuple[float, float]], bottom: Sequence[tuple[float, float]], kind: str) -> Markup:
    """What lies between two lines of the same extent; corners are places from the left and from above."""
    corners = (*top, *reversed(bottom))
    return element("path", d=f"M{_corners(corners)}Z", class_=f"area {kind}")


def line(parts: Iterable[Sequence[tuple[float, float]]], kind: str) -> Markup | None:
    """A line in one or more parts."""
    drawn = "".join(f"M{_corners(part)}" for part in parts if len(part) > 1)
    return element("path", d=drawn, class_=f"line {kind}") if drawn else None


def dots(places: Iterable[tuple[float, float]], kind: str) -> Markup | None:
    """Dots, round however the picture is stretched: strokes without a length, with round ends."""
    drawn = "".join(f"M{x:g},{y:g}h0" for x, y in places)
    return element("path", d=drawn, class_=f"dots {kind}") if drawn else None


def _corners(places: Iterable[tuple[float, float]]) -> str:
    return " L".join(f"{x:g},{y:g}" for x, y in places)


def _across(y: float, kind: str) -> Markup:
    return element("line", x1="0", x2="100", y1=f"{y:g}", y2=f"{y:g}", class_=kind)


def _upright(x: float, kind: str) -> Markup:
    return element("line", x1=f"{x:g}", x2=f"{x:g}", y1="0", y2="100", class_=kind)


def figure(heading: object, chart: Chart, *below: object, note: object = None) -> Markup:
    """A chart with its heading and what belongs to it."""
    return element("figure", element("h3", heading), note, chart.markup(), join(below))
