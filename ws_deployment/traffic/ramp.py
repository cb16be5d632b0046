"""The arithmetic of a shift: from the scores of today to a ramp of named writes. Pure.

A meta cluster picks a cluster for each start at random, weighted by min(score, max score). Scores are integers from
0 to 100. New clusters come up before old ones go down, so at no moment are starts without a home.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ws_deployment.errors import RefusedError
from ws_deployment.traffic.apportion import NOTHING, Split
from ws_deployment.traffic.levels import BOUND, DEFAULT_SCORE, HIGHEST_SCORE, Group, Level, levels

#: Points (of percent) by which a share may seem greater than it is.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Registration:
    """A cluster as its meta cluster has it. A cluster that is not `available` (cordoned, draining) takes no starts.

    One that is `limited` takes those of some users alone, whom its meta cluster admits.
    """

    name: str
    score: int
    available: bool
    max_score: int = HIGHEST_SCORE
    url: str = ""
    governed: bool = True
    static: bool = False
    limited: bool = False

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

    `scores` are those of the shift's clusters when the stage is reached, by short name; `hold` is in seconds. `off` is
    by how many points the share of any cluster then differs from what is wanted.
    """

    percent: float
    scores: Mapping[str, int]
    writes: tuple[Write, ...]
    hold: float
    off: float = 0.0

    @property
    def imprecise(self) -> str:
        """What a plan says of a stage that whole scores do not come near to; empty where they do."""
        if self.off < BOUND:
            return ""
        return f"{self.percent:g} %: whole scores bring shares that are off by up to {self.off:.1f} points"


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
    *,
    weights: Mapping[str, float] | None = None,
    before: Sequence[Registration] = (),
) -> tuple[Stage, ...]:
    """The stages that move traffic from `old` to `new`, by short name.

    `stages` are rising percentages of the group's starts; the last one is 100. New clusters share by `weights` (1
    where none is given), old ones in proportion to their scores before. Without old clusters there is nothing to move
    from, and one stage of 100 % is made. Beside other clusters the group's score sum stays what it was; alone only
    ratios count, and it ends with what registrations have by themselves: see decision 0004. Where a part of the way
    was gone before, the ramp goes on from there: no stage takes starts away from the new clusters again. `before` are
    the registrations before a shift that was cut off, so that what it left half done does not count as wanted.

    Raises RefusedError for a new cluster whose maximum score lets it take nothing.
    """
    now = {each.name: each for each in registrations}
    counted = {each.name: each.effective for each in (*registrations, *before)}
    group = _group(new, old, now, counted, weights or {})
    last = _last(group, sum(counted[name] for name in old), old)
    left = [percent for percent in stages[:-1] if percent >= 100 * group.share - _ROUNDING]
    moving = group.share < 1 and any(group.now[name] for name in group.former)
    found = levels(group, [percent / 100 for percent in left]) if moving else ()
    state = {name: _State(min(now[name].score, now[name].max_score), now[name].available) for name in (*new, *old)}
    result = [
        Stage(percent, level.scores, tuple(_writes(state, new, old, level.scores)), hold, level.off)
        for percent, level in zip(left, found, strict=False)
    ]
    return (*result, Stage(100.0, last.scores, tuple(_last_writes(state, new, old, last.scores)), 0.0, last.off))


def _group(
    new: Collection[str],
    old: Collection[str],
    now: Mapping[str, Registration],
    counted: Mapping[str, int],
    weights: Mapping[str, float],
) -> Group:
    limits = {name: min(HIGHEST_SCORE, now[name].max_score) for name in (*new, *old)}
    for name in new:
        if limits[name] < 1:
            raise RefusedError(
                "shifting traffic to",
                on=name,
                why=f"its maximum score is {now[name].max_score}: starts would not be sent to it",
                remedy=f"Raise it first, for example: gpctl clusters update max-score {HIGHEST_SCORE} --name {name}",
            )
    return Group(
        weights={name: weights.get(name, 1.0) for name in new},
        former={name: counted[name] if now[name].effective else 0 for name in old},
        now={name: min(now[name].effective, HIGHEST_SCORE) for name in (*new, *old)},
        limits=limits,
        sum=sum(counted[name] for name in limits) or DEFAULT_SCORE * len(new),
        outside=sum(each.effective for name, each in now.items() if name not in limits),
    )


def _last(group: Group, old_before: int, old: Collection[str]) -> Level:
    """The scores at the end. Where there never was anything to move from, those of now do if they split as wanted."""
    there = Split(sum(group.now[name] for name in group.weights), {name: group.now[name] for name in group.weights})
    if not old_before and all(there.parts.values()) and (off := group.off(1.0, there, NOTHING)) < BOUND:
        return Level({**there.parts, **dict.fromkeys(old, 0)}, off)
    return group.final()


@dataclass
class _State:
    score: int
    available: bool


def _writes(
    state: dict[str, _State], new: Collection[str], old: Collection[str], target: Mapping[str, int]
) -> Iterator[Write]:
    """Old ones whose scale goes up, then new ones, then old ones that go down."""
    rising = [name for name in old if state[name].available and target[name] > state[name].score]
    for name in rising:
        yield from _score(state, name, target[name])
    for name in new:
        # One that gets nothing yet stays as it is: some bridges start workspaces at a score of 0 too.
        if target[name]:
            yield from _up(state, name, target[name])
    for name in old:
        if state[name].available and name not in rising:
            yield from _score(state, name, target[name])


def _last_writes(
    state: dict[str, _State], new: Collection[str], old: Collection[str], target: Mapping[str, int]
) -> Iterator[Write]:
    """New ones that have not their score, then old ones down and cordoned, then new ones that have more than it."""
    falling = [name for name in new if state[name].available and target[name] < state[name].score]
    for name in new:
        if name not in falling:
            yield from _up(state, name, target[name])
    for name in old:
        yield from _score(state, name, 0)
        if state[name].available:
            yield Write(name, "cordoned", 1)
    for name in falling:
        yield from _score(state, name, target[name])


def _up(state: dict[str, _State], name: str, score: int) -> Iterator[Write]:
    yield from _score(state, name, score)
    if not state[name].available:
        yield Write(name, "cordoned", 0)
        state[name].available = True


def _score(state: dict[str, _State], name: str, score: int) -> Iterator[Write]:
    if state[name].score != score:
        yield Write(name, "score", score)
        state[name].score = score
