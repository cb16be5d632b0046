"""Simulates shifts: starts fall to old and new by the stage's share, some go bad, and a judge looks on.

Everything is drawn from the seed that is given; nothing waits.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from math import exp, lgamma, log, log1p
from typing import Literal, Protocol

from ws_deployment.config.gates import Comparison
from ws_deployment.traffic.comparison import Counts, Evidence, verdict

#: Parts of the starts that the new cluster takes, minutes of each at least, and minutes that it is looked at after.
STAGES, HOLD, SOAK = (0.10, 0.25, 0.50, 1.0), 15.0, 60.0
#: Minutes after which a stage that can't be passed counts as held.
PATIENCE = 24 * 60.0
#: A look has about so many starts at least, so that a slow shift costs no more looks than a fast one.
_STARTS_A_LOOK = 10
COMPARISON = Comparison(bad="bad{{cluster}}", all="all{{cluster}}")

Word = Literal["success", "failed", "inconclusive"]
#: What became of a shift: turned back, and at which part of the starts; through to the end; held for lack of starts.
End = Literal["back", "through", "held"]


class Judge(Protocol):
    def look(self, new: Counts, old: Counts, minutes: float) -> Word: ...


@dataclass
class Ours:
    """The gate's own code."""

    evidence: Evidence = field(default_factory=Evidence)

    def look(self, new: Counts, old: Counts, minutes: float) -> Word:
        del minutes
        self.evidence.add(new, old, COMPARISON)
        return verdict(self.evidence, COMPARISON)


@dataclass
class Window:
    """Counts of the last minutes."""

    span: float
    looks: deque[tuple[Counts, Counts, float]] = field(default_factory=deque)

    def add(self, new: Counts, old: Counts, minutes: float) -> tuple[Counts, Counts]:
        self.looks.append((new, old, minutes))
        while sum(look[2] for look in self.looks) > max(self.span, minutes):
            self.looks.popleft()
        return sum((one[0] for one in self.looks), Counts()), sum((one[1] for one in self.looks), Counts())


@dataclass
class Fixed:
    """As flagger judges: a bound on the ratio of the last minute, turned back after five failed checks.

    A minute without a start counts as passed, which is kinder than flagger is.
    """

    bound: float = 0.05
    threshold: int = 5
    failed: int = 0
    window: Window = field(default_factory=lambda: Window(1.0))

    def look(self, new: Counts, old: Counts, minutes: float) -> Word:
        ratio = self.window.add(new, old, minutes)[0].ratio
        self.failed += ratio is not None and ratio > self.bound
        return "failed" if self.failed >= self.threshold else "success"


@dataclass
class Plain:
    """A plain ratio: bad when the new cluster's of the last five minutes is more than twice the old ones'."""

    times: float = 2.0
    window: Window = field(default_factory=lambda: Window(5.0))

    def look(self, new: Counts, old: Counts, minutes: float) -> Word:
        of_new, of_old = self.window.add(new, old, minutes)
        if of_new.ratio is None or of_old.ratio is None:
            return "success"
        return "failed" if of_new.ratio > self.times * of_old.ratio else "success"


@dataclass(frozen=True)
class Outcome:
    """`part` is the stage that it ended in, as a part of the starts; `starts` is how many the new cluster took."""

    end: End
    part: float
    starts: float
    minutes: float


def shift(rng: random.Random, judged: Judge, *, old_ratio: float, times: float, rate: float) -> Outcome:
    """One shift of one new cluster that is `times` as bad as the old; `rate` is in starts a minute, of all."""
    minutes = max(1.0, _STARTS_A_LOOK / rate)
    new_ratio = min(1.0, old_ratio * times)
    elapsed = starts = 0.0

    def looks(part: float) -> Iterator[Word]:
        nonlocal elapsed, starts
        while True:
            new = _counts(rng, rate * minutes * part, new_ratio)
            old = _counts(rng, rate * minutes * (1 - part), old_ratio) if part < 1 else Counts()
            elapsed += minutes
            starts += new.all
            yield judged.look(new, old, minutes)

    for part in STAGES:
        held = 0.0
        least = HOLD + (SOAK if part == STAGES[-1] else 0.0)
        for word in looks(part):
            held += minutes
            if word == "failed":
                return Outcome("back", part, starts, elapsed)
            if held >= least and word == "success":
                break
            if held >= PATIENCE:
                return Outcome("held", part, starts, elapsed)
    return Outcome("through", STAGES[-1], starts, elapsed)


def many(
    count: int, seed: object, judged: Callable[[], Judge], *, old_ratio: float, times: float, rate: float
) -> list[Outcome]:
    """`count` shifts, each with a judge of its own."""
    rng = random.Random(repr(seed))  # noqa: S311  chance of a simulation
    return [shift(rng, judged(), old_ratio=old_ratio, times=times, rate=rate) for _ in range(count)]


def _counts(rng: random.Random, mean: float, ratio: float) -> Counts:
    every = bisect(_poisson(mean), rng.random())
    return Counts(bisect(_binomial(every, ratio), rng.random()) if every else 0, every)


@cache
def _poisson(mean: float) -> list[float]:
    """The distribution function, up to where it is as good as 1."""
    most = int(mean + 12 * mean**0.5 + 20)
    return list(accumulate(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(most)))


@cache
def _binomial(count: int, ratio: float) -> list[float]:
    if ratio >= 1:
        return [0.0] * count
    return list(
        accumulate(
            exp(
                lgamma(count + 1) - lgamma(k + 1) - lgamma(count - k + 1) + k * log(ratio) + (count - k) * log1p(-ratio)
            )
            for k in range(count)
        )
    )
