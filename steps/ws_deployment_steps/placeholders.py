"""Placeholders in a step's parameters, filled in for each cluster: `${cluster.shortName}` and its like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ws_deployment.errors import UsageError
from ws_deployment.interfaces import WorkspaceCluster

_PLACEHOLDER = re.compile(r"\$\{cluster\.(\w+)\}")


def known(cluster: WorkspaceCluster) -> dict[str, str]:
    """What can be filled in, by key."""
    return {
        "name": cluster.name,
        "shortName": cluster.short_name,
        "prefix": cluster.prefix,
        "region": cluster.region,
        "url": cluster.url or "",
        "metricsLabel": cluster.metrics_label,
    }


def fill(value: Any, cluster: WorkspaceCluster) -> Any:
    """`value` with the placeholders of all its texts filled in.

    Raises UsageError for a placeholder that there is not.
    """
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: _one(match[1], cluster), value)
    if isinstance(value, Mapping):
        return {key: fill(inner, cluster) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill(inner, cluster) for inner in value]
    return value


def _one(key: str, cluster: WorkspaceCluster) -> str:
    values = known(cluster)
    if key not in values:
        raise UsageError(
            "filling in",
            on=f"${{cluster.{key}}}",
            why="there is no such placeholder",
            remedy=f"Use one of: {', '.join(values)}.",
        )
    return values[key]
