"""Which whole scores bring about the stages of a shift. Pure.

While stages rise, scores of new clusters only rise and those of old ones only fall, so that every write on the way
brings the new ones nearer to their share and none takes starts away from them. Of the scores that are left, those with
the least error are taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ws_deployment.traffic.apportion import NOTHING, Split, splits

#: Highest score that counts at placement.
HIGHEST_SCORE = 100
#: Score of a cluster that is registered without a hint (the bridge's own default).
DEFAULT_SCORE = 50
#: The sum with which whole scores come as near to any share as anybody asks: one point of percent each.
_PRECISE_SUM = 100
#: An error below this, in points (of percent), is not worth scaling scores for.
_AIM = 0.55
#: The error of each stage, in points, is below this where scores allow it.
BOUND = 1.0


@dataclass(frozen=True)
class Level:
    """The scores of a stage, and by how many points the share of a cluster is off with them at most."""

    scores: Mapping[str, int]
    off: float


@dataclass(frozen=True)
class Group:
    """The clusters of a shift at one meta cluster.

    `weights` are the new clusters' capacities, `former` what old ones counted before the shift, `now` what each counts
    now, `limits` the highest score of each. `sum` is what the group counted before, `outside` what all others count.
    """

    weights: Mapping[str, float]
    former: Mapping[str, int]
    now: Mapping[str, int]
    limits: Mapping[str, int]
    sum: int
    outside: int
    _all: dict[tuple[bool, bool], Sequence[Split]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def share(self) -> float:
        """The new clusters' common share of the group's starts now, 0 to 1."""
        new, old = (sum(self.now[name] for name in side) for side in (self.weights, self.former))
        return new / (new + old) if new else 0.0

    def final(self) -> Level:
        """The new clusters alone: with 50 points each on average, or beside others with the sum before."""
        wanted = self.sum if self.outside else DEFAULT_SCORE * len(self.weights)
        there = self.splits(new=True, each=True)
        found = min(there, key=lambda split: (abs(split.sum - wanted), split.sum))
        if not self.outside:
            # A limit distorts the split; so a smaller sum may be nearer to the capacities.
            found = min(
                (split for split in there if split.sum <= found.sum),
                key=lambda split: (round(max(self.off(1.0, split, NOTHING), _AIM), 2), -split.sum),
            )
        return Level({**found.parts, **dict.fromkeys(self.former, 0)}, self.off(1.0, found, NOTHING))

    def splits(self, *, new: bool, each: bool) -> Sequence[Split]:
        """Every split of one side."""
        key = (new, each)
        if key not in self._all:
            self._all[key] = splits(self.weights if new else self.former, self.limits, each=each)
        return self._all[key]

    def in_proportion(self, weights: Mapping[str, float]) -> float:
        """The greatest sum of one side's scores that no limit distorts."""
        whole = sum(weights.values())
        return min((self.limits[name] * whole / weight for name, weight in weights.items() if weight), default=0)

    def off_together(self, share: float, new: int, old: int) -> float:
        """The error in points that these sums make of the share of the new ones together, or of all others."""
        total, of_group = new + old + self.outside, self.sum / (self.sum + self.outside)
        return _points(abs(new / total - of_group * share), abs(self.outside / total - 1 + of_group))

    def off(self, share: float, new: Split, old: Split) -> float:
        """The greatest error in points that these scores make of any cluster's share, and of the new ones together."""
        total, of_group = new.sum + old.sum + self.outside, self.sum / (self.sum + self.outside)
        errors = []
        for split, weights, part in ((new, self.weights, share), (old, self.former, 1 - share)):
            a_weight = of_group * part / (sum(weights.values()) or 1)
            errors += [split.parts.get(name, 0) / total - a_weight * weight for name, weight in weights.items()]
        return max(_points(*map(abs, errors)), self.off_together(share, new.sum, old.sum))


def _points(*errors: float) -> float:
    """The greatest error, in points; one that is a whole point is not a hair less because of how it was reckoned."""
    return round(100 * max(errors), 9)


def levels(group: Group, shares: Sequence[float]) -> tuple[Level, ...]:
    """The scores of stages at which the new clusters take these shares (0 to 1, rising) and old ones the rest.

    Sums stay as they are where that is precise enough; else those of a group that is alone at its meta cluster are
    scaled up first. Only where neither will do, clusters whose part is less than a point may go without.
    """
    if not shares:
        return ()
    ways = (_Way(group, scaled=scaled, each=True) for scaled in ((False,) if group.outside else (False, True)))
    found = []
    for way in ways:
        found.append(way.levels(shares))
        # Scaling old ones up takes starts away for a moment from new ones that have any: not for half a point.
        if _worst(found[-1]) < (BOUND if group.share else _AIM):
            return found[-1]
    best = min(found, key=_worst)
    if _worst(best) < BOUND:
        return best
    sparse = _Way(group, scaled=not group.outside, each=False).levels(shares)
    return min(best, sparse, key=_worst)


def _worst(found: Sequence[Level]) -> float:
    return max(level.off for level in found)


class _Way:
    """One way to choose scores for all stages: `scaled` may raise sums, `each` leaves no cluster without a score."""

    def __init__(self, group: Group, *, scaled: bool, each: bool) -> None:
        self._group, self._scaled = group, scaled
        new, old = (group.splits(new=is_new, each=each) for is_new in (True, False))
        end = sum(group.final().scores.values())
        self._end = end
        up = [split for split in new if all(split.parts[name] >= group.now[name] for name in group.weights)]
        full = max(end, _PRECISE_SUM if scaled else 0, up[0].sum if up else 0)
        self._new = [split for split in up if split.sum <= full]
        down = [split for split in old if all(split.parts[name] <= group.now[name] for name in group.former)]
        self._old = old if scaled else down
        # Smaller sums would give away what whole scores can still tell apart.
        sums = [side[-1].sum if side else 0 for side in (self._new, self._old)]
        self._least = min(_PRECISE_SUM, *sums, group.in_proportion(group.weights), group.in_proportion(group.former))

    def levels(self, shares: Sequence[float]) -> tuple[Level, ...]:
        """The scores of each stage; one that scores can't bring about at all is off by 100 points."""
        found = []
        new, old = self._new, self._old
        for share in shares:
            best = self._best(share, new, old)
            if not best:
                return (Level({}, 100.0),)
            its_new, its_old = best
            found.append(Level({**its_new.parts, **its_old.parts}, self._group.off(share, its_new, its_old)))
            new = [split for split in new if split.sum >= its_new.sum]
            old = [split for split in old if split.sum <= its_old.sum]
        return tuple(found)

    def _best(self, share: float, new: Sequence[Split], old: Sequence[Split]) -> tuple[Split, Split] | None:
        best, least = None, (True, math.inf, 0)
        for pair in self._pairs(share, new, old):
            sums = pair[0].sum, pair[1].sum
            # What its sums alone make is a bound that is quickly found.
            if self._preference(*sums, self._group.off_together(share, *sums)) < least:
                preference = self._preference(*sums, self._group.off(share, *pair))
                if preference < least:
                    best, least = pair, preference
        return best

    def _preference(self, new: int, old: int, off: float) -> tuple[bool, float, int]:
        if self._group.outside:
            return new + old != self._group.sum or off >= BOUND, off, 0
        return new + old < self._least, round(off, 2), abs(new + old - self._end)

    def _pairs(self, share: float, new: Sequence[Split], old: Sequence[Split]) -> Iterator[tuple[Split, Split]]:
        if not new or not old:
            return
        first, last = old[0].sum, old[-1].sum
        for split in new:
            rest = split.sum * (1 - share) / share
            sums = {math.floor(rest), math.ceil(rest)}
            if self._group.outside:
                sums.add(self._group.sum - split.sum)
            for wanted in {min(max(each, first), last) for each in sums}:
                if self._scaled and split.sum < self._group.share * (split.sum + wanted):
                    continue
                yield split, old[wanted - first]
