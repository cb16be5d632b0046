"""Draws the id of a run's clusters: at random, and never one whose names are taken."""

from __future__ import annotations

import random
from collections.abc import Collection

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.errors import RefusedError
from ws_deployment.fleet.names import IDS
from ws_deployment.fleet.resolve import resolve

#: Drawn first; the rest only when these are taken. The first system drew from these.
PREFERRED = range(100, 300)


def draw(config: ConfigV1, taken: Collection[str], used: Collection[int], chance: random.Random) -> int:
    """An id whose names (cloud names and short names) are not in `taken` and that no earlier run had.

    Raises RefusedError where none is left.
    """
    for candidates in (PREFERRED, [i for i in IDS if i not in PREFERRED]):
        for cluster_id in chance.sample(candidates, len(candidates)):
            if cluster_id not in used and names(config, cluster_id).isdisjoint(taken):
                return cluster_id
    raise RefusedError(
        "drawing a cluster id",
        why=f"all ids from {IDS.start} to {IDS.stop - 1} are taken",
        remedy="Retire clusters that are no longer needed, or use another prefix.",
    )


def names(config: ConfigV1, cluster_id: int) -> frozenset[str]:
    """The names that a run with that id would make."""
    made = [cluster for cluster in resolve(config, cluster_id).workspace_clusters if cluster.create]
    return frozenset(name for cluster in made for name in (cluster.name, cluster.short_name))
