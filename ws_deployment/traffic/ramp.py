"""The arithmetic of a shift: from the scores of today to a ramp of named writes. Pure.

A meta cluster picks a cluster for each start at random, weighted by min(score, max score). Scores are integers from
0 to 100. New clusters come up before old ones go down, so at no moment are starts without a home.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

#: Highest score that counts at placement.
HIGHEST_SCORE = 100
#: Score of a cluster that is registered without a hint (the bridge's own default).
DEFAULT_SCORE = 50


@dataclass(frozen=True)
class Registration:
    """A cluster as its meta cluster has it. A cluster that is not `available` (cordoned, draining) takes no starts."""

    name: str
    score: int
    available: bool
    max_score: int = HIGHEST_SCORE
    url: str = ""
    governed: bool = True
    static: bool = False

    @property
    def effective(self) -> int:
        """What counts at placement."""
        return max(0, min(self.score, self.max_score)) if self.available else 0


@dataclass(frozen=True)
class Write:
    """One write of a shift."""

    cluster: str
    property: Literal["score", "cordoned"]
    value: int

    def __str__(self) -> str:
        if self.property == "score":
            return f"score {self.cluster} = {self.value}"
        return f"{'cordon' if self.value else 'uncordon'} {self.cluster}"


@dataclass(frozen=True)
class Stage:
    """One level of a ramp: the new clusters' common share in percent, the writes to get there, the wait after it.

    `scores` are those of the shift's clusters when the stage is reached, by short name; `hold` is in seconds.
    """

    percent: float
    scores: Mapping[str, int]
    writes: tuple[Write, ...]
    hold: float


def shares(registrations: Sequence[Registration]) -> dict[str, float]:
    """Percent of starts that each cluster takes; all 0 when none is available."""
    total = sum(weight.effective for weight in registrations)
    return {weight.name: 100 * weight.effective / total if total else 0.0 for weight in registrations}


def ramp(
    new: Collection[str],
    old: Collection[str],
    registrations: Sequence[Registration],
    stages: Sequence[float],
    hold: float,
) -> tuple[Stage, ...]:
    """The stages that move traffic from `old` to `new`, by short name.

    `stages` are rising percentages of the group's starts; the last one is 100. New clusters share alike; old ones
    keep their proportions. Without old clusters there is nothing to move from, and one stage of 100 % is made.
    The group's score sum stays what it was, so that other clusters of the meta cluster keep their share, as far
    as a score of 100 allows. Where a part of the way was gone before, the ramp goes on from there: no stage takes
    starts away from the new clusters again.
    """
    now = {weight.name: weight for weight in registrations}
    former = {name: now[name].effective for name in old}
    gone = sum(now[name].effective for name in new)
    budget = sum(former.values()) + gone or DEFAULT_SCORE * len(new)
    left = [percent for percent in stages if percent * budget >= 100 * gone]
    levels: Sequence[float] = left if any(former.values()) else (100.0,)
    state = {name: _State(score=now[name].score, available=now[name].available) for name in (*new, *old)}
    result = []
    for percent in levels:
        target = _targets(new, former, budget, percent)
        writes = tuple(_writes(state, new, old, target, last=percent == levels[-1]))
        result.append(Stage(percent, target, writes, hold if percent != levels[-1] else 0.0))
    return tuple(result)


@dataclass
class _State:
    score: int
    available: bool


def _targets(new: Collection[str], former: Mapping[str, int], budget: int, percent: float) -> dict[str, int]:
    """Integer scores for a stage. Sums are kept by largest remainder; a share above 0 is never rounded to 0."""
    for_new = budget * percent / 100
    total = sum(former.values())
    wanted = dict.fromkeys(new, for_new / len(new))
    wanted |= {name: (budget - for_new) * score / total for name, score in former.items()} if total else {}
    floors = {name: max(int(value), 1 if value > 0 else 0) for name, value in wanted.items()}
    missing = budget - sum(floors.values())
    for name in sorted(wanted, key=lambda name: floors[name] - wanted[name])[: max(missing, 0)]:
        floors[name] += 1
    return {name: min(score, HIGHEST_SCORE) for name, score in floors.items()}


def _writes(
    state: dict[str, _State], new: Collection[str], old: Collection[str], target: Mapping[str, int], *, last: bool
) -> list[Write]:
    writes = []
    for name in new:
        if state[name].score != target[name]:
            writes.append(Write(name, "score", target[name]))
            state[name].score = target[name]
        if not state[name].available:
            writes.append(Write(name, "cordoned", 0))
            state[name].available = True
    for name in old:
        if state[name].score != target.get(name, 0):
            writes.append(Write(name, "score", target.get(name, 0)))
            state[name].score = target.get(name, 0)
        if last and state[name].available:
            writes.append(Write(name, "cordoned", 1))
            state[name].available = False
    return writes
