"""Whether nodes have room for the workspaces that a stage will bring. Pure.

Workspaces of a kind are taken to be alike, each as large as the old clusters' are on average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

#: Resources by their names in Kubernetes: cores, bytes, Pods, whatever else a Pod asks for. Exact, so that they add up.
Resources = Mapping[str, Fraction]

#: Workspaces by which a product of shares may seem greater than it is.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class NodeRoom:
    """A node that takes workspaces of these `kinds`, and what is free on it."""

    kinds: frozenset[str]
    free: Resources


@dataclass(frozen=True)
class Need:
    """How many workspaces of a kind there shall be room for, and what each of them takes."""

    count: int
    each: Resources


def to_come(total: int, share: float, times: float, there: int) -> int:
    """How many more workspaces a cluster will have: `share` percent of `times` the `total`, but for those `there`.

    Running workspaces never move, so this is what it comes to when those of the old clusters have ended.
    """
    return max(0, math.ceil(total * times * share / 100 - _ROUNDING) - there)


def mean(requests: Sequence[Resources]) -> dict[str, Fraction]:
    """What one workspace takes on average; nothing of none."""
    names = dict.fromkeys(name for one in requests for name in one)
    return {name: sum((one.get(name, Fraction(0)) for one in requests), Fraction(0)) / len(requests) for name in names}


def without_room(nodes: Sequence[NodeRoom], needs: Mapping[str, Need]) -> dict[str, int]:
    """How many workspaces of each kind find no place; kinds that have room for all are left out.

    A workspace has to fit on one node, so what is free is counted node by node. Nodes that take several kinds come
    last: what fits elsewhere does not take their room.
    """
    left = {kind: need.count for kind, need in needs.items()}
    for node in sorted(nodes, key=lambda node: len(node.kinds)):
        free = dict(node.free)
        for kind in (kind for kind in needs if kind in node.kinds):
            each = needs[kind].each
            placed = min(left[kind], _fitting(free, each))
            left[kind] -= placed
            free |= {name: free.get(name, Fraction(0)) - placed * amount for name, amount in each.items()}
    return {kind: count for kind, count in left.items() if count}


def _fitting(free: Resources, each: Resources) -> int:
    """How many fit; as many as one likes of what takes nothing."""
    bounds = [max(free.get(name, Fraction(0)), Fraction(0)) // amount for name, amount in each.items() if amount > 0]
    return min(bounds, default=2**31)
