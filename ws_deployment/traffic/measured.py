"""Whether starts fall as the shares say: a bridge that keeps scores and ignores them is found out. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: The error that a bridge is found out that follows its scores.
ALPHA = 0.001
#: Starts that each cluster with a share must be expected to have: below, the test's own law does not hold.
_LEAST_EXPECTED = 10.0
#: So many times the bound is what the shares before would have to come to, for a change to be seen with 99 % power.
_SEEN = 3.0


@dataclass(frozen=True)
class Fit:
    """What measured starts say of the wanted shares; `p` is the probability of such a difference by chance.

    `shares` are the measured ones, in percent.
    """

    verdict: Literal["fits", "does not fit", "too few yet"]
    p: float
    starts: int
    shares: Mapping[str, float]


def fit(counts: Mapping[str, int], wanted: Mapping[str, float], before: Mapping[str, float] | None = None) -> Fit:
    """Judge starts by cluster, counted while the shares were `wanted` (any unit, none negative, not all 0).

    `before` are the shares of the stage before: it is too few as long as starts that still followed them might pass
    for the wanted ones. Clusters that `wanted` does not know are no part of the shift and are left out. A start on a
    cluster whose share is 0 does not fit; let starts that were under way at the change pass before you count.
    """
    total_share = sum(wanted.values())
    starts = sum(counts.get(name, 0) for name in wanted)
    shares = {name: 100 * counts.get(name, 0) / starts if starts else 0.0 for name in wanted}
    expected = {name: starts * share / total_share for name, share in wanted.items()}
    if any(counts.get(name, 0) and not share for name, share in wanted.items()):
        return Fit("does not fit", 0.0, starts, shares)
    groups = _grouped({name: (float(counts.get(name, 0)), expected[name]) for name, share in wanted.items() if share})
    if len(groups) < 2 and sum(1 for share in wanted.values() if share) > 1:  # noqa: PLR2004  one group tells nothing
        return Fit("too few yet", 1.0, starts, shares)
    p = _chance(sum((seen - mean) ** 2 / mean for seen, mean in groups), len(groups) - 1)
    if p < ALPHA:
        return Fit("does not fit", p, starts, shares)
    return Fit("too few yet" if starts == 0 or not _seen(starts, wanted, before) else "fits", p, starts, shares)


def _grouped(cells: Mapping[str, tuple[float, float]]) -> list[tuple[float, float]]:
    """Seen and expected starts; clusters that expect few are counted together."""
    groups: list[tuple[float, float]] = []
    seen = mean = 0.0
    for cell_seen, cell_mean in sorted(cells.values(), key=lambda cell: cell[1]):
        seen, mean = seen + cell_seen, mean + cell_mean
        if mean >= _LEAST_EXPECTED:
            groups.append((seen, mean))
            seen = mean = 0.0
    if mean and groups:
        last_seen, last_mean = groups.pop()
        groups.append((last_seen + seen, last_mean + mean))
    return groups


def _seen(starts: int, wanted: Mapping[str, float], before: Mapping[str, float] | None) -> bool:
    """Whether so many starts by the shares before would have been found out."""
    if before is None or not sum(before.values()):
        return True
    total, former = sum(wanted.values()), sum(before.values())
    distance = 0.0
    for name, share in wanted.items():
        now, then = share / total, before.get(name, 0.0) / former
        if not now and then:
            return starts * then >= -math.log(1 - 0.99)  # one start there would have shown it
        distance += (now - then) ** 2 / now if now else 0.0
    freedom = sum(1 for share in wanted.values() if share) - 1
    return not distance or starts * distance >= _SEEN * _bound(freedom)


def _bound(freedom: int) -> float:
    """The distance that chance exceeds with probability ALPHA."""
    low, high = 0.0, 1000.0 + 10.0 * freedom
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance(middle, freedom) > ALPHA else (low, middle)
    return high


def _chance(distance: float, freedom: int) -> float:
    """The probability that a chi-square variable of so many degrees of freedom exceeds `distance`."""
    if freedom <= 0:
        return 1.0
    half = distance / 2
    if freedom % 2:
        term, chance = math.sqrt(half) * math.exp(-half) / math.gamma(1.5), math.erfc(math.sqrt(half))
        start = 1.5
    else:
        term, chance, start = math.exp(-half), 0.0, 1.0
    for index in range(freedom // 2):
        chance += term
        term *= half / (start + index)
    return min(chance, 1.0)
