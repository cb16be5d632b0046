"""Terraform's backend for one cluster: the config's block, with a place of its own for each cluster's state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ws_deployment.errors import UsageError
from ws_deployment.interfaces import StepContext
from ws_deployment_steps.placeholders import fill

#: The setting of a backend that says where in it a state is kept.
_PLACES = {
    "azurerm": "key",
    "consul": "path",
    "cos": "prefix",
    "gcs": "prefix",
    "kubernetes": "secret_suffix",
    "oss": "prefix",
    "pg": "schema_name",
    "s3": "key",
}
#: Those whose place is a name, not a path.
_NAMES = {"kubernetes", "pg"}
#: PostgreSQL cuts longer names off.
_LONGEST_NAME = 63


def settings(context: StepContext) -> Mapping[str, Mapping[str, Any]] | None:
    """The backend block with its placeholders filled in; None where the config has none.

    A block that does not say `${cluster…}` gets the fleet's and the cluster's name at the end of its place: two
    clusters in one state would destroy each other. Raises UsageError for a backend whose place is not known.
    """
    if not context.terraform.backend:
        return None
    kind, given = next(iter(context.terraform.backend.items()))
    filled: dict[str, Any] = fill(given, context.cluster)
    if filled == dict(given) and kind != "local":
        key = _PLACES.get(kind)
        if key is None:
            raise UsageError(
                "reading",
                on=f"terraform.backend.{kind}",
                why="all clusters would share one state",
                remedy="Say ${cluster.name} in the setting that names the state's place.",
            )
        separator = "_" if kind in _NAMES else "/"
        parts = (str(filled.get(key, "")).rstrip(separator), context.fleet.name, context.cluster.name)
        filled[key] = _place(separator.join(part for part in parts if part), kind)
    return {kind: filled}


def _place(place: str, kind: str) -> str:
    if kind == "pg":
        return re.sub(r"[^a-z0-9_]", "_", place.lower())[-_LONGEST_NAME:]
    return place
