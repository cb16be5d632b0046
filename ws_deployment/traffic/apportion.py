"""Whole parts of a sum in given proportions, such that no part shrinks while the sum grows. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Split:
    """A sum, and the part of each name."""

    sum: int
    parts: Mapping[str, int]


NOTHING = Split(0, {})


def splits(weights: Mapping[str, float], limits: Mapping[str, int], *, each: bool) -> Sequence[Split]:
    """The best split of every sum that can be had, from the least on (Webster's method of apportionment).

    No part exceeds its limit; a weight of 0 gets nothing. With `each`, every other name gets at least 1, and the
    least sum is their number, else it is 1.
    """
    takers = [name for name, weight in weights.items() if weight > 0 and limits[name] > 0]
    parts = dict.fromkeys(weights, 0)
    # Who has nothing comes first where each shall have something; then the one furthest below its share.
    waiting = [(0.0 if each else 1 / weights[name], index, name) for index, name in enumerate(takers)]
    heapq.heapify(waiting)
    found = []
    whole = 0
    while waiting:
        _, index, name = heapq.heappop(waiting)
        parts[name] += 1
        whole += 1
        if parts[name] < limits[name]:
            heapq.heappush(waiting, ((2 * parts[name] + 1) / weights[name], index, name))
        if not each or whole >= len(takers):
            found.append(Split(whole, dict(parts)))
    return found
