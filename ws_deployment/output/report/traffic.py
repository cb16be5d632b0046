"""How starts were split between clusters over time: as the weights say and as measured, drawn and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ws_deployment.output.model import RunView
from ws_deployment.output.report.axis import Axis, clock
from ws_deployment.output.report.chart import Chart, Scale, area, dots, figure, line
from ws_deployment.output.report.colours import colours, key
from ws_deployment.output.report.markup import Markup, element, join, table
from ws_deployment.output.report.story import Shares, Turn

_PERCENT = Scale(0.0, 100.0, 25.0, " %")
#: The nearest two measurements that are drawn, in percent of the axis.
_NEAREST = 0.25


def curves(run: RunView, traffic: Mapping[str, Sequence[Shares]], axis: Axis, turns: Sequence[Turn] = ()) -> Markup:
    """A figure for each meta cluster whose traffic was moved."""
    if not traffic:
        return element("p", "This run moved no traffic.")
    return join(
        _figure(run, meta, changes, axis, [turn for turn in turns if turn.task.partition("/")[0] == meta])
        for meta, changes in traffic.items()
    )


def _figure(run: RunView, meta: str, changes: Sequence[Shares], axis: Axis, turns: Sequence[Turn]) -> Markup:
    kinds = colours(run, (name for change in changes for name in change.shares))
    names = list(kinds)
    written = [
        change for place, change in enumerate(changes) if place == 0 or change.shares != changes[place - 1].shares
    ]
    last = written[-1].shares
    told = ", ".join(f"{name} {last.get(name, 0.0):.3g} %" for name in names)
    measured = list(_measured(changes, names, axis))
    shapes = [*_layers(names, kinds, written, axis)]
    for kind in ("halo", "seen"):
        shapes += [shape for boundary in measured if (shape := line(boundary, kind))]
    shapes += [shape for boundary in measured if (shape := dots([p for part in boundary for p in part], "seen"))]
    said = " Dots on lines: as measured." if measured else ""
    chart = Chart(
        name=f"traffic-{_slug(meta)}",
        title=f"Share of starts at {meta} by cluster over time",
        told=f"Areas: by the weights written, in {len(written)} steps.{said}{_turned(turns)} In the end: {told}.",
        scale=_PERCENT,
        axis=axis,
        turns=turns,
        shapes=shapes,
    )
    entries = [key(kinds[name], f"{name} {last.get(name, 0.0):.3g} %") for name in names]
    more = [key("seen", "as measured: where each area would end")] if measured else []
    heads = ("when", "what", *names)
    return figure(
        meta,
        chart,
        element("figcaption", element("ul", *entries, *more, class_="legend")),
        element(
            "details",
            element("summary", f"Each change at {meta} as a table"),
            table(f"Share of starts at {meta}", heads, list(_rows(changes, names))),
        ),
        note=element("p", "Areas are what the weights say; the legend has how it ended.", class_="note"),
    )


def _is_new(changes: Sequence[Shares], place: int) -> bool:
    """Whether other weights were written than before."""
    return place == 0 or changes[place].shares != changes[place - 1].shares


def _turned(turns: Sequence[Turn]) -> str:
    return "".join(f" Turned back at {clock(turn.at)}." for turn in turns)


def _rows(changes: Sequence[Shares], names: Sequence[str]) -> Iterator[Sequence[object]]:
    """Each write with what was wanted then and with the last measurement before the next."""
    for place, change in enumerate(changes):
        is_new, is_last = _is_new(changes, place), place + 1 == len(changes) or _is_new(changes, place + 1)
        if is_new:
            yield (clock(change.at), "written", *(_cell(change.shares, name) for name in names))
        if is_new and change.wanted:
            yield (clock(change.at), "wanted", *(_cell(change.wanted, name) for name in names))
        if is_last and change.measured:
            yield (clock(change.at), "measured", *(_cell(change.measured, name) for name in names))


def _cell(shares: Mapping[str, float], name: str) -> str:
    return f"{shares.get(name, 0.0):.3g} %"


def _layers(names: Sequence[str], kinds: Mapping[str, str], written: Sequence[Shares], axis: Axis) -> list[Markup]:
    """One area a cluster, stacked from below; shares stay until the next change."""
    layers = []
    below = [0.0] * len(written)
    spans = [axis.place(change.at) for change in written] + [axis.place(axis.end)]
    for name in names:
        above = [min(low + change.shares.get(name, 0.0), 100.0) for low, change in zip(below, written, strict=True)]
        layers.append(area(_steps(above, spans), _steps(below, spans), kinds[name]))
        below = above
    return layers


def _steps(shares: Sequence[float], spans: Sequence[float]) -> list[tuple[float, float]]:
    """Corners of a line that keeps each share from its beginning to the next one's."""
    return [
        (x, round(100.0 - share, 3)) for place, share in enumerate(shares) for x in (spans[place], spans[place + 1])
    ]


def _measured(changes: Sequence[Shares], names: Sequence[str], axis: Axis) -> Iterator[list[list[tuple[float, float]]]]:
    """For each boundary between two areas, where the measured one lies: a part for each stretch of one split."""
    stretches: list[list[Shares]] = []
    for place, change in enumerate(changes):
        if _is_new(changes, place):
            stretches.append([])
        if change.measured and (
            not stretches[-1] or axis.place(change.at) - axis.place(stretches[-1][-1].at) >= _NEAREST
        ):
            stretches[-1].append(change)
    for count in range(1, len(names)):
        parts = [
            [(axis.place(change.at), _boundary(change, names, count)) for change in stretch]
            for stretch in stretches
            if stretch and 0.0 < sum(stretch[0].shares.get(name, 0.0) for name in names[:count]) < 100.0  # noqa: PLR2004  percent
        ]
        if parts:
            yield parts


def _boundary(change: Shares, names: Sequence[str], count: int) -> float:
    """Where the first `count` areas would end by what was measured; of clusters not counted, by what was written."""
    part = sum(change.shares.get(name, 0.0) for name in change.measured) / (sum(change.measured.values()) or 1.0)
    found = {name: part * share for name, share in change.measured.items()}
    share = sum(found.get(name, change.shares.get(name, 0.0)) for name in names[:count])
    return round(100.0 - min(share, 100.0), 3)


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
