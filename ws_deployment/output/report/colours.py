"""Which colour a cluster has, in all pictures of a report: those that the run made stand out from the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ws_deployment.output.model import RunView
from ws_deployment.output.report.markup import Markup, element

#: How many colours there are for clusters that the run made, and for others.
_NEW, _OLD = 6, 4


def colours(run: RunView, names: Iterable[str]) -> dict[str, str]:
    """A class for each name, those of the run's own clusters first."""
    made = [cluster.short_name for cluster in run.clusters]
    known = list(dict.fromkeys(names))
    found = {name: f"new{made.index(name) % _NEW}" for name in made if name in known}
    old = [name for name in known if name not in made]
    return found | {name: f"old{place % _OLD}" for place, name in enumerate(old)}


def key(kind: str, what: object) -> Markup:
    """An entry of a legend."""
    return element("li", element("span", class_=f"key {kind}", aria_hidden="true"), what)


def legend(entries: Mapping[str, str], *more: Markup) -> Markup:
    """A legend: words by class."""
    return element("ul", *(key(kind, what) for kind, what in entries.items()), *more, class_="legend")
