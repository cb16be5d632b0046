"""Templates of PromQL queries: `{{cluster}}`, `{{old}}` and `{{window}}`, checked and filled in.

What a query says otherwise only Prometheus can judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from ws_deployment.config.suggest import did_you_mean
from ws_deployment.errors import WsDeploymentError

#: What may stand in a query: one cluster's label, the old clusters' as a regular expression, the gate's window.
NAMES = ("cluster", "old", "window")
_PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
#: Labels that need no quoting in a PromQL text, be it a value or (but for the dot) a regular expression.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@-]+")


def check(template: str, *, needs: Literal["cluster"] | None = "cluster") -> str:
    """`template`, if all it names is known and it names what it `needs`. Raises ValueError otherwise."""
    if not template.strip():
        raise ValueError("the query is empty")
    named = [found.strip() for found in _PLACE.findall(template)]
    for name in named:
        if name not in NAMES:
            raise ValueError(f"`{{{{{name}}}}}` is no template. {did_you_mean(name, NAMES, what='known')}")
    if _PLACE.sub("", template).count("{{"):
        raise ValueError("`{{` is never closed by `}}`")
    if needs and needs not in named:
        raise ValueError(f"the query does not name `{{{{{needs}}}}}`: it would judge all clusters as one")
    return template


def fill(template: str, *, cluster: str, old: Iterable[str], window: float) -> str:
    """The query for one cluster. `cluster` and `old` are values of the label `cluster`; `window` is in seconds.

    Without old clusters `{{old}}` matches none. Raises WsDeploymentError for a label that can't stand in a query.
    """
    values = {
        "cluster": _plain(cluster),
        "old": "|".join(_plain(label).replace(".", "[.]") for label in old) or "^$",
        "window": promql_duration(window),
    }
    return _PLACE.sub(lambda found: values[found[1].strip()], template)


def promql_duration(seconds: float) -> str:
    """`seconds` as PromQL writes them, which knows no fractions: `90s`, `1500ms`."""
    milliseconds = max(round(seconds * 1000), 1)
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def _plain(label: str) -> str:
    if not _PLAIN.fullmatch(label):
        raise WsDeploymentError(
            "asking for the metrics of",
            on=label,
            why="its label `cluster` holds a character that can't stand in a query",
            remedy="Labels are letters, digits, and any of _ . : / @ -",
        )
    return label
