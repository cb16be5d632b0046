"""Compares what goes bad on a new cluster with what goes bad on the old ones, again and again as it is counted. Pure.

Two sequential probability ratio tests, valid however often one looks (docs/decisions/0010):

- *beside the old*: of the failures that happen meanwhile, how many are the new cluster's? As many as its part of the
  starts if it is as good as the old ones, more if it is `times` as bad. What both suffer at once tells nothing.
- *by itself*: is its ratio below `at_least`, so that it is not bad whatever the old ones' is?
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ws_deployment.config.gates import Comparison
from ws_deployment.traffic.judgement import Judgement

#: Each error of one comparison: that a good cluster is called bad, that a bad one is called good. Half of the 1 % that
#: is promised of a whole shift, in which evidence for a cluster is capped and a bad one has several stages to slip by.
ERROR = 0.005
#: What has to speak for a cluster to let it go on, as a logarithm.
LOWEST = math.log(ERROR / (1 - ERROR))
#: What counts as bad where the config does not say: so many times the old clusters' ratio.
TIMES = 3.0
#: A stretch of evidence ends when the new cluster and the old ones had so many starts each: long enough that the part
#: of each is known, short enough that a bad hour for all does not look like the new one's fault.
_STRETCH = 20.0
#: Old clusters with less than this part of the starts are on their way out: their record so far is compared with.
_LEAVING = 0.05
#: What is assumed of the old clusters before they are known: half a failure in ten starts.
_ASSUMED_BAD, _ASSUMED_ALL = 0.5, 10.0
#: Bounds of how many times as bad is looked for.
_LEAST_TIMES, _MOST_TIMES = 1.05, 1000.0


@dataclass(slots=True)
class Counts:
    """How many of all went bad. Never changed once made; not frozen, which would take a simulation twice as long."""

    bad: float = 0.0
    all: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.bad + other.bad, self.all + other.all)

    @property
    def ratio(self) -> float | None:
        """The part that went bad; None of nothing."""
        return self.bad / self.all if self.all > 0 else None


@dataclass
class Evidence:
    """What speaks against one new cluster since the shift began, as logarithms of likelihood ratios.

    `beside` and `itself` rise with each sign that it is bad, and fall with each that it is good, down to a floor:
    a cluster that was good for long and turns bad is found almost as soon as one that always was. `new` and `old` are
    all counts; those of the stretch that is not closed are in `open_new` and `open_old`. `good` says that it was
    found good, and that no more has spoken against it since than for it. `against` is what speaks against it beside
    the old clusters now, with the open stretch.
    """

    beside: float = 0.0
    itself: float = 0.0
    new: Counts = field(default_factory=Counts)
    old: Counts = field(default_factory=Counts)
    open_new: Counts = field(default_factory=Counts)
    open_old: Counts = field(default_factory=Counts)
    good: bool = False
    against: float = 0.0

    def add(self, new: Counts, old: Counts, comparison: Comparison) -> None:
        """Take in what was counted since the look before."""
        self.new += new
        self.old += old
        self.open_new += new
        self.open_old += old
        self.itself = min(max(self.itself + by_itself(new, comparison.at_least), LOWEST), -LOWEST)
        baseline = self.old if self.leaving else self.open_old
        total = self.beside + beside(self.open_new, baseline, self._times(comparison))
        if total < LOWEST or (self.open_new.all >= _STRETCH and self.open_old.all >= _STRETCH):
            self.beside = total = max(total, LOWEST)
            self.open_new = self.open_old = Counts()
        self.against = total
        if total <= LOWEST or self.itself <= LOWEST:
            self.good = True
        elif total >= 0:
            self.good = False

    def _times(self, comparison: Comparison) -> float:
        """How many times the old clusters' ratio is looked for; by what was known of them before this stretch."""
        known = (self.old.bad - self.open_old.bad + _ASSUMED_BAD) / (self.old.all - self.open_old.all + _ASSUMED_ALL)
        return times_looked_for(known, comparison)

    @property
    def leaving(self) -> bool:
        """Whether the old clusters take next to no starts any more."""
        return self.open_new.all >= _STRETCH and self.open_old.all < _LEAVING * self.open_new.all

    def as_dict(self) -> dict[str, Any]:
        """As JSON; `of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Evidence:
        """What `as_dict` told."""
        counts = {key: Counts(**told[key]) for key in ("new", "old", "open_new", "open_old")}
        return cls(**{**told, **counts})


def beside(new: Counts, old: Counts, times: float) -> float:
    """How much more likely the split of failures is if the new cluster is `times` as bad, as a logarithm.

    The failures of a stretch fall to the two sides by their starts; that they are rare and independent makes the test
    exact, and otherwise it errs towards saying nothing. A small baseline can't say much: with `n` old starts and no
    old failure it never comes above `n` times the new ratio.
    """
    failures = new.bad + old.bad
    if not failures or new.all <= 0 or old.all <= 0:
        return 0.0
    return new.bad * math.log(times) + failures * math.log((new.all + old.all) / (times * new.all + old.all))


def judge(evidence: Evidence, comparison: Comparison, *, tests: int = 1) -> Judgement:
    """The verdict on one cluster by what is known so far, with its numbers; `tests` as in `verdict`."""
    new, old = evidence.new, evidence.old
    word = verdict(evidence, comparison, tests=tests)
    text = f"{_share(new)} bad, old {_share(old)}: "
    if word == "failed":
        record = ", by the record of the old ones, which take no more starts" if evidence.leaving else ""
        text += f"bad, at most {ERROR:.1%} error{record}"
    elif word == "success":
        text += f"not bad, at most {ERROR:.1%} error"
    elif min(new.all, old.all) < comparison.min_starts:
        text += f"too few yet, {comparison.min_starts} of each are wanted"
    else:
        text += "not sure yet"
    return Judgement(word, text, new.ratio, old.ratio, int(new.all))


def verdict(
    evidence: Evidence, comparison: Comparison, *, tests: int = 1
) -> Literal["success", "failed", "inconclusive"]:
    """The verdict on one cluster by what is known so far.

    `tests` is how many such comparisons decide on the shift (clusters by gates): the error that a good cluster is
    turned back is shared among them.
    """
    if evidence.new.all < comparison.min_starts:
        return "inconclusive"
    enough = evidence.old.all >= comparison.min_starts
    if enough and evidence.itself > 0 and evidence.against >= highest(tests):
        return "failed"
    return "success" if evidence.good and (enough or evidence.itself <= LOWEST) else "inconclusive"


def times_looked_for(old_ratio: float, comparison: Comparison) -> float:
    """How many times `old_ratio` a cluster's ratio is if it is bad: no more than halfway from there to always."""
    wanted = 1 + comparison.difference / old_ratio if comparison.difference is not None else comparison.times or TIMES
    halfway = (1 + old_ratio) / (2 * old_ratio)
    return max(_LEAST_TIMES, min(max(wanted, comparison.at_least / old_ratio), halfway, _MOST_TIMES))


def highest(tests: int) -> float:
    """What has to speak against a cluster to turn it back."""
    return math.log((1 - ERROR) * max(tests, 1) / ERROR)


def by_itself(new: Counts, at_least: float) -> float:
    """How much more likely the counts are at a ratio of `at_least` than at a third of it, as a logarithm."""
    low = at_least / TIMES
    good = max(new.all - new.bad, 0.0)
    return new.bad * math.log(TIMES) + good * math.log((1 - at_least) / (1 - low))


def _share(counts: Counts) -> str:
    ratio = counts.ratio
    return f"{counts.bad:g} of {counts.all:g}" + (f" ({ratio:.1%})" if ratio is not None else "")
