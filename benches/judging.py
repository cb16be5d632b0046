"""How often gates are wrong: simulated shifts of healthy and of sick clusters, judged by the gates' code and by others.

`python benches/judging.py 10000 2` prints the table of docs/gates.md: so many shifts a cell, from that seed. `make
bench` asks with fewer shifts, from the seed 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from rows import Row
from shifts import Fixed, Judge, Ours, Outcome, Plain, many

RATIOS = (0.02, 0.05, 0.20)
RATES = (1, 3, 10, 30, 100)
#: How many times as bad as the old ones a sick cluster is.
SICK = 3.0
SHIFTS = 1000
#: Part of the starts by which a sick cluster has to be turned back.
HALF = 0.5
#: Where at most this part of the shifts is held for lack of starts, the starts suffice.
SUFFICE = 0.01
HEAD = (
    "old ratio",
    "starts a minute",
    "healthy turned back",
    "healthy held",
    "sick missed",
    "sick held",
    "starts until sick is back: median, 99 %",
    "fixed: healthy back",
    "fixed: sick missed",
    "plain: healthy back",
    "plain: sick missed",
)
JUDGES: dict[str, Callable[[], Judge]] = {"gates": Ours, "fixed": Fixed, "plain": Plain}


@dataclass(frozen=True)
class Cell:
    """Percent of shifts at one ratio and rate under one judge, and the new cluster's starts until it was back."""

    ratio: float
    rate: float
    judge: str
    wrongly_back: float
    healthy_held: float
    missed: float
    sick_held: float
    median: float
    late: float

    @property
    def suffices(self) -> bool:
        return self.sick_held <= 100 * SUFFICE


def cell(ratio: float, rate: float, judge: str, count: int, seed: int) -> Cell:
    """Simulate `count` shifts of a healthy and of a sick cluster. Each cell has a seed of its own."""
    healthy, sick = (
        many(count, (seed, ratio, rate, times), JUDGES[judge], old_ratio=ratio, times=times, rate=rate)
        for times in (1.0, SICK)
    )
    back = sorted(one.starts for one in sick if one.end == "back")
    return Cell(
        ratio,
        rate,
        judge,
        wrongly_back=_percent(healthy, lambda one: one.end == "back"),
        healthy_held=_percent(healthy, lambda one: one.end == "held"),
        missed=_percent(sick, lambda one: one.end != "held" and (one.end != "back" or one.part >= HALF)),
        sick_held=_percent(sick, lambda one: one.end == "held"),
        median=back[len(back) // 2] if back else float("nan"),
        late=back[int(len(back) * 0.99)] if back else float("nan"),
    )


def cells(count: int, seed: int) -> Iterator[Cell]:
    """All cells, worked at by all cores. The others' errors are so large that a fifth of the shifts shows them."""
    asked = [
        (ratio, rate, judge, count if judge == "gates" else max(count // 5, 1), seed)
        for ratio in RATIOS
        for rate in RATES
        for judge in JUDGES
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(cell, *zip(*asked, strict=True))


def rows() -> list[Row]:
    """The worst cells: promised are at most 1 % of each error wherever the starts suffice."""
    every = list(cells(SHIFTS, 1))
    of = {judge: [one for one in every if one.judge == judge] for judge in JUDGES}
    back = {judge: max(one.wrongly_back for one in found) for judge, found in of.items()}
    enough = {(one.ratio, one.rate) for one in of["gates"] if one.suffices}
    missed = {judge: max(one.missed for one in found if (one.ratio, one.rate) in enough) for judge, found in of.items()}
    names = {"fixed": "5 % of a minute, 5 times", "plain": "twice the old's, 5 min"}
    told = []
    for peer, name in names.items():
        told.append(Row("healthy clusters turned back, worst cell", back["gates"], name, back[peer], "%", 0.0, 1.0))
        told.append(Row("3 times as bad, not back by 50 %", missed["gates"], name, missed[peer], "%", 0.0, 1.0))
    return told


def table(count: int, seed: int) -> Iterator[str]:
    """The cells as Markdown, a line for each ratio and rate, as they come."""
    yield "| " + " | ".join(HEAD) + " |"
    yield "|---" * len(HEAD) + "|"
    found = cells(count, seed)
    for ours, *others in zip(*[found] * len(JUDGES), strict=True):
        beside = " | ".join(f"{one.wrongly_back:.1f} % | {one.missed:.1f} %" for one in others)
        yield (
            f"| {ours.ratio:.0%} | {ours.rate:g} | {ours.wrongly_back:.2f} % | {ours.healthy_held:.1f} % "
            f"| {ours.missed:.2f} % | {ours.sick_held:.1f} % | {ours.median:.0f}, {ours.late:.0f} | {beside} |"
        )


def _percent(outcomes: list[Outcome], holds: Callable[[Outcome], bool]) -> float:
    return 100 * sum(holds(one) for one in outcomes) / len(outcomes)


if __name__ == "__main__":
    asked = [int(each) for each in sys.argv[1:]]
    for line in table(*asked, *(SHIFTS, 1)[len(asked) :]):
        print(line, flush=True)
