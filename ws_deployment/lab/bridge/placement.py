"""Chooses the cluster of a workspace's start, as each generation of the real server does. Arithmetic alone."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from ws_deployment.clients.bridge.model import Api
from ws_deployment.lab.bridge.store import Cluster

#: What a user without permissions, levels or opt-ins brings along.
NOTHING: frozenset[tuple[str, str]] = frozenset()


class NoClusterError(Exception):
    """No cluster takes this start."""


def alike(clusters: Sequence[Cluster]) -> list[Cluster]:
    """The clusters as a server sees them that ignores scores."""
    return [replace(each, score=1, max_score=1) for each in clusters]


def candidates(clusters: Sequence[Cluster], api: Api, admitted: frozenset[tuple[str, str]] = NOTHING) -> list[Cluster]:
    """The clusters that may take a start of a user who meets the constraints `admitted`.

    The older server does not leave out clusters of score 0.
    """
    takes = [each for each in clusters if not each.cordoned and admitted.issuperset(each.constraints)]
    return takes if api is Api.Y2021 else [each for each in takes if each.score > 0]


def choose(among: Sequence[Cluster], draw: random.Random) -> Cluster:
    """Draw one cluster, weighted by min(score, max score). Raises NoClusterError when there is none.

    Where all scores are zero the real server divides by zero, compares with what comes of that, and so falls
    through to its last cluster; so does this.
    """
    if not among:
        raise NoClusterError("no workspace cluster is available")
    weights = [min(each.score, each.max_score) for each in among]
    total = sum(weights)
    point, reached = draw.random(), 0.0
    for cluster, weight in zip(among, weights, strict=True):
        reached += weight / total if total else math.nan
        if point <= reached:
            return cluster
    return among[-1]
