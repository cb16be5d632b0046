"""How starts were split between clusters over time: a stacked curve for each meta cluster, and the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ws_deployment.output.model import RunView
from ws_deployment.output.report.axis import Axis, clock, hour
from ws_deployment.output.report.markup import Markup, element, join, table
from ws_deployment.output.report.story import Shares

#: How many colours there are for clusters that the run made, and for others.
_NEW, _OLD = 4, 4


def curves(run: RunView, traffic: Mapping[str, Sequence[Shares]], axis: Axis) -> Markup:
    """A figure for each meta cluster whose traffic was moved."""
    if not traffic:
        return element("p", "This run moved no traffic.")
    return join(_figure(run, meta, changes, axis) for meta, changes in traffic.items())


def _figure(run: RunView, meta: str, changes: Sequence[Shares], axis: Axis) -> Markup:
    made = {cluster.short_name for cluster in run.clusters}
    names = list(dict.fromkeys(name for change in changes for name in change.shares))
    names.sort(key=lambda name: name not in made)
    colours = {name: _colour(name, names, made) for name in names}
    last = changes[-1].shares
    now = ", ".join(f"{name} {last.get(name, 0.0):.3g} %" for name in names)
    told = f"Share of starts at {meta} by cluster over time. In the end: {now}."
    legend = [
        element("li", element("span", class_=f"key {colours[name]}"), f"{name} {last.get(name, 0.0):.3g} %")
        for name in names
    ]
    chart = element(
        "svg",
        *_layers(names, colours, changes, axis),
        *(element("line", x1="0", x2="100", y1=y, y2=y, class_="grid") for y in (25, 50, 75)),
        viewBox="0 0 100 100",
        preserveAspectRatio="none",
        role="img",
        aria_label=told,
    )
    rows = [(clock(change.at), *(f"{change.shares.get(name, 0.0):.3g} %" for name in names)) for change in changes]
    return element(
        "figure",
        element("h3", meta),
        element("div", element("span", "100 %"), element("span", "0 %"), class_="ordinate", aria_hidden="true"),
        chart,
        element("p", element("span", hour(axis.begin)), element("span", hour(axis.end)), class_="scale"),
        element("figcaption", element("ul", *legend, class_="legend")),
        element(
            "details",
            element("summary", f"Each change at {meta} as a table"),
            table(f"Share of starts at {meta}", ("when", *names), rows),
        ),
        class_="traffic",
    )


def _layers(names: Sequence[str], colours: Mapping[str, str], changes: Sequence[Shares], axis: Axis) -> list[Markup]:
    """One area a cluster, stacked from below; shares stay until the next change."""
    layers = []
    below = [0.0] * len(changes)
    for name in names:
        above = [min(low + change.shares.get(name, 0.0), 100.0) for low, change in zip(below, changes, strict=True)]
        spans = [axis.place(change.at) for change in changes] + [axis.place(axis.end)]
        top = [f"{x:.3f},{100 - share:.3f}" for share, x in _steps(above, spans)]
        bottom = [f"{x:.3f},{100 - share:.3f}" for share, x in reversed(_steps(below, spans))]
        layers.append(element("path", d=f"M{' L'.join((*top, *bottom))}Z", class_=f"area {colours[name]}"))
        below = above
    return layers


def _steps(shares: Sequence[float], spans: Sequence[float]) -> list[tuple[float, float]]:
    """Corners of a line that keeps each share from its beginning to the next one's."""
    return [(share, x) for place, share in enumerate(shares) for x in (spans[place], spans[place + 1])]


def _colour(name: str, names: Sequence[str], made: set[str]) -> str:
    kin = [each for each in names if (each in made) == (name in made)]
    return f"new{kin.index(name) % _NEW}" if name in made else f"old{kin.index(name) % _OLD}"
