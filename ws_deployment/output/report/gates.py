"""What each gate saw and said over time: its values with its limits, its verdicts, and how often it came to which."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from ws_deployment.config import condition
from ws_deployment.output.gates import VERDICTS, GateView, number
from ws_deployment.output.glyphs import Glyphs
from ws_deployment.output.model import RunView
from ws_deployment.output.report.axis import Axis, hour
from ws_deployment.output.report.chart import Chart, Line, Scale, dots, figure, line
from ws_deployment.output.report.colours import colours, key
from ws_deployment.output.report.markup import Markup, element, join, table
from ws_deployment.output.report.story import Turn

#: The nearest two values that are drawn, in percent of the axis, unless the verdict changes between them.
_NEAREST = 0.25
#: The narrowest stretch that can be seen, in percent of the axis.
_NARROWEST = 1.3
#: The narrowest stretch that has room for its symbol, in percent of the axis.
_ROOM = 2.5
#: So many times the usual time between two looks is a pause.
_PAUSE = 5.0
#: What a comparison is bad at, as its gate tells it.
_COMPARED = re.compile(r"([\d.]+) (times|above) the old")
_LED_TO = {"": "", "goOn": "went on", "hold": "held", "ask": "asked a person", "rollback": "turned back"}


@dataclass(frozen=True)
class _Stretch:
    """Looks in a row that came to one verdict on one cluster, up to `end`."""

    looks: Sequence[GateView]
    end: float

    @property
    def first(self) -> GateView:
        return self.looks[0]

    @property
    def last(self) -> GateView:
        return self.looks[-1]

    @property
    def values(self) -> str:
        known = [look.value for look in self.looks if look.value is not None]
        if not known:
            return "none"
        low, high = number(min(known)), number(max(known))
        return low if low == high else f"{low} to {high}"


def gate_charts(
    run: RunView, gates: Mapping[tuple[str, str], Sequence[GateView]], axis: Axis, turns: Sequence[Turn]
) -> Markup | None:
    """A table of all verdicts, then a figure for each gate; None where no gate was asked."""
    if not gates:
        return None
    kinds = colours(run, (look.cluster for looks in gates.values() for look in looks))
    figures = [
        _figure(looks, kinds, axis, [turn for turn in turns if turn.task == task], f"gate-{place}")
        for place, ((task, _), looks) in enumerate(gates.items())
    ]
    return join([_counts(gates), *figures])


def _counts(gates: Mapping[tuple[str, str], Sequence[GateView]]) -> Markup:
    rows = []
    several = len({task for task, _ in gates}) > 1
    for (task, _), looks in gates.items():
        for last in {look.cluster: look for look in looks}.values():
            name = f"{last.name} at {task.partition('/')[0]}" if several else last.name
            counts = [str(last.counts.get(verdict, 0)) for verdict in VERDICTS]
            value = "none" if last.value is None else number(last.value)
            baseline = "" if last.baseline is None else number(last.baseline)
            rows.append((name, *counts, badge(last.verdict), value, baseline, _LED_TO[last.action]))
    heads = ("gate", *VERDICTS, "last verdict", "value", "old clusters'", "led to")
    return table("How often each gate came to which verdict", heads, rows)


def badge(verdict: str) -> Markup:
    """A verdict as its symbol and its word."""
    symbol = element("span", Glyphs().verdict(verdict), aria_hidden="true")
    return element("span", symbol, f" {verdict}", class_=f"badge {verdict}")


def _figure(
    looks: Sequence[GateView], kinds: Mapping[str, str], axis: Axis, turns: Sequence[Turn], name: str
) -> Markup:
    first, last = looks[0], looks[-1]
    names = [cluster for cluster in kinds if any(look.cluster == cluster for look in looks)]
    of = {cluster: [look for look in looks if look.cluster == cluster] for cluster in names}
    stretches = {cluster: list(_stretches(of[cluster], axis)) for cluster in names}
    lines, compared = _limits(last)
    below = _compared(looks, compared, axis) if compared else {}
    values = [value for look in looks for value in (look.value, look.baseline) if value is not None]
    values += [value for parts in below.values() for part in parts for _, value in part] + [
        each.value for each in lines
    ]
    scale = Scale.holding(values)
    shapes = [_line(parts, kind, scale) for kind, parts in below.items()]
    shapes += [_line(_parts(of[cluster], axis), kinds[cluster], scale) for cluster in names]
    for verdict in ("inconclusive", "failed"):
        found = [(axis.place(look.at), look.value) for look in _drawn(looks, axis) if look.verdict == verdict]
        shapes.append(dots([(x, scale.place(value)) for x, value in found if value is not None], verdict))
    told = "; ".join(
        f"{cluster or 'all'}: {stretch.last.verdict} at the end, {stretch.last.tally or 'no count'}"
        for cluster in names
        for stretch in stretches[cluster][-1:]
    )
    limits = last.limits or "no limits"
    chart = Chart(
        name=name,
        title=f"Values of the gate {last.gate} over time",
        told=f"Limits: {limits}. Verdicts: {told}.",
        scale=scale,
        axis=axis,
        turns=turns,
        lines=lines,
        shapes=[shape for shape in shapes if shape is not None],
        rows=[(cluster or "all", _track(stretches[cluster], axis)) for cluster in names],
    )
    entries = [key(kinds[cluster], cluster or "all") for cluster in names]
    entries += [key("baseline", "the old clusters")] if "baseline" in below else []
    entries += [key(f"limit {kind}", text) for kind, text in (("bad", f"bad: {last.fail_when}"),) if kind in below]
    rows = [_row(stretch) for cluster in names for stretch in stretches[cluster]]
    heads = ("cluster", "from", "to", "verdict", "looks", "values", "stage", "last words")
    whom = " (dry run: it only reports)" if first.dry_run else ""
    return figure(
        f"Gate {last.gate}{whom}",
        chart,
        element("figcaption", element("ul", *entries, class_="legend")),
        element(
            "details",
            element("summary", f"Verdicts of {last.gate} as a table, and its query"),
            element("p", element("code", last.query)),
            table(f"Verdicts of {last.gate}, those in a row together", heads, rows),
        ),
        note=element("p", f"Limits: {limits}.", class_="note"),
    )


def _limits(gate: GateView) -> tuple[list[Line], tuple[float, str] | None]:
    """Levels that the gate judges by; of a comparison its measure: how many times, or how much above, the old."""
    lines: list[Line] = []
    for kind, text in (("good", gate.success_when), ("bad", gate.fail_when)):
        if told := _COMPARED.match(text):
            return lines, (float(told[1]), told[2])
        if not text:
            continue
        try:
            bounds = condition.parse(text).bounds
        except ValueError:  # another step's own words
            continue
        lines += [Line(bound, kind, f"{kind} {text}") for bound in bounds]
    return lines, None


def _compared(
    looks: Sequence[GateView], measure: tuple[float, str], axis: Axis
) -> dict[str, list[list[tuple[float, float]]]]:
    """What the old clusters had, and the limit that comes of it."""
    amount, how = measure
    old = {look.at: look.baseline for look in _drawn(looks, axis) if look.baseline is not None}
    known = [(axis.place(at), value) for at, value in old.items()]
    limit = [(x, value * amount if how == "times" else value + amount) for x, value in known]
    return {"baseline": [known], "bad": [limit]}


def _line(parts: Sequence[Sequence[tuple[float, float]]], kind: str, scale: Scale) -> Markup | None:
    kind = "limit bad" if kind == "bad" else kind
    return line([[(x, scale.place(value)) for x, value in part] for part in parts], kind)


def _parts(looks: Sequence[GateView], axis: Axis) -> list[list[tuple[float, float]]]:
    """Its values in a row; where there is none, the line has a gap."""
    rows = groupby(_drawn(looks, axis), key=lambda look: look.value is not None)
    return [[(axis.place(each.at), each.value or 0.0) for each in row] for known, row in rows if known]


def _drawn(looks: Sequence[GateView], axis: Axis) -> Iterator[GateView]:
    """Those of the looks that can be told apart in a picture."""
    last: dict[str, GateView] = {}
    for look in looks:
        before = last.get(look.cluster)
        near = before is not None and axis.place(look.at) - axis.place(before.at) < _NEAREST
        if before is None or not near or before.verdict != look.verdict:
            last[look.cluster] = look
            yield look


def _stretches(looks: Sequence[GateView], axis: Axis) -> Iterator[_Stretch]:
    """Looks in a row with the same verdict; a pause ends one."""
    usual = statistics.median([after.at - before.at for before, after in pairwise(looks)] or [1.0])
    row = [looks[0]]
    for look in looks[1:]:
        pause = look.at - row[-1].at > _PAUSE * usual
        if pause or look.verdict != row[-1].verdict:
            yield _Stretch(row, row[-1].at + usual if pause else look.at)
            row = []
        row.append(look)
    yield _Stretch(row, min(row[-1].at + usual, axis.end))


def _track(stretches: Sequence[_Stretch], axis: Axis) -> Markup:
    bars = []
    for stretch in stretches:
        left = axis.place(stretch.first.at)
        width = max(axis.place(stretch.end) - left, _NARROWEST)
        left = min(left, 100.0 - width)
        verdict = stretch.first.verdict
        told = f"{verdict}, {hour(stretch.first.at)} to {hour(stretch.end)}: {stretch.last.text}"
        style = f"left:{left:g}%;width:{width:g}%"
        symbol = Glyphs().verdict(verdict) if width >= _ROOM or verdict == "failed" else ""
        bars.append(element("span", symbol, class_=f"bar {verdict}", style=style, title=told))
    return element("span", *bars, class_="track", aria_hidden="true")


def _row(stretch: _Stretch) -> Sequence[object]:
    first, last = stretch.first, stretch.last
    stage = "" if last.stage is None else f"{last.stage:g} %"
    times = (hour(first.at), hour(last.at))
    return (first.cluster or "all", *times, badge(first.verdict), len(stretch.looks), stretch.values, stage, last.text)
